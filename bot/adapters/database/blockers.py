"""Who holds the lock we wait for: found while waiting, because afterwards nobody knows."""

import threading
import time
from types import TracebackType
from typing import Any, Self

import psycopg

from bot.adapters.database.connections import Connections
from bot.adapters.named_queries import load
from bot.domain.catalogue import Session
from bot.errors import BotError, TemporaryError

QUERIES = load("sql.checks", "sessions.sql")
POLL_SHARE = 0.25
PATIENCE_SHARE = 0.4
VISIT_S = 2.0
"""A superuser, whom our role cannot end, is gone by then if they only look in, as a monitoring tool does."""


def session_of(row: tuple[Any, ...]) -> Session:
    """Make a `Session` of the seven columns that every query on sessions gives."""
    pid, user, application, address, state, since_s, superuser = row
    return Session(
        pid, user or "", application or "", address or "", state or "unknown", float(since_s or 0), bool(superuser)
    )


class BlockerWatch:
    """Watches, from the maintenance database, what a session waits for. Costs nothing until a wait is long.

    Args:
        connections: the server.
        application: application_name of the waiting sessions; or
        pid: the waiting session itself.
    """

    def __init__(self, connections: Connections, *, pid: int = 0, application: str = "") -> None:
        self.application = application
        self._connections = connections
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
                    found = [str(session_of(row)) for row in sessions]
                    found += [f"prepared transaction {gid!r}, {since_s:.0f} s old" for gid, since_s in prepared]
                    self._found = tuple(found) or self._found
                    started = self._waiting_since or time.monotonic()
                    self._waiting_since = started if found else None
        except (psycopg.Error, BotError):
            return  # the wait's own error is the one that counts; this only names names

    @property
    def waits_too_long(self) -> bool:
        """Whether it has waited for a lock well beyond the lock timeout: some tools set theirs for tables alone."""
        since = self._waiting_since
        return since is not None and time.monotonic() - since > 2 * self._connections.lock_timeout_s

    def locked(self, doing: str) -> TemporaryError:
        """Make the error for a lock that was not given in time, naming who holds it."""
        self._ended.set()
        self._thread.join()
        if not self._found:
            return TemporaryError(
                "table-locked", f"{doing} waited for a lock in vain; who held it is gone.", "Try again."
            )
        return TemporaryError(
            "table-locked",
            f"{doing} waits for a lock held by {' and by '.join(self._found[:3])}.",
            "Have them finish, or end it (pg_terminate_backend; ROLLBACK PREPARED for a prepared one), then try again.",
        )
