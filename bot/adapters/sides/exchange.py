"""The swap: two databases change names in one transaction, and nobody is in either.

The names alone say where an exchange is, so a process that dies leaves nothing to be remembered. Order matters: both
doors are shut first (their own commit), then everybody is ended in bulk and awaited by polling; ending them one by one
loses against clients that reconnect at once. The renames, the notes and the reopening are one transaction: after it the
live name is open.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress

import psycopg
from psycopg import sql

from bot.adapters.database.blockers import VISIT_S, session_of
from bot.adapters.database.connections import Connection
from bot.adapters.sides.server import QUERIES, Server
from bot.domain.catalogue import Session
from bot.errors import BotError, PermanentError
from bot.ports import Clock, ExchangeState

POLL_S = 0.002
AGAIN_EVERY_S = 0.1
PATIENCE_S = 5.0
STATEMENT_TIMEOUT_S = 10.0


class Exchanger:
    """Exchanges a database with the live one; see `bot.ports.Sides.exchange`."""

    def __init__(self, server: Server, clock: Clock) -> None:
        self._server = server
        self._live = server.live
        self._clock = clock

    def state(self, conn: Connection, incoming: str, outgoing: str) -> ExchangeState:
        """Read where it is off the names."""
        there = set(self._server.present(conn, self._live, incoming, outgoing))
        if there == {self._live, incoming}:
            return ExchangeState.BEFORE
        return ExchangeState.AFTER if there == {self._live, outgoing} else ExchangeState.UNKNOWN

    def exchange(self, conn: Connection, incoming: str, outgoing: str, may_commit: Callable[[], None]) -> float:
        """Swap, or see that it has happened; gives for how many seconds the live name was closed."""
        state = self.state(conn, incoming, outgoing)
        if state is ExchangeState.AFTER:
            self._open_live(conn)
            return 0.0
        if state is ExchangeState.UNKNOWN:
            self._open_live(conn)
            raise self._unknown(conn, incoming, outgoing)
        both = [self._live, incoming]
        self._refuse_prepared(conn, both)
        self._refuse_superusers(conn, both)
        was_open = self._server.present(conn, incoming)[incoming]
        closed_at = self._clock.monotonic()
        try:
            self._close(conn, both)
            self._empty(conn, both)
            self._refuse_prepared(conn, both)
            self._rename(conn, incoming, outgoing, may_commit)
        except BaseException:
            self._back_out(incoming, was_open=was_open)
            raise
        return self._clock.monotonic() - closed_at

    def _close(self, conn: Connection, names: Sequence[str]) -> None:
        with conn.transaction():
            for name in names:
                self._server.allow(conn, name, allowed=False)

    def _open_live(self, conn: Connection) -> None:
        if self._server.present(conn, self._live).get(self._live) is False:
            self._server.allow(conn, self._live, allowed=True)

    def _back_out(self, incoming: str, *, was_open: bool) -> None:
        """Open the doors by a session of its own: the one that failed may be gone. By name: whatever was committed,
        the live name is to be open.
        """
        with (
            suppress(BotError, psycopg.Error),
            self._server.connections.maintenance() as conn,
        ):  # the first error counts
            self._open_live(conn)
            if was_open and incoming in self._server.present(conn, incoming):
                self._server.allow(conn, incoming, allowed=True)

    def _empty(self, conn: Connection, names: Sequence[str]) -> None:
        which = {"databases": names}
        deadline = self._clock.monotonic() + PATIENCE_S
        again_at = 0.0
        while conn.execute(QUERIES["count_sessions"], which).fetchall()[0][0]:
            now = self._clock.monotonic()
            if now >= again_at:
                conn.execute(QUERIES["end_sessions"], which)
                again_at = now + AGAIN_EVERY_S
            if now > deadline:
                left = self._sessions(conn, names)
                if left:
                    raise _cannot_end(left)
                return
            self._clock.sleep(POLL_S)

    def _rename(self, conn: Connection, incoming: str, outgoing: str, may_commit: Callable[[], None]) -> None:
        """Rename both; again when an autovacuum worker or a session that was just starting is in the way."""
        deadline = self._clock.monotonic() + PATIENCE_S
        while True:
            try:
                with conn.transaction():
                    self._rename_within(conn, incoming, outgoing)
                    may_commit()
            except psycopg.errors.ObjectInUse:
                self._empty(conn, [self._live, incoming])
                if self._clock.monotonic() > deadline:
                    raise
            else:
                return

    def _rename_within(self, conn: Connection, incoming: str, outgoing: str) -> None:
        conn.execute(f"SET LOCAL statement_timeout = {round(STATEMENT_TIMEOUT_S * 1000)}".encode())
        rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
        conn.execute(rename.format(sql.Identifier(self._live), sql.Identifier(outgoing)))
        conn.execute(rename.format(sql.Identifier(incoming), sql.Identifier(self._live)))
        self._server.note(conn, outgoing)
        self._server.forget(conn, self._live)
        self._server.allow(conn, self._live, allowed=True)

    def _refuse_superusers(self, conn: Connection, names: Sequence[str]) -> None:
        """See what is in the way, and stays there, before anybody is thrown out."""
        if conn.execute(QUERIES["is_superuser"]).fetchall()[0][0]:
            return
        deadline = self._clock.monotonic() + VISIT_S
        while stuck := [session for session in self._sessions(conn, names) if session.superuser]:
            if self._clock.monotonic() > deadline:
                raise _cannot_end(stuck)
            self._clock.sleep(AGAIN_EVERY_S)

    def _sessions(self, conn: Connection, names: Sequence[str]) -> Sequence[Session]:
        return [session_of(row) for row in conn.execute(QUERIES["sessions"], {"databases": names})]

    def _refuse_prepared(self, conn: Connection, names: Sequence[str]) -> None:
        found = conn.execute(QUERIES["prepared"], {"databases": names}).fetchall()
        if found:
            each = " and ".join(
                f"{gid!r} of {owner} in {where}, {age_s:.0f} s old" for gid, age_s, owner, where in found[:3]
            )
            raise PermanentError(
                "prepared-transaction",
                f"A prepared transaction keeps its database from being renamed: {each}.",
                "Have its owner COMMIT PREPARED or ROLLBACK PREPARED it, then try again. The database is open.",
            )

    def _unknown(self, conn: Connection, incoming: str, outgoing: str) -> PermanentError:
        there = self._server.present(conn, self._live, incoming, outgoing)
        if outgoing in there:
            return PermanentError(
                "name-taken",
                f"There is a database {outgoing} already, and {incoming} has not taken the live one's place.",
                "Look at what it is; rename or drop it, then try again. The database is open.",
            )
        missing = incoming if self._live in there else self._live
        return PermanentError(
            "side-missing", f"There is no database {missing}.", "Load the backup again. Nothing was changed."
        )


def _cannot_end(sessions: Sequence[Session]) -> PermanentError:
    return PermanentError(
        "session-cannot-be-ended",
        f"Backstop's role may not end {' and '.join(str(session) for session in sessions[:3])}"
        f"{', a superuser' if sessions[0].superuser else ''}.",
        "Have them disconnect, then try again. The database is open.",
    )
