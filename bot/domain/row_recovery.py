"""Counts rows that a kept database has and the live one lacks: numbers, never content."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class RecoveredTable:
    """A table whose content differs.

    Attributes:
        table: its quoted name.
        inserts: rows that only the kept database has.
        updates: rows that both have, with different values.
        only_live: rows that only the live one has; nothing is offered for them.
    """

    table: str
    inserts: int
    updates: int
    only_live: int


@dataclass(frozen=True)
class SkippedTable:
    """A table that differs, or may, and for which nothing could be written; `reason` completes "because …"."""

    table: str
    reason: str


@dataclass(frozen=True)
class Salvage:
    """Result of a comparison.

    Attributes:
        tables: those that differ, in the order in which their rows must go in.
        skipped: those that were left out.
        compared: how many tables were looked at.
        key: where the SQL is in the bucket; "" while it is not stored.
    """

    tables: tuple[RecoveredTable, ...]
    skipped: tuple[SkippedTable, ...]
    compared: int
    key: str = ""

    @property
    def rows(self) -> int:
        """Rows for which there is SQL."""
        return sum(table.inserts + table.updates for table in self.tables)


def read_salvage(stored: Mapping[str, Any]) -> Salvage:
    """Read a comparison's result from its JSON form, which `dataclasses.asdict` writes."""
    return Salvage(
        tables=tuple(RecoveredTable(**table) for table in stored["tables"]),
        skipped=tuple(SkippedTable(**table) for table in stored["skipped"]),
        compared=stored["compared"],
        key=stored["key"],
    )
