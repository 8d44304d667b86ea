"""Finds the sessions that block ours, and ends the sessions in a database that is to be closed."""

import threading
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, LiteralString, Self

import psycopg
from psycopg import sql

from bot.adapters.database.connections import QUERIES, Connection, Connections
from bot.domain.catalogue import Session
from bot.errors import BotError, PermanentError, TemporaryError
from bot.ports import Clock

POLL_SHARE = 0.25
PATIENCE_SHARE = 0.4
# A monitoring tool's superuser session, which our role cannot end, is gone by then.
VISIT_S = 2.0
POLL_S = 0.002
AGAIN_EVERY_S = 0.1
PATIENCE_S = 5.0

Place = Mapping[str, Any]
"""Parameters of a query on sessions: which databases, and which sessions are ours."""


def allow_connections(conn: Connection, database: str, *, allowed: bool) -> None:
    """Open or close a database to new connections, even a superuser's."""
    statement = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    conn.execute(statement.format(sql.Identifier(database), sql.Literal(allowed)))


def build_session(row: tuple[Any, ...]) -> Session:
    """Make a `Session` of the seven columns that every query on sessions returns."""
    pid, user, application, address, state, since_s, superuser = row
    return Session(
        pid, user or "", application or "", address or "", state or "unknown", float(since_s or 0), bool(superuser)
    )


class BlockerWatch:
    """Watches, from the maintenance database, what a session waits for, and names it when a lock timeout ends the wait.

    It has to look during the wait: afterwards the server no longer knows who held the lock. It costs nothing until a
    wait is long.

    Args:
        connections: the server.
        doing: the work that waits, to begin a sentence.
        application: application_name of the waiting sessions; or
        pid: the waiting session itself.
    """

    def __init__(self, connections: Connections, doing: str, *, pid: int = 0, application: str = "") -> None:
        self.application = application
        self._connections = connections
        self._doing = doing
        self._who: dict[str, Any] = {"pid": pid, "application": application, "database": connections.database}
        self._ended = threading.Event()
        self._found: tuple[str, ...] = ()
        self._waiting_since: float | None = None
        self._thread = threading.Thread(target=self._watch, name="blocker-watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()
        if isinstance(error, psycopg.errors.LockNotAvailable):
            raise self.locked() from error

    def _stop(self) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        patience_s = self._connections.lock_timeout_s
        if self._ended.wait(patience_s * PATIENCE_SHARE):
            return
        try:
            with self._connections.maintenance() as conn:
                while not self._ended.wait(patience_s * POLL_SHARE / 2):
                    sessions = conn.execute(QUERIES["blocking_sessions"], self._who).fetchall()
                    prepared = conn.execute(QUERIES["blocking_prepared"], self._who).fetchall()
                    found = [str(build_session(row)) for row in sessions]
                    found += [f"prepared transaction {gid!r}, {since_s:.0f} s old" for gid, since_s in prepared]
                    self._found = tuple(found) or self._found
                    started = self._waiting_since or time.monotonic()
                    self._waiting_since = started if found else None
        except (psycopg.Error, BotError):
            return  # the wait's own error counts; the watch only adds names to it

    @property
    def waits_too_long(self) -> bool:
        """Say if it has waited well beyond the lock timeout: some tools apply theirs to tables alone."""
        since = self._waiting_since
        return since is not None and time.monotonic() - since > 2 * self._connections.lock_timeout_s

    def locked(self) -> TemporaryError:
        """Make the error for a lock that was not granted in time, naming its holders."""
        self._stop()
        if not self._found:
            message = f"{self._doing} waited for a lock in vain; who held it is gone."
            return TemporaryError("table-locked", message, "Try again.")
        return TemporaryError(
            "table-locked",
            f"{self._doing} waits for a lock held by {' and by '.join(self._found[:3])}.",
            "Have them finish, or end it (pg_terminate_backend; ROLLBACK PREPARED for a prepared one), then try again.",
        )


class SessionTerminator:
    """Ends the sessions in databases that are closed to new connections, or refuses before anybody is thrown out.

    Args:
        conn: in the maintenance database.
        clock: time and waiting.
        queries: ``others``, ``count_others``, ``terminate_others`` and ``prepared``.
    """

    def __init__(self, conn: Connection, clock: Clock, queries: Mapping[str, LiteralString]) -> None:
        self._conn = conn
        self._clock = clock
        self._queries = queries

    def end_all(self, place: Place) -> None:
        """End them in bulk and wait: ending one by one loses against clients that reconnect.

        Raises:
            PermanentError: ``session-cannot-be-ended``.
        """
        deadline = self._clock.monotonic() + PATIENCE_S
        again_at = 0.0
        while self._conn.execute(self._queries["count_others"], place).fetchall()[0][0]:
            now = self._clock.monotonic()
            # Repeated: a client may have connected just before the database was closed.
            if now >= again_at:
                self._conn.execute(self._queries["terminate_others"], place)
                again_at = now + AGAIN_EVERY_S
            if now > deadline:
                # The last one may have gone between the count and this list.
                left = self._others(place)
                if left:
                    raise _cannot_end(left)
                return
            self._clock.sleep(POLL_S)

    def refuse_superusers(self, place: Place) -> None:
        """Refuse while a superuser's session stays that our role is not allowed to end.

        Raises:
            PermanentError: ``session-cannot-be-ended``.
        """
        query = "SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user"
        if self._conn.execute(query).fetchall()[0][0]:
            return
        deadline = self._clock.monotonic() + VISIT_S
        while stuck := [session for session in self._others(place) if session.superuser]:
            if self._clock.monotonic() > deadline:
                raise _cannot_end(stuck)
            self._clock.sleep(AGAIN_EVERY_S)

    def refuse_prepared(self, place: Place, effect: str) -> None:
        """Refuse while there are prepared transactions: they outlive their session, and keep its locks.

        Raises:
            PermanentError: ``prepared-transaction``, with `effect` as the sentence's predicate.
        """
        found = self._conn.execute(self._queries["prepared"], place).fetchall()
        if found:
            names = " and ".join(
                f"{gid!r} of {owner}{''.join(f' in {name}' for name in database)}, {since_s:.0f} s old"
                for gid, since_s, owner, *database in found[:3]
            )
            raise PermanentError(
                "prepared-transaction",
                f"A prepared transaction {effect}: {names}.",
                "Have its owner COMMIT PREPARED or ROLLBACK PREPARED it, then try again. The database is open.",
            )

    def _others(self, place: Place) -> Sequence[Session]:
        return [build_session(row) for row in self._conn.execute(self._queries["others"], place)]


def _cannot_end(sessions: Sequence[Session]) -> PermanentError:
    return PermanentError(
        "session-cannot-be-ended",
        f"Backstop's role is not allowed to terminate {' and '.join(str(session) for session in sessions[:3])}"
        f"{', a superuser' if sessions[0].superuser else ''}.",
        "Have them disconnect, then try again. The database is open.",
    )
