"""Runs pg_dump, pg_restore and other client programs as subprocesses.

Connection parameters and the password go through the environment, never through arguments; nothing runs in a shell.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from bot.adapters.pgclient.redaction import summarise_errors
from bot.errors import PermanentError

POLL_S = 0.05
KILL_PATIENCE_S = 5.0

VERSION = re.compile(r"\(PostgreSQL\) (\d+)(?:\.(\d+))?")
# A tool inherits these of our own environment; secrets for other systems stay out.
KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR", "SSL_CERT_FILE", "PGSYSCONFDIR")
# pg_dump waits for a table by `statement_timeout`, its workers do not wait at all.
OUT_OF_LOCKS = "out of shared memory"
LOCKED = re.compile("canceling statement due to (lock|statement) timeout|could not obtain lock on relation")
GONE = re.compile(
    r"server closed the connection|terminating connection|connection to server|could not connect|the database system is"
    r"|connection not open|no connection to the server|SSL SYSCALL|could not receive data|lost synchronization"
)
STATISTICS_SINCE = 18
EXCLUDED = ("--no-subscriptions", "--no-publications", "--no-security-labels", "--no-tablespaces")


class ToolFailedError(Exception):
    """A tool ended with an error.

    Attributes:
        tool: its name.
        message: its own first error, without hosts, queries and rows.
        locked: it gave up waiting for a lock.
        stderr: everything it wrote to its error stream: not for people, it may quote rows.
    """

    def __init__(self, tool: str, message: str, *, locked: bool = False, stderr: str = "") -> None:
        super().__init__(tool, message)
        self.tool = tool
        self.message = message
        self.locked = locked
        self.stderr = stderr

    @property
    def gone(self) -> bool:
        """Say if the connection was lost or refused: trying again may work."""
        return GONE.search(self.stderr) is not None


class PgTools:
    """The client tools of one PostgreSQL version.

    Args:
        bin_dir: their directory; None looks them up in PATH.
    """

    def __init__(self, bin_dir: Path | None = None) -> None:
        self._bin_dir = bin_dir
        self._versions: dict[str, str] = {}

    def version(self, tool: str = "pg_dump") -> str:
        """Read the tool's version, e.g. ``18.6``.

        Raises:
            PermanentError: ``tool-missing``.
        """
        if tool not in self._versions:
            done = subprocess.run([self._path(tool), "--version"], capture_output=True, text=True, check=False)  # noqa: S603 -- our own tool, no shell
            match = VERSION.search(done.stdout)
            if match is None:
                raise _missing(tool)
            self._versions[tool] = match[0].removeprefix("(PostgreSQL) ")
        return self._versions[tool]

    def check_version(self, server_version: int) -> None:
        """Refuse a pg_dump older than the server: it cannot read what it does not know.

        Args:
            server_version: `server_version_num`.

        Raises:
            PermanentError: ``tool-too-old``, ``tool-missing``.
        """
        if self.major("pg_dump") < server_version // 10000:
            raise PermanentError(
                "tool-too-old",
                f"pg_dump is {self.version()} and the server is PostgreSQL {server_version // 10000}.",
                "Install client tools of the server's major version or newer; point pg_bin in backstop.toml at them.",
            )

    def start_schema_dump(self, environment: Mapping[str, str], file: Path, lock_timeout_s: float) -> "ToolRun":
        """Start a dump of the schema alone to a custom-format file."""
        arguments = ["--schema-only", "--format=custom", "--compress=0", *EXCLUDED]
        return self.start("pg_dump", [*arguments, _wait(lock_timeout_s), f"--file={file}"], environment)

    def start_copy_dump(self, environment: Mapping[str, str], file: Path, lock_timeout_s: float) -> "ToolRun":
        """Start a dump of a schema-only copy, with the few rows that it has, to a custom-format file."""
        arguments = ["--format=custom", "--compress=0", "--no-subscriptions", _wait(lock_timeout_s), f"--file={file}"]
        return self.start("pg_dump", arguments, environment)

    def knows_statistics(self, server_version: int, tool: str = "pg_dump") -> bool:
        """Say if tool and server can carry the planner's statistics from one database to another.

        Args:
            server_version: `server_version_num`.
            tool: pg_dump, pg_restore or vacuumdb.

        Raises:
            PermanentError: ``tool-missing``.
        """
        return min(self.major(tool), server_version // 10000) >= STATISTICS_SINCE

    def start_dump(
        self,
        environment: Mapping[str, str],
        directory: Path,
        snapshot: str,
        lock_timeout_s: float,
        *,
        statistics: bool = False,
    ) -> "ToolRun":
        """Start a directory-format dump of an exported snapshot, with the planner's statistics if requested."""
        # decision 15: gzip 1 in pg_dump's own processes; every build of the tools can read it, zstd and lz4 not.
        arguments = ["--format=directory", "--jobs=2", "--compress=1", "--no-subscriptions", "--no-sync"]
        arguments += ["--statistics"] if statistics else []
        arguments += [f"--snapshot={snapshot}", _wait(lock_timeout_s), f"--file={directory}"]
        return self.start("pg_dump", arguments, environment)

    def list_contents(self, file: Path) -> Sequence[str]:
        """List the entries of a dump.

        Raises:
            ToolFailedError: with pg_restore's message.
        """
        return self.start("pg_restore", ["--list", str(file)], {}).wait().splitlines()

    def list_dependencies(self, file: Path) -> Sequence[str]:
        """List the entries of a dump, each followed by a line of the entries it depends on, if any.

        Raises:
            ToolFailedError: with pg_restore's message.
        """
        return self.start("pg_restore", ["--list", "--verbose", str(file)], {}).wait().splitlines()

    def write_sql(self, file: Path, entries: Sequence[str], section: str = "") -> str:
        """Convert entries of a dump, or of its section ``pre-data``, ``data`` or ``post-data``, to SQL.

        Raises:
            ToolFailedError: with pg_restore's message.
        """
        with use_list(file, entries) as wanted:
            arguments = [wanted, *([f"--section={section}"] if section else []), "--file=-", str(file)]
            return self.start("pg_restore", arguments, {}).wait()

    def start(self, tool: str, arguments: Sequence[str], environment: Mapping[str, str]) -> "ToolRun":
        """Start a tool with the given environment, and the part of ours that it needs."""
        inherited = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
        # LC_MESSAGES: errors are recognised by their English text.
        return ToolRun(tool, [self._path(tool), *arguments], {**inherited, **environment, "LC_MESSAGES": "C"})

    def major(self, tool: str) -> int:
        """Read the tool's major version.

        Raises:
            PermanentError: ``tool-missing``.
        """
        return int(self.version(tool).partition(".")[0])

    def _path(self, tool: str) -> str:
        found = shutil.which(tool, path=str(self._bin_dir) if self._bin_dir else None)
        if found is None:
            raise _missing(tool)
        return found


