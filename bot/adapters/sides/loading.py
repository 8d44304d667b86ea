"""Loads a bundle into a fresh database beside the live one."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bot.adapters.database.connections import KNOWS_TRANSACTION_TIMEOUT, Connection
from bot.adapters.named_queries import load
from bot.adapters.pgclient.restore_errors import extension_refused, load_failed, read_restore_errors, tolerated
from bot.adapters.pgclient.tool_errors import ToolFailedError
from bot.adapters.pgclient.tools import PgTools, ToolRun, use_list
from bot.adapters.sides.archive import Contents
from bot.adapters.sides.plain import PlainDump, check_psql, safe_surroundings
from bot.adapters.sides.privileges import apply_privileges, owners_let_in
from bot.adapters.sides.progress import Follower
from bot.adapters.sides.server import Server
from bot.domain.backups import BundleKind
from bot.errors import TemporaryError
from bot.ports import FetchedBundle

QUERIES = load("sql.sides", "loading.sql")
OPTIONS = "-c synchronous_commit=off -c maintenance_work_mem=256MB -c statement_timeout=0 -c lock_timeout=0"
APPLICATION_BYTES = 63
NAMED_TABLES = 200
"""Where more than that lack statistics, all are analysed: a command line has its limits."""


@dataclass
class _Target:
    """A database being filled."""

    name: str
    environment: Mapping[str, str]
    server_version: int
    follow: Callable[[ToolRun], None]
    problems: list[str] = field(default_factory=list)
    has_statistics: bool = False  # some, at least


class Loader:
    """Fills databases; see `bot.ports.Sides.load`.

    Args:
        server: makes and drops them.
        tools: pg_restore, psql and vacuumdb.
        jobs: how many of pg_restore's workers load at once.
    """

    def __init__(self, server: Server, tools: PgTools, jobs: int) -> None:
        self._server = server
        self._connections = server.connections
        self._tools = tools
        self._jobs = jobs

    def load(self, name: str, bundle: FetchedBundle, follower: Follower) -> Sequence[str]:
        """Fill a database that is there and empty; gives what could not be made as it was, one line each.

        Raises:
            PermanentError: ``load-failed``, ``tool-too-old``, ``disk-full``.
            TemporaryError: ``database-unreachable``, ``load-stalled``.
        """
        environment = dict(self._connections.tool_environment(name, f"backstop load {name}"[:APPLICATION_BYTES]))
        environment["PGOPTIONS"] = f"{environment.get('PGOPTIONS', '')} {OPTIONS}".strip()
        with self._connections.session(name, statement_timeout_s=0) as conn:
            target = _Target(name, environment, conn.info.server_version, follower.follow)
            try:
                if bundle.kind is BundleKind.PLAIN:
                    self._load_plain(target, bundle.path)
                else:
                    self._load_archive(conn, target, bundle)
                self._analyse(conn, target)
            except ToolFailedError as error:
                raise load_failed(error) from error
        return target.problems

    def _load_plain(self, target: _Target, file: Path) -> None:
        check_psql(self._tools)
        dump = PlainDump(file, target.server_version)
        dump.prepare()
        with tempfile.TemporaryDirectory(dir=file.parent, prefix="psql-") as home:
            environment = {**target.environment, **safe_surroundings(Path(home))}
            target.follow(self._tools.start("psql", dump.arguments(), environment))

    def _load_archive(self, conn: Connection, target: _Target, bundle: FetchedBundle) -> None:
        roles = {name: (member, ours) for name, member, ours in conn.execute(QUERIES["roles"])}
        contents = Contents.read(self._tools.list_contents(bundle.path), roles)
        self._refuse_extensions(conn, contents.extensions)
        others = [owner for owner in contents.owners if roles[owner][0] and not roles[owner][1]]
        foreign = contents.strange_owners or any(not roles[owner][0] for owner in contents.owners)
        lenient = foreign or target.server_version < KNOWS_TRANSACTION_TIMEOUT
        parallel = bundle.kind is not BundleKind.TAR and not contents.is_ordered and self._jobs > 1
        jobs = ["--jobs", str(self._jobs)] if parallel else []
        body, refreshes = contents.body, contents.refreshes
        if not foreign and all(roles[maker][1] for maker in contents.makers):
            # All is ours: a materialized view needs no privilege, and need not wait until they are there.
            body, refreshes = [*body, *refreshes], []
        self._restore(target, bundle.path, contents.schemas, [], lenient=lenient)
        with owners_let_in(conn, target.name, others):
            self._restore(target, bundle.path, body, jobs, lenient=lenient)
        script = self._script(bundle.path, contents.privileges)
        target.problems += apply_privileges(conn, script)
        self._restore(target, bundle.path, refreshes, jobs, lenient=lenient)
        self._restore_optional(target, bundle.path, contents.optional)
        self._restore_statistics(target, bundle.path, contents.statistics, jobs)

    def _refuse_extensions(self, conn: Connection, names: Sequence[str]) -> None:
        refused = [name for (name,) in conn.execute(QUERIES["refused_extensions"], {"names": list(names)})]
        if refused:
            raise extension_refused(refused)

    def _restore(
        self, target: _Target, path: Path, entries: Sequence[str], arguments: Sequence[str], *, lenient: bool
    ) -> None:
        """Load some entries. The first error ends it, unless some are expected: then they are judged afterwards."""
        if not entries:
            return
        strictness = [] if lenient else ["--exit-on-error"]
        try:
            self._run(target, path, entries, [*arguments, *strictness])
        except ToolFailedError as error:
            lines = tolerated(error) if lenient else None
            if lines is None:
                raise
            target.problems += lines

    def _restore_optional(self, target: _Target, path: Path, entries: Sequence[str]) -> None:
        if not entries:
            return
        try:
            self._run(target, path, entries, [])
        except ToolFailedError as error:
            found = read_restore_errors(error.restore_errors)
            if not found or isinstance(load_failed(error), TemporaryError):
                raise
            target.problems += [str(restore_error) for restore_error in found]

    def _restore_statistics(
        self, target: _Target, path: Path, entries: Sequence[str], arguments: Sequence[str]
    ) -> None:
        """Load the planner's statistics. What is missing afterwards is gathered, so nothing of a failure is told:
        the tool's words would quote rows.
        """
        if not entries or not self._tools.knows_statistics(target.server_version, "pg_restore"):
            return
        target.has_statistics = True
        try:
            self._run(target, path, entries, arguments)
        except ToolFailedError as error:
            if isinstance(load_failed(error), TemporaryError):
                raise

    def _run(self, target: _Target, path: Path, entries: Sequence[str], arguments: Sequence[str]) -> None:
        with use_list(path, entries) as wanted:
            given = [*arguments, wanted, f"--dbname={target.name}", str(path)]
            target.follow(self._tools.start("pg_restore", given, target.environment))

    def _script(self, path: Path, entries: Sequence[str]) -> str:
        return self._tools.write_sql(path, entries) if entries else ""

    def _analyse(self, conn: Connection, target: _Target) -> None:
        """Gather the planner's statistics, as far as the dump carried none: the first minutes would be slow without."""
        arguments = ["--analyze-only", "--jobs", str(self._jobs), f"--dbname={target.name}", "--quiet"]
        if target.has_statistics:
            lacking = [table for (table,) in conn.execute(QUERIES["unanalysed"]).fetchall()]
            if not lacking:
                return
            arguments += [f"--table={table}" for table in lacking] if len(lacking) <= NAMED_TABLES else []
        target.follow(self._tools.start("vacuumdb", arguments, target.environment))
