"""Observes the effect of one transaction from within: the catalogue before and now, and the rows written meanwhile."""

from collections.abc import Mapping
from dataclasses import dataclass

from bot.adapters.database.catalogue import catalogue_within
from bot.adapters.database.connections import Connection
from bot.adapters.database.execution import QUERIES
from bot.domain.catalogue import Catalogue
from bot.domain.effects import ChainEffect, TableWrites


@dataclass(frozen=True)
class Count:
    """Rows inserted, updated and deleted in one table; `locked` as only a write locks it."""

    table: str
    rows: tuple[int, int, int]
    locked: bool


class EffectObserver:
    """Remembers the catalogue and the counts as they are when it is made.

    Args:
        conn: in a transaction that has written nothing yet, but taken its locks.
        tracking_table: whose rows are the bot's own bookkeeping.
    """

    def __init__(self, conn: Connection, tracking_table: str) -> None:
        self._conn = conn
        self._tracking_table = tracking_table
        self.before = self._catalogue(None)
        # The server counts per session and reports later: what an earlier attempt wrote is still in the counts.
        self._counts = self._count()

    def effect(self) -> ChainEffect:
        """Compare the transaction as it stands with its beginning."""
        return ChainEffect(self.before, self._catalogue(self.before), self._writes())

    def _catalogue(self, before: Catalogue | None) -> Catalogue:
        with self._conn.transaction(force_rollback=True):  # reading it changes settings that a script may depend on
            return catalogue_within(self._conn, before=before)

    def _count(self) -> Mapping[int, Count]:
        rows = self._conn.execute(QUERIES["rows_written"], {}).fetchall()
        return {oid: Count(table, tuple(counts), locked) for oid, table, *counts, locked in rows}

    def _writes(self) -> tuple[TableWrites, ...]:
        counted = self._conn.execute(QUERIES["counts_rows"]).fetchall()[0][0]
        now = self._count()
        found = []
        # A table that is new holds nothing that was there; one that was renamed is named as the plan knows it.
        for oid in self._counts.keys() & now.keys():
            then, later = self._counts[oid], now[oid]
            inserted, updated, deleted = (new - old for old, new in zip(then.rows, later.rows, strict=True))
            # decision 34: a rolled-back block has written nothing, although the server counts it.
            if later.locked and then.table != self._tracking_table and (inserted or updated or deleted or not counted):
                found.append(TableWrites(then.table, inserted, updated, deleted, counted=counted))
        return tuple(sorted(found))
