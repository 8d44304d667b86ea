"""Reads and sets the values of sequences."""

from collections.abc import Sequence

from psycopg import sql

from bot.adapters.database.connections import Connection
from bot.adapters.named_queries import load
from bot.domain.backups import SavedSequence

QUERIES = load("sql.checks", "sequences.sql")
BATCH = 200
"""Sequences read by one statement. Outside a transaction it holds that many locks at most."""


def read_sequences(conn: Connection, *, moved: bool = False) -> list[SavedSequence]:
    """Read the database's own sequences, extensions' left out.

    Args:
        conn: in no transaction, or the locks on all of them stay until its end.
        moved: only those that this transaction has changed or taken a value from.
    """
    names = conn.execute(QUERIES["moved" if moved else "all"]).fetchall()
    found: list[SavedSequence] = []
    for begin in range(0, len(names), BATCH):
        found += _read(conn, names[begin : begin + BATCH])
    return found


def _read(conn: Connection, names: Sequence[tuple[str, str, str]]) -> list[SavedSequence]:
    one = sql.SQL("SELECT {}, last_value, is_called FROM {}")
    queries = (one.format(sql.Literal(identity), sql.Identifier(schema, name)) for identity, schema, name in names)
    rows = conn.execute(sql.SQL(" UNION ALL ").join(queries)).fetchall()
    return [SavedSequence(identity, last_value, is_called) for identity, last_value, is_called in rows]


class SequenceSetter:
    """Puts sequences back after a chain, in one session's open transaction.

    Args:
        conn: the session.
        before: OIDs of the sequences that the chain has left; the others have been created again.
        after: values the chain has left in those that it moved, by identity; None where that is not known.
    """

    def __init__(self, conn: Connection, before: Sequence[int], after: dict[str, tuple[int, bool]] | None) -> None:
        self._conn = conn
        self._before = frozenset(before)
        self._after = after

    def set(self, saved: SavedSequence) -> None:
        """Set one to its saved value; where somebody has taken values since, it only ever goes on."""
        row = self._conn.execute(QUERIES["sequence"], {"sequence": saved.sequence}).fetchone()
        if row is None:
            return
        oid, schema, name, step = row
        now = self._conn.execute(
            sql.SQL("SELECT last_value, is_called FROM {}").format(sql.Identifier(schema, name))
        ).fetchall()[0]
        if now == (saved.last_value, saved.is_called):
            return
        if oid not in self._before or (self._after is not None and self._after.get(saved.sequence) == now):
            self._restart(sql.Identifier(schema, name), saved)
        elif self._after is None or saved.sequence in self._after:
            self._advance(sql.Identifier(schema, name), saved, now, 1 if step > 0 else -1)

    def _advance(self, name: sql.Identifier, saved: SavedSequence, now: tuple[int, bool], direction: int) -> None:
        if (saved.last_value * direction, saved.is_called) > (now[0] * direction, now[1]):
            self._restart(name, saved)

    def _restart(self, name: sql.Identifier, saved: SavedSequence) -> None:
        """Set the value so that a rollback takes it back: RESTART makes a new file, which setval then writes to."""
        self._conn.execute(sql.SQL("ALTER SEQUENCE {} RESTART WITH {}").format(name, sql.Literal(saved.last_value)))
        self._conn.execute(
            "SELECT pg_catalog.setval(%s::regclass, %s, %s)", (name.as_string(), saved.last_value, saved.is_called)
        )
