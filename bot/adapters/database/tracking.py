"""Reads and changes the table in which a migration tool lists what is applied.

Tools mark what is not: Flyway's failed rows have ``success`` false, Prisma's rolled back ones a ``rolled_back_at``.
goose adds a row with ``is_applied`` false; the newest row of a version counts. golang-migrate's ``dirty`` and Prisma's
unfinished rows say that nobody knows what is applied.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import LiteralString

import psycopg
from psycopg import sql

from bot.adapters.database.connections import Connection, safe_message
from bot.adapters.database.server import Tracking
from bot.domain.migrations import AppliedMigration
from bot.errors import PermanentError

LEADING_DIGITS = re.compile(r"\d+")
COLUMNS = """
SELECT n.nspname, c.relname, array_agg(a.attname ORDER BY a.attnum),
       coalesce(array_agg(a.attname ORDER BY a.attnum) FILTER (WHERE a.atttypid = 'bool'::pg_catalog.regtype), '{}')
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.oid = pg_catalog.to_regclass(%s)
GROUP BY n.nspname, c.relname
"""
APPLIED, NOT_APPLIED, UNFINISHED = "applied", "not applied", "unfinished"


@dataclass(frozen=True)
class TrackingRow:
    """One row, by its place and its content.

    Attributes:
        ctid: its place.
        version: None where nothing in it can be read as one.
        name: "" where it is only a number.
        state: ``applied``, ``not applied`` or ``unfinished``.
        number: orders the rows of a version, in a table that has several of one.
    """

    ctid: str
    version: int | None
    name: str
    state: str = APPLIED
    number: int = 0


class TrackingTable:
    """The migration runner's table in one session, found once: a later `search_path` cannot lead elsewhere.

    Raises:
        PermanentError: ``tracking-table-unreadable``.
    """

    def __init__(self, conn: Connection, tracking: Tracking) -> None:
        self._conn = conn
        self._candidates = tracking.version_columns
        self.name = sql.Identifier(*tracking.table.split("."))
        self.identity = tracking.table
        self.name, self.identity = self._find()

    def _find(self) -> tuple[sql.Identifier, str]:
        row = self._conn.execute(COLUMNS, (self.name.as_string(self._conn),)).fetchone()
        if row is None:
            raise _unreadable(f"There is no table {self.identity}.")
        identity = self._conn.execute("SELECT format('%%I.%%I', %s::text, %s::text)", row[:2]).fetchone()
        return sql.Identifier(*row[:2]), str(identity[0]) if identity else self.identity

    def _read_columns(self) -> tuple[frozenset[str], frozenset[str]]:
        """Return the columns that exist now, and those of them that are boolean."""
        # They are read each time: migration 026 adds `version`, and undoing it takes it away again.
        row = self._conn.execute(COLUMNS, (self.name.as_string(self._conn),)).fetchone()
        return (frozenset(row[2]), frozenset(row[3])) if row else (frozenset(), frozenset())

    def columns(self) -> Sequence[str]:
        """Return the version columns that exist now, best first."""
        return self._choose(self._read_columns()[0])

    def _choose(self, existing: frozenset[str]) -> Sequence[str]:
        found = [column for column in self._candidates if column in existing]
        if not found:
            raise _unreadable(f"{self.identity} has none of the columns {', '.join(self._candidates)}.")
        return found

    def rows(self) -> list[TrackingRow]:
        """Read every row, in version order.

        Raises:
            PermanentError: ``tracking-table-unreadable``.
        """
        existing, booleans = self._read_columns()
        texts = [sql.SQL("{}::text").format(sql.Identifier(column)) for column in self._choose(existing)]
        number = sql.SQL("id" if "is_applied" in booleans and "id" in existing else "0")
        parts = [sql.SQL(_state(existing, booleans)), number, *texts]
        query = sql.SQL("SELECT ctid::text, {} FROM {}").format(sql.SQL(", ").join(parts), self.name)
        try:
            found = self._conn.execute(query).fetchall()
        except psycopg.errors.InsufficientPrivilege as error:
            raise _unreadable(f"{self.identity} cannot be read: {safe_message(error)}.") from error
        rows = [
            TrackingRow(ctid, _read_version(values), _read_name(values), state, number)
            for ctid, state, number, *values in found
        ]
        return sorted(rows, key=lambda row: (row.version or 0, row.name))

    def applied(self) -> tuple[AppliedMigration, ...]:
        """Read every applied migration, oldest first.

        Raises:
            PermanentError: ``tracking-table-unreadable``, also for a row without a version, two rows with the same, or
                one that a tool has begun and not finished.
        """
        rows = _applied(self.rows())
        begun = sorted({f"{row.version or 0:03d}" for row in rows if row.state == UNFINISHED})
        if begun:
            raise _unreadable(f"{self.identity} says that {', '.join(begun)} has begun and not ended.")
        versions = [row.version for row in rows]
        if None in versions:
            raise _unreadable(f"{versions.count(None)} rows of {self.identity} name no version.")
        twice = sorted({version for version in versions if version is not None and versions.count(version) > 1})
        if twice:
            raise _unreadable(f"{self.identity} names {', '.join(f'{version:03d}' for version in twice)} twice.")
        return tuple(AppliedMigration(row.version or 0, row.name) for row in rows)

    def versions(self) -> frozenset[int]:
        """Read the applied versions.

        Raises:
            PermanentError: ``tracking-table-unreadable``.
        """
        return frozenset(migration.version for migration in self.applied())

    def lock(self) -> None:
        """Keep others from writing to it until the transaction ends."""
        self._conn.execute(sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(self.name))

    def delete(self, version: int) -> int:
        """Delete the rows of a version, by whatever column names it now; count those by which it was applied."""
        # By ctid, because a version is read from text columns and has no single form in SQL.
        rows = [row for row in self.rows() if row.version == version]
        query = sql.SQL("DELETE FROM {} WHERE ctid = ANY(%s::tid[])").format(self.name)
        gone = self._conn.execute(query, ([row.ctid for row in rows],)).rowcount
        return len(_applied(rows)) if gone == len(rows) else gone


def _read_version(values: Sequence[str | None]) -> int | None:
    """Take the first column that begins with a number; a NULL version falls back to the name."""
    for value in values:
        match = LEADING_DIGITS.match(value or "")
        if match:
            return int(match[0])
    return None


def _read_name(values: Sequence[str | None]) -> str:
    """Take the last column, if it is more than a number."""
    last = values[-1] or ""
    return "" if last.isdigit() else last


def _unreadable(message: str) -> PermanentError:
    return PermanentError(
        "tracking-table-unreadable", message, "Check [migrations] tracking_table and version_columns in backstop.toml."
    )


def _state(existing: frozenset[str], booleans: frozenset[str]) -> LiteralString:
    """Write an expression for a row's state, from the columns by which tools mark it."""
    cases: list[LiteralString] = []
    if {"rolled_back_at", "finished_at"} <= existing:
        cases += ["WHEN rolled_back_at IS NOT NULL THEN 'not applied'", "WHEN finished_at IS NULL THEN 'unfinished'"]
    if {"installed_rank", "version"} <= existing:  # Flyway's repeatable scripts have no version
        cases.append("WHEN version IS NULL THEN 'not applied'")
    if "dirty" in booleans:
        cases.append("WHEN dirty THEN 'unfinished'")
    if "success" in booleans:
        cases.append("WHEN success IS NOT TRUE THEN 'not applied'")
    if "is_applied" in booleans:
        cases.append("WHEN is_applied IS NOT TRUE THEN 'not applied'")
    return f"CASE {' '.join(cases)} ELSE 'applied' END" if cases else "'applied'"


def _applied(rows: Sequence[TrackingRow]) -> list[TrackingRow]:
    """Leave out rows of what is not applied; of several that are numbered, the newest of a version counts."""
    newest: Mapping[int | None, int] = {
        row.version: row.number for row in sorted(rows, key=lambda row: row.number) if row.number
    }
    counting = [row for row in rows if newest.get(row.version, row.number) == row.number]
    return [row for row in counting if row.state != NOT_APPLIED]
