"""Closes a database to everyone but one session of ours."""

from collections.abc import Callable, Sequence
from contextlib import suppress

import psycopg

from bot.adapters.database.chain import ChainRun
from bot.adapters.database.connections import QUERIES, Connection, translated
from bot.adapters.database.export import Exporter
from bot.adapters.database.identity import check_identity
from bot.adapters.database.inspection import SHUT, missing
from bot.adapters.database.server import Server
from bot.adapters.database.sessions import SessionTerminator, allow_connections
from bot.adapters.database.undo_rollback.recreation import Recreation
from bot.domain.backups import SavedSequence, TableContent
from bot.domain.catalogue import ChainOutcome
from bot.domain.effects import PlannedEffect
from bot.domain.migrations import DownScript
from bot.domain.place import DatabaseIdentity
from bot.errors import TemporaryError
from bot.ports import FetchedBundle, Recreated, RecreationSpec, Report, RowSource, TableSink

ENTER_ATTEMPTS = 10
# The server's message when CONNECTION LIMIT is reached: the app has every connection, and is about to lose them.
FULL = "too many connections"
HOLDS_LOCKS = "holds its locks whatever becomes of its session"


class ConnectionGate:
    """Opens and closes an environment's database, from the maintenance database."""

    def __init__(self, server: Server) -> None:
        self._connections = server.connections
        self._clock = server.clock
        self._place = {"database": server.connections.database, "ours": []}

    def open(self) -> None:
        """Accept connections again. Idempotent."""
        with translated("Opening the database"), self._connections.maintenance() as conn:
            self._allow(conn, allowed=True)

    def close(self, approved: DatabaseIdentity | None = None) -> Connection:
        """Close it, end every other session, and return the one that is left.

        Args:
            approved: no other database is closed.

        Raises:
            PermanentError: ``wrong-database``: nothing was done; ``session-cannot-be-ended``,
                ``prepared-transaction``; it is open again then.
        """
        with translated("Closing the database"), self._connections.maintenance() as beside:
            check_identity(beside, self._connections, approved)
            sessions = SessionTerminator(beside, self._clock, QUERIES)
            # Refuse before anybody is thrown out; the second look below catches what came meanwhile.
            sessions.refuse_prepared(self._place, HOLDS_LOCKS)
            sessions.refuse_superusers(self._place)
            # Our session comes first: once the database is closed, not even a superuser gets in.
            conn = self._enter(beside)
            try:
                # The name of a host may lead elsewhere by now.
                check_identity(conn, self._connections, approved)
                self._allow(beside, allowed=False)
                sessions.end_all(self._place | {"ours": [conn.info.backend_pid]})
                sessions.refuse_prepared(self._place, HOLDS_LOCKS)
            except BaseException:
                conn.close()
                with suppress(psycopg.Error):
                    self._allow(beside, allowed=True)
                raise
        return conn

    def _enter(self, beside: Connection) -> Connection:
        """Open our session; where a dead process left the database closed, open it for that moment."""
        if not self._is_open(beside):
            self._allow(beside, allowed=True)
        for _ in range(ENTER_ATTEMPTS):
            try:
                return self._connections.open(statement_timeout_s=0)
            except TemporaryError as error:
                if FULL not in error.message:
                    raise
                beside.execute(QUERIES["terminate_others"], self._place)
        return self._connections.open(statement_timeout_s=0)

    def _is_open(self, beside: Connection) -> bool:
        limit = beside.execute(QUERIES["database"], self._place).fetchall()[0][0]
        if limit is None:
            raise missing(self._connections.database)
        return int(limit) != SHUT

    def _allow(self, beside: Connection, *, allowed: bool) -> None:
        allow_connections(beside, self._connections.database, allowed=allowed)


class PostgresExclusiveAccess:
    """A `bot.ports.ExclusiveAccess`. A session that broke is replaced, by closing the database again."""

    def __init__(self, gate: ConnectionGate, server: Server, approved: DatabaseIdentity | None = None) -> None:
        self._gate = gate
        self._server = server
        self._approved = approved
        self._conn = gate.close(approved)

    def export(
        self, tables: Sequence[str], sink: TableSink, report: Report
    ) -> tuple[Sequence[SavedSequence], Sequence[TableContent]]:
        """Copy out every row; see `bot.ports.ExclusiveAccess.export`."""
        with translated("Saving the rows"):
            return Exporter(self._session(), self._server.clock).export(tables, sink, report)

    def run_chain(
        self,
        chain: Sequence[DownScript],
        expected: frozenset[int],
        saved: Sequence[TableContent],
        may_commit: Callable[[], None],
        planned: PlannedEffect | None = None,
    ) -> ChainOutcome:
        """Run the chain and commit it; see `bot.ports.ExclusiveAccess.run_chain`."""
        return ChainRun(self._server, chain, expected, saved, may_commit, planned).run(self._session())

    def recreate(
        self, bundle: FetchedBundle, spec: RecreationSpec, rows: RowSource, may_commit: Callable[[], None]
    ) -> Recreated:
        """Create again what a chain dropped, and fill it; see `bot.ports.ExclusiveAccess.recreate`."""
        return Recreation(self._server, spec, rows).commit(self._session(), bundle, may_commit)

    def close(self) -> None:
        """End the session. The database stays closed."""
        self._conn.close()

    def _session(self) -> Connection:
        if self._conn.broken or self._conn.closed:
            self._conn = self._gate.close(self._approved)
        return self._conn