@contextmanager
def use_list(dump: Path, entries: Sequence[str]) -> Iterator[str]:
    """Write the entries of a dump to a file, and return pg_restore's argument for it."""
    # The file lies with the dump: if this process is killed, it goes when the dump does.
    directory = dump if dump.is_dir() else dump.parent
    with tempfile.NamedTemporaryFile("w", dir=directory, suffix=".list", encoding="utf-8") as wanted:
        wanted.write("\n".join(entries) + "\n")
        wanted.flush()
        yield f"--use-list={wanted.name}"


class ToolRun:
    """A running tool. Its output goes to files, so that no full pipe can stop it."""

    def __init__(self, tool: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._tool = tool
        self._out = tempfile.TemporaryFile()  # noqa: SIM115 -- lives as long as the process
        self._err = tempfile.TemporaryFile()  # noqa: SIM115 -- likewise
        self._process = subprocess.Popen(  # noqa: S603 -- our own tool, no shell
            command, stdin=subprocess.DEVNULL, stdout=self._out, stderr=self._err, env=dict(environment)
        )

    def is_running(self) -> bool:
        """Say if it has not ended; wait a moment for it."""
        try:
            self._process.wait(POLL_S)
        except subprocess.TimeoutExpired:
            return True
        return False

    @property
    def failed(self) -> bool:
        """Say if it has ended with an error."""
        return bool(self._process.poll())

    def wait(self) -> str:
        """Wait for the end, and return its output.

        Raises:
            ToolFailedError: it failed.
        """
        try:
            code = self._process.wait()
            self._out.seek(0)
            self._err.seek(0)
            output, stderr = (stream.read().decode(errors="replace") for stream in (self._out, self._err))
        finally:
            self.kill()
        if code:
            locked = LOCKED.search(stderr) is not None and OUT_OF_LOCKS not in stderr
            raise ToolFailedError(self._tool, summarise_errors(stderr), locked=locked, stderr=stderr)
        return output

    def kill(self) -> None:
        """End it and its workers now; harmless when it has ended."""
        if self._process.poll() is None:
            self._process.terminate()  # lets pg_dump cancel its workers' queries
            try:
                self._process.wait(KILL_PATIENCE_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._out.close()
        self._err.close()


def _wait(lock_timeout_s: float) -> str:
    return f"--lock-wait-timeout={round(lock_timeout_s * 1000)}"


def _missing(tool: str) -> PermanentError:
    return PermanentError(
        "tool-missing",
        f"{tool} is not there or does not run.",
        "Install PostgreSQL's client tools, or point pg_bin in backstop.toml at them.",
    )
