"""Implements the engine's database port for one environment."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from bot.adapters.database.catalogue import read_catalogue
from bot.adapters.database.closed_copy import readable
from bot.adapters.database.connections import translated
from bot.adapters.database.dump import Dumper
from bot.adapters.database.exclusive_access import ConnectionGate, PostgresExclusiveAccess
from bot.adapters.database.inspection import inspect, read_sessions, run_checks
from bot.adapters.database.obstacles import read_obstacles
from bot.adapters.database.point_in_time import describe_recovery, mark_restore_point
from bot.adapters.database.relations import QUERIES, Column, measure
from bot.adapters.database.server import Server
from bot.adapters.database.sessions import BlockerWatch
from bot.adapters.database.settings import read_settings
from bot.adapters.database.shadow import ShadowMaker
from bot.adapters.database.undo_rollback.recreation import Recreation
from bot.adapters.database.undo_rollback.rehearsal import UndoableShadow
from bot.adapters.database.undo_rollback.renames import Renames
from bot.adapters.database.undo_rollback.written_since import check_unwritten, count_since
from bot.domain.catalogue import Catalogue, CheckResult, DatabaseFacts, Session, TableSize
from bot.domain.obstacles import Obstacles
from bot.domain.place import DatabaseIdentity
from bot.ports import Dump, FetchedBundle, Recreated, RecreationSpec, Report, RowSource


class PostgresDatabase:
    """A `bot.ports.Database`."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._connections = server.connections
        self._shadows = ShadowMaker(server)
        self._gate = ConnectionGate(server)

    def inspect(self) -> DatabaseFacts:
        """Observe it; see `bot.ports.Database.inspect`."""
        return inspect(self._server)

    def obstacles(self) -> Obstacles:
        """Look for what is in the way; see `bot.ports.Database.obstacles`."""
        return read_obstacles(self._server)

    def catalogue(self) -> Catalogue:
        """Read every user object; see `bot.ports.Database.catalogue`."""
        with (
            translated("Reading the catalogue"),
            self._connections.session() as conn,
            BlockerWatch(self._connections, "Reading the catalogue", pid=conn.info.backend_pid),
        ):
            return read_catalogue(conn)

    def stored_tables(self) -> Sequence[str]:
        """Name the tables with rows of their own; see `bot.ports.Database.stored_tables`."""
        with translated("Reading the tables"), self._connections.session() as conn:
            return [name for (name,) in conn.execute(QUERIES["stored_table_identities"], {}).fetchall()]

    def measure(self, tables: Sequence[str]) -> Sequence[TableSize]:
        """Count rows; see `bot.ports.Database.measure`."""
        return measure(self._server, tables, ())

    def count_values(self, columns: Sequence[Column]) -> Sequence[TableSize]:
        """Count non-null values; see `bot.ports.Database.count_values`."""
        return measure(self._server, (), columns)

    @contextmanager
    def shadow(self, run_id: str) -> Iterator[UndoableShadow]:
        """Make a schema-only copy; see `bot.ports.Database.shadow`."""
        with self._shadows.shadow(run_id) as shadow:
            yield UndoableShadow(shadow, self._server)

    def rehearse_recreation(
        self, run_id: str, bundle: FetchedBundle, spec: RecreationSpec, rows: RowSource
    ) -> Recreated:
        """Create again on a shadow what a chain dropped; see `bot.ports.Database.rehearse_recreation`."""
        recreation = Recreation(self._server, spec, rows)
        with translated("Reading the catalogue"), self._connections.session() as live:
            script = recreation.read(live, bundle)
            renames = Renames(spec.renames)
            check_unwritten(live, spec.trace, [(renames.after(table), column) for table, column in script.made])
            since = count_since(live, spec)
        with self._shadows.shadow(run_id) as shadow:
            return replace(recreation.rehearse(shadow.conn, script, shadow.original), since=since)

    def drop_leftovers(self, run_ids_alive: Collection[str]) -> Sequence[str]:
        """Drop shadows that dead processes left; see `bot.ports.Database.drop_leftovers`."""
        return self._shadows.drop_leftovers(run_ids_alive)

    @property
    def address(self) -> str:
        """Hash where the DSN leads; see `bot.ports.Database.address`."""
        return self._connections.address

    def take_exclusive_access(self, run_id: str, approved: DatabaseIdentity | None = None) -> PostgresExclusiveAccess:
        """Close the database to everyone but one session; see `bot.ports.Database.take_exclusive_access`."""
        del run_id  # a database is open or closed, whichever run closed it
        return PostgresExclusiveAccess(self._gate, self._server, approved)

    def reopen(self) -> None:
        """Accept connections again. Idempotent."""
        self._gate.open()

    def other_sessions(self) -> Sequence[Session]:
        """List others' sessions in the database, also while it is closed."""
        with translated("Looking at sessions"), self._connections.maintenance() as conn:
            return read_sessions(conn, self._connections)

    def check(self, queries: Sequence[str]) -> Sequence[CheckResult]:
        """Run read-only checks; see `bot.ports.Database.check`."""
        if not queries:
            return []
        with translated("A check"), self._connections.session() as conn:
            return run_checks(conn, queries)

    def dump(self, directory: Path, report: Report) -> Dump:
        """Write a directory-format dump; see `bot.ports.Database.dump`."""
        with translated("The dump"), readable(self._server) as source:
            dump = Dumper(source).dump(directory, report)
        if source is self._server:
            return dump
        with translated("Reading the database's settings"), self._connections.maintenance() as conn:
            return replace(dump, database=read_settings(conn, self._connections.database))

    def recovery_options(self) -> Sequence[str]:
        """Describe the reach of point-in-time recovery, one fact per line."""
        with translated("Looking at recovery"), self._connections.maintenance() as conn:
            return describe_recovery(conn)

    def mark_restore_point(self, name: str) -> str:
        """Create a named restore point, if allowed; see `bot.ports.Database.mark_restore_point`."""
        with translated("Marking a restore point"), self._connections.maintenance() as conn:
            return mark_restore_point(conn, name)
