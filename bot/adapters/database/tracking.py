"""The table in which the app's migration runner notes what is applied.

Its rows are read by whatever version column exists: migration 026 adds `version`, and undoing it takes it away again.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql

from bot.adapters.database.connections import Connection
from bot.adapters.database.failures import server_words
from bot.domain.migrations import AppliedMigration
from bot.errors import PermanentError

LEADING_DIGITS = re.compile(r"\d+")

COLUMNS = """
SELECT n.nspname, c.relname, array_agg(a.attname ORDER BY a.attnum)
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.oid = pg_catalog.to_regclass(%s)
GROUP BY n.nspname, c.relname
"""


@dataclass(frozen=True)
class Tracking:
    """Where to look: the table, as ``name`` or ``schema.name``; columns that may hold the version, best first."""

    table: str
    version_columns: tuple[str, ...]


@dataclass(frozen=True)
class TrackingRow:
    """One row: where it is, and what it says. `version` None: nothing in it can be read as one."""

    ctid: str
    version: int | None
    name: str


class TrackingTable:
    """The table in one session, found once, so that a later `search_path` cannot lead elsewhere.

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

    def columns(self) -> Sequence[str]:
        """The version columns that exist now, best first."""
        row = self._conn.execute(COLUMNS, (self.name.as_string(self._conn),)).fetchone()
        existing = set(row[2]) if row else set()
        found = [column for column in self._candidates if column in existing]
        if not found:
            raise _unreadable(f"{self.identity} has none of the columns {', '.join(self._candidates)}.")
        return found

    def rows(self) -> list[TrackingRow]:
        """Every row, in version order.

        Raises:
            PermanentError: ``tracking-table-unreadable``.
        """
        columns = self.columns()
        wanted = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(column)) for column in columns)
        query = sql.SQL("SELECT ctid::text, {} FROM {}").format(wanted, self.name)
        try:
            found = self._conn.execute(query).fetchall()
        except psycopg.errors.InsufficientPrivilege as error:
            raise _unreadable(f"{self.identity} cannot be read: {server_words(error)}.") from error
        rows = [TrackingRow(ctid, _version_of(values), _name_of(values)) for ctid, *values in found]
        return sorted(rows, key=lambda row: (row.version or 0, row.name))

    def applied(self) -> tuple[AppliedMigration, ...]:
        """Every applied migration, oldest first.

        Raises:
            PermanentError: ``tracking-table-unreadable``, also for a row without a version, or two rows with the same.
        """
        rows = self.rows()
        versions = [row.version for row in rows]
        if None in versions:
            raise _unreadable(f"{versions.count(None)} rows of {self.identity} name no version.")
        twice = sorted({version for version in versions if version is not None and versions.count(version) > 1})
        if twice:
            raise _unreadable(f"{self.identity} names {', '.join(f'{version:03d}' for version in twice)} twice.")
        return tuple(AppliedMigration(row.version or 0, row.name) for row in rows)

    def delete(self, version: int) -> int:
        """Delete the rows of a version, by whatever column names it now; gives how many went."""
        gone = [row.ctid for row in self.rows() if row.version == version]
        query = sql.SQL("DELETE FROM {} WHERE ctid = ANY(%s::tid[])").format(self.name)
        return self._conn.execute(query, (gone,)).rowcount


def _version_of(values: Sequence[str | None]) -> int | None:
    """The first column that says something; a NULL version falls back to the name."""
    for value in values:
        match = LEADING_DIGITS.match(value or "")
        if match:
            return int(match[0])
    return None


def _name_of(values: Sequence[str | None]) -> str:
    """The last column, where it is more than a number."""
    last = values[-1] or ""
    return "" if last.isdigit() else last


def _unreadable(message: str) -> PermanentError:
    return PermanentError(
        "tracking-table-unreadable", message, "Check [migrations] tracking_table and version_columns in backstop.toml."
    )
