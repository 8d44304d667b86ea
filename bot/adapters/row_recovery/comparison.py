"""Compares the rows of one table in two databases, in the order of their keys, with bounded memory.

Keys are compared as text in the order of their bytes, which the server and we agree on whatever the collation. Rows
travel as a hash; whole rows are fetched, some at a time, only where the hashes differ.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from typing import TypeAlias

from psycopg import sql

from bot.adapters.database.connections import Connection
from bot.adapters.row_recovery.sql_text import Row
from bot.adapters.row_recovery.tables import Column, Table

FETCH_ROWS = 2000
# The number of whole rows in memory; one may be large.
BATCH_ROWS = 100

Key: TypeAlias = tuple[str, ...]
Keyed: TypeAlias = tuple[Key, int]


@dataclass(frozen=True)
class Difference:
    """A row of the kept database, and the live one's of the same key; None where it has none."""

    kept: Row
    live: Row | None


class Comparison:
    """Finds the rows of one table that differ. Both sessions are in a snapshot, with the hashing's settings.

    Args:
        table: with a primary key, and the same columns in both.
        kept: the session in the kept database.
        live: the session in the live one.
    """

    def __init__(self, table: Table, kept: Connection, live: Connection) -> None:
        self._table = table
        self._kept = kept
        self._live = live
        self.only_live = 0

    def differences(self) -> Iterator[Difference]:
        """Find rows of the kept database that the live one lacks or has changed; count the live one's extra rows."""
        found = self._keys()
        while batch := list(islice(found, BATCH_ROWS)):
            kept = self._rows(self._kept, [key for key, _ in batch])
            live = iter(self._rows(self._live, [key for key, both in batch if both]))
            for (_, both), row in zip(batch, kept, strict=True):
                yield Difference(row, next(live) if both else None)

    def _keys(self) -> Iterator[tuple[Key, bool]]:
        """Find the keys of rows that differ; True if the live database has a row of that key, too."""
        with ExitStack() as stack:
            kept, live = (self._stream(stack, conn) for conn in (self._kept, self._live))
            mine, theirs = next(kept, None), next(live, None)
            while mine is not None:
                if theirs is None or mine[0] < theirs[0]:
                    yield mine[0], False
                    mine = next(kept, None)
                elif mine[0] > theirs[0]:
                    self.only_live += 1
                    theirs = next(live, None)
                else:
                    if mine[1] != theirs[1]:
                        yield mine[0], True
                    mine, theirs = next(kept, None), next(live, None)
            self.only_live += (theirs is not None) + sum(1 for _ in live)

    def _stream(self, stack: ExitStack, conn: Connection) -> Iterator[Keyed]:
        keys = [_select_key(column) for column in self._table.key]
        query = sql.SQL("SELECT ARRAY[{}], hash_record_extended(ROW({}), 0) FROM ONLY {} t ORDER BY {}").format(
            sql.SQL(", ").join(keys),
            sql.SQL(self._table.hashed),  # quoted by the server's own format()
            sql.Identifier(*self._table.name),
            sql.SQL(", ").join(keys),
        )
        cursor = stack.enter_context(conn.cursor("backstop_row_recovery"))
        cursor.itersize = FETCH_ROWS
        cursor.execute(query)
        return ((tuple(key), found) for key, found in cursor)

    def _rows(self, conn: Connection, keys: Sequence[Key]) -> Iterable[Row]:
        """Fetch whole rows, by their keys, in their order. Types are named by the server's own format_type()."""
        names = [sql.Identifier(f"k{place}") for place, _ in enumerate(self._table.key)]
        query = sql.SQL("SELECT {} FROM unnest({}) WITH ORDINALITY k ({}, i) JOIN ONLY {} t ON {} ORDER BY k.i").format(
            sql.SQL(", ").join(sql.SQL("t.{}::text").format(sql.Identifier(c.name)) for c in self._table.written),
            sql.SQL(", ").join([sql.SQL("%s::text[]")] * len(names)),
            sql.SQL(", ").join(names),
            sql.Identifier(*self._table.name),
            sql.SQL(" AND ").join(
                sql.SQL("t.{} = k.{}::{}").format(sql.Identifier(column.name), name, sql.SQL(column.type))
                for column, name in zip(self._table.key, names, strict=True)
            ),
        )
        return conn.execute(query, [list(part) for part in zip(*keys, strict=True)]).fetchall() if keys else []


def _select_key(column: Column) -> sql.Composable:
    """Select a key as text; equal numbers must be equal texts, whatever scale they were written with."""
    name = sql.SQL("t.{}").format(sql.Identifier(column.name))
    if column.type.startswith("numeric"):
        name = sql.SQL("trim_scale({})").format(name)
    return sql.SQL('{}::text COLLATE "C"').format(name)
