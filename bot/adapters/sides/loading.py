"""Loads a bundle into an empty database beside the live one, and reports progress."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from bot.adapters.database import Server
from bot.adapters.database.connections import KNOWS_TRANSACTION_TIMEOUT, Connection, Connections
from bot.adapters.database.known_objects import known_objects
from bot.adapters.dump_statements import ArchiveCheck
from bot.adapters.named_queries import load
from bot.adapters.pgclient.restore_errors import extension_refused, load_failed, read_restore_errors, tolerated_errors
from bot.adapters.pgclient.tools import ToolFailedError, ToolRun, use_list
from bot.adapters.sides.archive import Contents
from bot.adapters.sides.databases import QUERIES as DATABASES
from bot.adapters.sides.ownership import Ownership, read_ownership
from bot.adapters.sides.plain import PlainDump, build_environment, check_psql
from bot.domain.backups import BundleKind
from bot.domain.runs import Progress
from bot.errors import TemporaryError
from bot.ports import FetchedBundle, Report

QUERIES = load("sql.sides", "loading.sql")
# A half-loaded database is dropped, so no COMMIT in it needs to wait for the disk.
OPTIONS = "-c synchronous_commit=off -c maintenance_work_mem=256MB -c statement_timeout=0 -c lock_timeout=0"
APPLICATION_BYTES = 63
JOBS = 2
# Where more than that lack statistics, all are analysed: a command line has its limits.
MAX_NAMED_TABLES = 200
REPORT_EVERY_S = 0.5


@dataclass
class _Target:
    """A database being filled.

    Attributes:
        conn: the loader's session in it; it is gone when the database is.
        environment: of the tools, which log in as the loader.
    """

    name: str
    conn: Connection
    environment: Mapping[str, str]
    follow: Callable[[ToolRun], None]
    problems: list[str] = field(default_factory=list)
    has_statistics: bool = False  # some, at least

    @property
    def server_version(self) -> int:
        return self.conn.info.server_version


class Loader:
    """Fills databases; see `bot.ports.Sides.load`. Nothing of a bundle runs as our own role.

    Args:
        server: of the databases; its tools are pg_restore, psql and vacuumdb.
    """

    def __init__(self, server: Server) -> None:
        self._connections = server.connections
        self._tools = server.tools

    def check(self, bundle: FetchedBundle) -> None:
        """Check every statement of a bundle before any of them runs, and set aside what is about owners and privileges.

        Raises:
            PermanentError: ``bundle-unsafe-statement``, ``bundle-foreign-object``, ``bundle-unreadable``,
                ``load-failed``, ``tool-too-old``.
        """
        # decision 38: what is not on the list of what pg_dump writes for one database does not run.
        known = known_objects(self._connections)
        try:
            if bundle.kind is BundleKind.PLAIN:
                with bundle.path.open("rb") as file:
                    found = read_ownership(file, known, script=True, dump=bundle.name)
                dump = PlainDump(bundle.path)
                if dump.kept_ownership() is None:  # an earlier try may have blanked it
                    dump.take_ownership(found)
            else:
                ArchiveCheck(self._tools, known).check(bundle.path, bundle.kind, bundle.name)
        except ToolFailedError as error:
            raise load_failed(error) from error

    def read_ownership(self, bundle: FetchedBundle, *, owners: bool) -> Ownership:
        """Read what a bundle says about privileges, and about owners if asked.

        Raises:
            PermanentError: ``bundle-unsafe-statement``, ``bundle-foreign-object``, ``load-failed``.
        """
        known = known_objects(self._connections)
        if bundle.kind is BundleKind.PLAIN:
            kept = PlainDump(bundle.path).kept_ownership()
            if kept is not None:
                return kept
            with bundle.path.open("rb") as file:
                return read_ownership(file, known, script=True, dump=bundle.name)
        try:
            contents = Contents.read(self._tools.list_contents(bundle.path))
            entries = [*(contents.definitions if owners else ()), *contents.privileges]
            text = self._tools.write_sql(bundle.path, entries) if entries else ""
        except ToolFailedError as error:
            raise load_failed(error) from error
        return read_ownership(BytesIO(text.encode()), known, script=False, dump=bundle.name)

    def load(self, loader: Connections, name: str, bundle: FetchedBundle, progress: "LoadProgress") -> Sequence[str]:
        """Fill an empty database; return one line for each object that could not be made as it was.

        Args:
            loader: logs in as the loader.
            name: of the database.
            bundle: checked.
            progress: follows the tools.

        Raises:
            PermanentError: ``load-failed``, ``tool-too-old``, ``disk-full``.
            TemporaryError: ``database-unreachable``, ``load-stalled``.
        """
        # decision 39: what a bundle defines runs with the rights of the role that loads it.
        environment = dict(loader.tool_environment(name, f"backstop load {name}"[:APPLICATION_BYTES]))
        environment["PGOPTIONS"] = f"{environment.get('PGOPTIONS', '')} {OPTIONS}".strip()
        with loader.session(name, statement_timeout_s=0) as conn:
            target = _Target(name, conn, environment, progress.follow)
            try:
                if bundle.kind is BundleKind.PLAIN:
                    self._load_plain(target, bundle.path)
                else:
                    self._load_archive(target, bundle)
                self._analyse(target)
            except ToolFailedError as error:
                raise load_failed(error) from error
        return target.problems

    def _load_plain(self, target: _Target, file: Path) -> None:
        check_psql(self._tools)
        dump = PlainDump(file)
        dump.prepare(target.server_version)
        with tempfile.TemporaryDirectory(dir=file.parent, prefix="psql-") as home:
            environment = {**target.environment, **build_environment(Path(home))}
            target.follow(self._tools.start("psql", dump.arguments(), environment))

    def _load_archive(self, target: _Target, bundle: FetchedBundle) -> None:
        contents = Contents.read(self._tools.list_contents(bundle.path))
        self._refuse_extensions(target.conn, contents.extensions)
        # pg_restore cannot load a tar archive in parallel.
        parallel = bundle.kind is not BundleKind.TAR and not contents.is_ordered and JOBS > 1
        jobs = ["--jobs", str(JOBS)] if parallel else []
        self._restore(target, bundle.path, contents.body, jobs)
        self._restore_optional(target, bundle.path, contents.optional)
        self._restore_statistics(target, bundle.path, contents.statistics, jobs)

    def _refuse_extensions(self, conn: Connection, names: Sequence[str]) -> None:
        refused = [name for (name,) in conn.execute(QUERIES["refused_extensions"], {"names": list(names)})]
        if refused:
            raise extension_refused(refused)

    def _restore(self, target: _Target, path: Path, entries: Sequence[str], arguments: Sequence[str]) -> None:
        """Load some entries; the first error ends it.

        On a server that does not know a setting which pg_restore begins with, the errors are looked at afterwards.
        """
        if not entries:
            return
        lenient = target.server_version < KNOWS_TRANSACTION_TIMEOUT
        strictness = [] if lenient else ["--exit-on-error"]
        try:
            self._run(target, path, entries, [*arguments, *strictness])
        except ToolFailedError as error:
            if not lenient or tolerated_errors(error) != []:
                raise

    def _restore_optional(self, target: _Target, path: Path, entries: Sequence[str]) -> None:
        if not entries:
            return
        try:
            self._run(target, path, entries, [])
        except ToolFailedError as error:
            found = read_restore_errors(error.stderr)
            if not found or isinstance(load_failed(error), TemporaryError):
                raise
            target.problems += [str(each) for each in found]

    def _restore_statistics(
        self, target: _Target, path: Path, entries: Sequence[str], arguments: Sequence[str]
    ) -> None:
        """Load the planner's statistics. `_analyse` gathers what is missing, so a failure is not reported: the tool's
        message would quote rows.
        """
        if not entries or not self._tools.knows_statistics(target.server_version, "pg_restore"):
            return
        # decision 19: loaded last and leniently, because nothing depends on them.
        target.has_statistics = True
        try:
            self._run(target, path, entries, arguments)
        except ToolFailedError as error:
            if isinstance(load_failed(error), TemporaryError):
                raise

    def _run(self, target: _Target, path: Path, entries: Sequence[str], arguments: Sequence[str]) -> None:
        # A tool connects by name. Where that is another load's database by now, this session is gone.
        target.conn.execute("SELECT 1")
        with use_list(path, entries) as wanted:
            given = [*arguments, "--no-owner", wanted, f"--dbname={target.name}", str(path)]
            target.follow(self._tools.start("pg_restore", given, target.environment))

    def _analyse(self, target: _Target) -> None:
        """Gather the planner's statistics that the dump did not carry: without them the first minutes would be slow."""
        arguments = ["--analyze-only", "--jobs", str(JOBS), f"--dbname={target.name}", "--quiet"]
        if target.has_statistics:
            # decision 19: `vacuumdb --missing-stats-only` reads a catalogue that only a superuser may.
            lacking = [table for (table,) in target.conn.execute(QUERIES["unanalysed"]).fetchall()]
            if not lacking:
                return
            arguments += [f"--table={table}" for table in lacking] if len(lacking) <= MAX_NAMED_TABLES else []
        target.follow(self._tools.start("vacuumdb", arguments, target.environment))


