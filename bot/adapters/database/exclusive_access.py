"""Closes a database to everyone but one session of ours.

Order matters: our session is opened first, then new connections are refused (even a superuser's), then everybody else's
sessions are ended in bulk. Ending them one by one, or before the door is shut, loses against reconnecting clients.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress

import psycopg
from psycopg import sql

from bot.adapters.database.blockers import VISIT_S, session_of
from bot.adapters.database.chain import ChainRun
from bot.adapters.database.connections import Connection, Connections
from bot.adapters.database.export import Exporter
from bot.adapters.database.failures import translated
from bot.adapters.database.tracking import Tracking
from bot.adapters.database.undo_rollback.commits import Recreation
from bot.adapters.named_queries import load
from bot.adapters.pgclient.tools import PgTools
from bot.domain.backups import SavedSequence, TableContent
from bot.domain.catalogue import ChainOutcome, Session
from bot.domain.environments import Timing
from bot.domain.migrations import DownScript
from bot.errors import PermanentError, TemporaryError
from bot.ports import (
    Clock,
    FetchedBundle,
    Recreated,
    RecreationSpec,
    Report,
    RowSource,
    TableSink,
)

QUERIES = load("sql.checks", "sessions.sql")
POLL_S = 0.002
AGAIN_EVERY_S = 0.1
PATIENCE_S = 5.0
ENTER_ATTEMPTS = 10
FULL = "too many connections"
"""The server's words when CONNECTION LIMIT is reached: the app has it all, and is about to be thrown out anyway."""


class Door:
    """Opens and closes an environment's database, from the maintenance database."""

    def __init__(self, connections: Connections, clock: Clock) -> None:
        self._connections = connections
        self._clock = clock

    def open(self) -> None:
        """Let people in. Idempotent."""
        with translated("Opening the database"), self._connections.maintenance() as server:
            self._allow(server, allowed=True)

    def close(self) -> Connection:
        """Close it and end every other session; gives the one that is left.

        Raises:
            PermanentError: ``session-cannot-be-ended``, ``prepared-transaction``; it is open again then.
        """
        with translated("Closing the database"), self._connections.maintenance() as server:
            self._refuse_prepared(server)
            self._refuse_superusers(server)
            conn = self._enter(server)
            try:
                self._allow(server, allowed=False)
                self._end_others(server, conn)
                self._refuse_prepared(server)
            except BaseException:
                conn.close()
                with suppress(psycopg.Error):
                    self._allow(server, allowed=True)
                raise
        return conn

    def _enter(self, server: Connection) -> Connection:
        """Open our session; through a door that a dead process left closed, by opening it for that moment."""
        if not self._is_open(server):
            self._allow(server, allowed=True)
        for _ in range(ENTER_ATTEMPTS):
            try:
                return self._connections.open(statement_timeout_s=0)
            except TemporaryError as error:
                if FULL not in error.message:
                    raise
                server.execute(QUERIES["terminate_others"], {"database": self._connections.database, "ours": []})
        return self._connections.open(statement_timeout_s=0)

    def _is_open(self, server: Connection) -> bool:
        row = server.execute(QUERIES["database"], {"database": self._connections.database}).fetchone()
        if row is None:
            raise PermanentError("database-unreachable", "There is no such database on the server.", "Check the DSN.")
        return bool(row[0])

    def _allow(self, server: Connection, *, allowed: bool) -> None:
        name = sql.Identifier(self._connections.database)
        server.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}").format(name, sql.Literal(allowed)))

    def _end_others(self, server: Connection, conn: Connection) -> None:
        who = {"database": self._connections.database, "ours": [conn.info.backend_pid]}
        deadline = self._clock.monotonic() + PATIENCE_S
        again_at = 0.0
        while server.execute(QUERIES["count_others"], who).fetchall()[0][0]:
            if self._clock.monotonic() >= again_at:
                server.execute(QUERIES["terminate_others"], who)
                again_at = self._clock.monotonic() + AGAIN_EVERY_S
            if self._clock.monotonic() > deadline:
                left = [session_of(row) for row in server.execute(QUERIES["others"], who)]
                if left:
                    raise _cannot_end(left)
                return
            self._clock.sleep(POLL_S)

    def _refuse_superusers(self, server: Connection) -> None:
        """See what is in the way, and stays there, before anybody is thrown out."""
        if server.execute("SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user").fetchall()[0][0]:
            return
        deadline = self._clock.monotonic() + VISIT_S
        while stuck := self._superusers(server):
            if self._clock.monotonic() > deadline:
                raise _cannot_end(stuck)
            self._clock.sleep(AGAIN_EVERY_S)

    def _superusers(self, server: Connection) -> Sequence[Session]:
        who = {"database": self._connections.database, "ours": []}
        return [session for row in server.execute(QUERIES["others"], who) if (session := session_of(row)).superuser]

    def _refuse_prepared(self, server: Connection) -> None:
        found = server.execute(QUERIES["prepared"], {"database": self._connections.database}).fetchall()
        if found:
            names = " and ".join(f"{gid!r} of {owner}, {since_s:.0f} s old" for gid, since_s, owner in found[:3])
            raise PermanentError(
                "prepared-transaction",
                f"A prepared transaction holds its locks whatever becomes of its session: {names}.",
                "Have its owner COMMIT PREPARED or ROLLBACK PREPARED it, then try again. The database is open.",
            )


def _cannot_end(sessions: Sequence[Session]) -> PermanentError:
    return PermanentError(
        "session-cannot-be-ended",
        f"Backstop's role may not end {' and '.join(str(session) for session in sessions[:3])}"
        f"{', a superuser' if sessions[0].superuser else ''}.",
        "Have them disconnect, then try again. The database is open.",
    )


class PostgresFence:
    """A `bot.ports.Fence`. A session that broke is replaced, by fencing again."""

    def __init__(
        self,
        door: Door,
        connections: Connections,
        tracking: Tracking,
        timing: Timing,
        clock: Clock,
        tools: PgTools,
    ) -> None:
        self._door = door
        self._tools = tools
        self._connections = connections
        self._tracking = tracking
        self._timing = timing
        self._clock = clock
        self._conn = door.close()

    def export(
        self, tables: Sequence[str], sink: TableSink, report: Report
    ) -> tuple[Sequence[SavedSequence], Sequence[TableContent]]:
        """Copy out every row; see `bot.ports.Fence.export`."""
        with translated("Saving the rows"):
            return Exporter(self._session(), self._clock).export(tables, sink, report)

    def run_chain(
        self,
        chain: Sequence[DownScript],
        expected: frozenset[int],
        saved: Sequence[TableContent],
        may_commit: Callable[[], None],
        fingerprint: str = "",
    ) -> ChainOutcome:
        """Run the chain for good; see `bot.ports.Fence.run_chain`."""
        run = ChainRun(
            self._connections,
            self._tracking,
            self._timing,
            self._clock,
            chain,
            expected,
            saved,
            may_commit,
            fingerprint,
        )
        return run.run(self._session())

    def recreate(
        self, bundle: FetchedBundle, order: RecreationSpec, rows: RowSource, may_commit: Callable[[], None]
    ) -> Recreated:
        """Create again what a chain dropped, and fill it; see `bot.ports.Fence.regrow`."""
        regrowth = Recreation(self._tracking, self._tools, order, rows, self._timing.lock_timeout_s)
        return regrowth.commit(self._session(), bundle, may_commit)

    def close(self) -> None:
        """End the session. The database stays closed."""
        self._conn.close()

    def _session(self) -> Connection:
        if self._conn.broken or self._conn.closed:
            self._conn = self._door.close()
        return self._conn
