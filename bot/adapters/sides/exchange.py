"""Swaps two databases (the cutover): they exchange names in one transaction, while nobody is in either.

The names alone say how far an exchange is, so a process that dies leaves nothing to be remembered. Order matters: both
databases are closed first (their own commit), then all sessions are ended. The renames, the notes and the reopening are
one transaction: after it the live name is open.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

import psycopg
from psycopg import sql

from bot.adapters.database.connections import Connection
from bot.adapters.database.identity import check_identity
from bot.adapters.database.sessions import PATIENCE_S, SessionTerminator, allow_connections
from bot.adapters.sides.databases import QUERIES, SideDatabases
from bot.domain.place import DatabaseIdentity
from bot.errors import BotError, PermanentError
from bot.ports import ExchangeState

PREVENTS_RENAME = "keeps its database from being renamed"
STATEMENT_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Exchange:
    """One exchange; see `bot.ports.Sides.exchange`."""

    incoming: str
    outgoing: str
    may_commit: Callable[[], None]
    approved: DatabaseIdentity | None = None
    found_closed: bool = False


class Exchanger:
    """Exchanges a database with the live one; see `bot.ports.Sides.exchange`."""

    def __init__(self, databases: SideDatabases) -> None:
        self._databases = databases
        self._live = databases.live
        self._clock = databases.server.clock

    def state(self, conn: Connection, incoming: str, outgoing: str) -> ExchangeState:
        """Read off the names how far it is."""
        # decision 13: the names are the state, so a lost answer to COMMIT leaves no question.
        there = set(self._databases.find_existing(conn, self._live, incoming, outgoing))
        if not outgoing and incoming in there:  # even where somebody has made another live one meanwhile
            return ExchangeState.BEFORE
        if there == {self._live, incoming}:
            return ExchangeState.BEFORE
        after = {self._live, *([outgoing] if outgoing else [])}
        return ExchangeState.AFTER if there == after else ExchangeState.UNKNOWN

    def exchange(self, conn: Connection, wanted: Exchange) -> float:
        """Swap, unless it has happened already; return for how many seconds the live name was closed."""
        incoming = wanted.incoming
        state = self.state(conn, incoming, wanted.outgoing)
        if state is ExchangeState.AFTER:
            self._open_live(conn)
            return 0.0
        is_taken = not wanted.outgoing and self._live in self._databases.find_existing(conn, self._live)
        if state is ExchangeState.UNKNOWN or is_taken:
            if not wanted.found_closed and not is_taken:
                self._open_live(conn)
            raise self._unknown(conn, incoming, wanted.outgoing)
        check_identity(conn, self._databases.server.connections, wanted.approved)
        both = {"databases": [*([self._live] if wanted.outgoing else []), incoming]}
        sessions = SessionTerminator(conn, self._clock, QUERIES)
        sessions.refuse_prepared(both, PREVENTS_RENAME)
        sessions.refuse_superusers(both)
        was_open = self._databases.find_existing(conn, incoming)[incoming]
        closed_at = self._clock.monotonic()
        try:
            with conn.transaction():
                for name in both["databases"]:
                    allow_connections(conn, name, allowed=False)
            sessions.end_all(both)
            sessions.refuse_prepared(both, PREVENTS_RENAME)
            self._rename(conn, wanted, both)
        except BaseException:
            self._back_out(wanted, was_open=was_open)
            raise
        return self._clock.monotonic() - closed_at

    def _open_live(self, conn: Connection) -> None:
        if self._databases.find_existing(conn, self._live).get(self._live) is False:
            allow_connections(conn, self._live, allowed=True)

    def _back_out(self, wanted: Exchange, *, was_open: bool) -> None:
        """Open both by name, in a new session, as the failed one may be gone: the live name must end up open.

        One that people have closed stays closed.
        """
        connections, incoming = self._databases.server.connections, wanted.incoming
        with suppress(BotError, psycopg.Error), connections.maintenance() as conn:  # the first error counts
            if not wanted.found_closed:
                self._open_live(conn)
            if was_open and incoming in self._databases.find_existing(conn, incoming):
                allow_connections(conn, incoming, allowed=True)

    def _rename(self, conn: Connection, wanted: Exchange, place: Mapping[str, list[str]]) -> None:
        """Rename both; retry while an autovacuum worker or a session that was just starting is in the way."""
        deadline = self._clock.monotonic() + PATIENCE_S
        while True:
            try:
                with conn.transaction():
                    self._rename_within(conn, wanted.incoming, wanted.outgoing)
                    wanted.may_commit()
            except psycopg.errors.ObjectInUse:
                SessionTerminator(conn, self._clock, QUERIES).end_all(place)
                if self._clock.monotonic() > deadline:
                    raise
            else:
                return

    def _rename_within(self, conn: Connection, incoming: str, outgoing: str) -> None:
        # The live name is closed meanwhile: a rename that waits has to give up soon.
        conn.execute(f"SET LOCAL statement_timeout = {round(STATEMENT_TIMEOUT_S * 1000)}".encode())
        rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
        if outgoing:
            conn.execute(rename.format(sql.Identifier(self._live), sql.Identifier(outgoing)))
        conn.execute(rename.format(sql.Identifier(incoming), sql.Identifier(self._live)))
        if outgoing:
            self._databases.note(conn, outgoing)
        self._databases.remove_note(conn, self._live)
        allow_connections(conn, self._live, allowed=True)

    def _unknown(self, conn: Connection, incoming: str, outgoing: str) -> PermanentError:
        there = self._databases.find_existing(conn, self._live, incoming, outgoing)
        if not outgoing and {self._live, incoming} == set(there):
            return PermanentError(
                "name-taken",
                f"There is a database {self._live} now; there was none when the plan was made.",
                "Look at what it is. Ask for the restore again: the new plan then puts it aside.",
            )
        if outgoing in there:
            return PermanentError(
                "name-taken",
                f"There is a database {outgoing} already, and {incoming} has not taken the live one's place.",
                "Look at what it is; rename or drop it, then try again. The database is open.",
            )
        missing = incoming if self._live in there or not outgoing else self._live
        return PermanentError(
            "side-missing", f"There is no database {missing}.", "Load the backup again. Nothing was changed."
        )