class LoadProgress:
    """Follows the tools of one load: reports progress, and stops a tool that stalls or is no longer wanted.

    Args:
        server: of the database.
        conn: in the maintenance database.
        name: of the database being filled.
        guess_bytes: its expected size.
        report: receives the progress; raises to stop the load.
    """

    def __init__(self, server: Server, conn: Connection, name: str, guess_bytes: int, report: Report) -> None:
        self._clock = server.clock
        self._stall_s = server.timing.stall_s
        self._conn = conn
        self._name = name
        self._guess_bytes = guess_bytes
        self._report = report

    def follow(self, run: ToolRun) -> None:
        """Wait for its end.

        Raises:
            ToolFailedError: with its message.
            TemporaryError: ``load-stalled``.
        """
        try:
            moved_at = looked_at = self._clock.monotonic()
            last = (0, 0)
            while run.is_running():
                now = self._clock.monotonic()
                if now - looked_at < REPORT_EVERY_S:
                    continue
                looked_at = now
                seen, at_work = self._measure()
                moved_at = now if seen != last or at_work else moved_at
                last = seen
                # decision 20: one figure, `stall_s`, limits the patience of every long step.
                if now - moved_at > self._stall_s:
                    raise TemporaryError(
                        "load-stalled", f"The load has not moved for {now - moved_at:.0f} s.", "Try again."
                    )
                self._report(Progress(seen[0], max(seen[0], self._guess_bytes), "bytes"))
            run.wait()
        finally:
            run.kill()

    def _measure(self) -> tuple[tuple[int, int], bool]:
        row = self._conn.execute(DATABASES["loading"], {"database": self._name}).fetchone()
        return ((int(row[0]), int(row[1])), bool(row[2])) if row else ((0, 0), False)
