"""One environment's database, as the engine needs it."""

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import psycopg

from bot.adapters.database.blockers import BlockerWatch
from bot.adapters.database.catalogue import read_catalogue
from bot.adapters.database.checks import run_checks
from bot.adapters.database.connections import Connections
from bot.adapters.database.dump import Dumper
from bot.adapters.database.exclusive_access import Door, PostgresFence
from bot.adapters.database.export import QUERIES
from bot.adapters.database.failures import translated
from bot.adapters.database.inspection import inspect, read_sessions
from bot.adapters.database.point_in_time import describe_recovery, mark
from bot.adapters.database.row_counts import Column, measure
from bot.adapters.database.shadow import PostgresShadow, ShadowMaker
from bot.adapters.database.tracking import Tracking
from bot.adapters.database.undo_rollback.commits import Recreation
from bot.adapters.pgclient.tools import PgTools
from bot.domain.catalogue import Catalogue, CheckResult, DatabaseFacts, Session, TableSize
from bot.domain.environments import Timing
from bot.ports import Clock, Dump, FetchedBundle, Recreated, RecreationSpec, Report, RowSource


class PostgresDatabase:
    """A `bot.ports.Database`.

    Args:
        dsn: URL or conninfo of the database, as its owner role: LOGIN, CREATEDB, pg_signal_backend, pg_monitor;
            a direct connection, no transaction pooler.
        tracking: the tracking table.
        timing: how patient to be.
        tools: pg_dump and pg_restore, of the server's version or newer.
        clock: time and waiting.
        maintenance_database: a database of the same server that is never fenced.
        shadow_template: what shadows are copied from; see `ShadowMaker`.
    """

    def __init__(
        self,
        dsn: str,
        tracking: Tracking,
        timing: Timing,
        tools: PgTools,
        clock: Clock,
        *,
        maintenance_database: str = "postgres",
        shadow_template: str = "template0",
    ) -> None:
        self._connections = Connections(dsn, maintenance_database, timing.lock_timeout_s)
        self._tracking = tracking
        self._timing = timing
        self._clock = clock
        self._tools = tools
        self._shadows = ShadowMaker(self._connections, tracking, tools, clock, shadow_template)
        self._dumper = Dumper(self._connections, tools, timing, clock)
        self._door = Door(self._connections, clock)

    def inspect(self) -> DatabaseFacts:
        """Observe it; see `bot.ports.Database.inspect`."""
        return inspect(self._connections, self._tracking)

    def catalogue(self) -> Catalogue:
        """Read every user object; see `bot.ports.Database.catalogue`."""
        with (
            translated("Reading the catalogue"),
            self._connections.session() as conn,
            BlockerWatch(self._connections, pid=conn.info.backend_pid) as watch,
        ):
            try:
                return read_catalogue(conn)
            except psycopg.errors.LockNotAvailable as error:
                raise watch.locked("Reading the catalogue") from error

    def stored_tables(self) -> Sequence[str]:
        """Name the tables with rows of their own; see `bot.ports.Database.stored_tables`."""
        with translated("Reading the tables"), self._connections.session() as conn:
            return [name for (name,) in conn.execute(QUERIES["stored_table_identities"], {}).fetchall()]

    def measure(self, tables: Sequence[str]) -> Sequence[TableSize]:
        """Count rows; see `bot.ports.Database.measure`."""
        return measure(self._connections, tables, (), self._timing.stall_s)

    def count_values(self, columns: Sequence[Column]) -> Sequence[TableSize]:
        """Count non-null values; see `bot.ports.Database.count_values`."""
        return measure(self._connections, (), columns, self._timing.stall_s)

    def shadow(self, run_id: str) -> AbstractContextManager[PostgresShadow]:
        """Make a schema-only copy; see `bot.ports.Database.shadow`."""
        return self._shadows.shadow(run_id)

    def rehearse_recreation(
        self, run_id: str, bundle: FetchedBundle, order: RecreationSpec, rows: RowSource
    ) -> Recreated:
        """Create again on a shadow what a chain dropped; see `bot.ports.Database.rehearse_regrowth`."""
        regrowth = Recreation(self._tracking, self._tools, order, rows, self._timing.lock_timeout_s)
        with translated("Reading the catalogue"), self._connections.session() as live:
            script = regrowth.read(live, bundle)
        with self._shadows.shadow(run_id) as shadow:
            return shadow.recreate(regrowth, script)

    def drop_leftovers(self, run_ids_alive: Collection[str]) -> Sequence[str]:
        """Drop shadows that dead processes left; gives their names."""
        return self._shadows.drop_leftovers(run_ids_alive)

    def fence(self, run_id: str) -> PostgresFence:
        """Close the database to everyone but one session; see `bot.ports.Database.fence`."""
        del run_id  # one database has one door, whoever closes it
        return PostgresFence(self._door, self._connections, self._tracking, self._timing, self._clock, self._tools)

    def reopen(self) -> None:
        """Let people in again. Idempotent."""
        self._door.open()

    def strangers(self) -> Sequence[Session]:
        """Others' sessions in the database, now, also while it is closed."""
        with translated("Looking at sessions"), self._connections.maintenance() as server:
            return read_sessions(server, self._connections)

    def check(self, queries: Sequence[str]) -> Sequence[CheckResult]:
        """Run read-only checks; see `bot.ports.Database.check`."""
        if not queries:
            return []
        with translated("A check"), self._connections.session() as conn:
            return run_checks(conn, queries)

    def dump(self, directory: Path, report: Report) -> Dump:
        """Write a directory-format dump; see `bot.ports.Database.dump`."""
        return self._dumper.dump(directory, report)

    def recovery_options(self) -> Sequence[str]:
        """What point-in-time recovery could reach, one line each."""
        with translated("Looking at recovery"), self._connections.maintenance() as server:
            return describe_recovery(server)

    def mark_restore_point(self, name: str) -> str:
        """Create a named restore point where we may; gives the LSN it is at, or the current one."""
        with translated("Marking a restore point"), self._connections.maintenance() as server:
            return mark(server, name)
