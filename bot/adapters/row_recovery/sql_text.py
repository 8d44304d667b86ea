"""Rows as SQL text.

Values are in their types' own text form, so that the column's input function reads them back, whatever the type. No
literal has a line break in it: a statement that is commented out must not end its comment halfway.
"""

from collections.abc import Callable, Sequence

from bot.adapters.row_recovery.tables import Column, Feed, Name, Table

Row = Sequence[str | None]
SETTINGS = """\
SET LOCAL client_encoding = 'UTF8';
SET LOCAL standard_conforming_strings = on;
SET LOCAL timezone = 'UTC';
SET LOCAL datestyle = 'ISO, YMD';
SET LOCAL intervalstyle = 'postgres';
SET LOCAL bytea_output = 'hex';
SET LOCAL extra_float_digits = 1;
SET CONSTRAINTS ALL DEFERRED;
"""
_ESCAPES = str.maketrans({"'": "''", "\\": "\\\\", "\n": "\\n", "\r": "\\r"})


def literal(value: str | None) -> str:
    """Quote a value, in one line."""
    if value is None:
        return "NULL"
    escaped = value.translate(_ESCAPES)
    return f"E'{escaped}'" if "\\" in escaped else f"'{escaped}'"


def identifier(*parts: str) -> str:
    """Quote a name, possibly qualified."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def has_line_break(table: Table) -> bool:
    """Whether a name in it cannot be written in one line; such names are made to break out of a comment."""
    names = [*table.name, *(part for column in table.columns for part in (column.name, column.type))]
    return any(char in name for name in names for char in "\r\n")


class TableWriter:
    """Writes one table's statements.

    Args:
        table: whose rows they are.
        write: where the text goes.
        joined: all its rows in one statement, because they refer to one another: keys are checked at its end.
    """

    def __init__(self, table: Table, write: Callable[[str], None], *, joined: bool) -> None:
        self._table = table
        self._write = write
        self._joined = joined
        self._begun = False
        names = ", ".join(identifier(column.name) for column in table.written)
        always = " OVERRIDING SYSTEM VALUE" if any(column.always for column in table.columns) else ""
        self._insert = f"INSERT INTO {identifier(*table.name)} ({names}){always} VALUES"

    def insert(self, row: Row) -> None:
        """Write a row that is to come back."""
        values = f"({', '.join(map(literal, row))})"
        if not self._joined:
            self._write(f"{self._insert} {values};\n")
            return
        self._write(f", {values}\n" if self._begun else f"{self._insert}\n  {values}\n")
        self._begun = True

    def update(self, kept: Row, live: Row) -> bool:
        """Write a row that has other values now, commented out; it does nothing where the live row moves on.

        Tells whether there was anything to write.
        """
        changes = [
            (column, new, old)
            for column, new, old in zip(self._table.written, kept, live, strict=True)
            if new != old and not column.always and not column.key
        ]
        if changes:
            setting = ", ".join(f"{identifier(column.name)} = {literal(new)}" for column, new, _ in changes)
            same = [
                f"{identifier(column.name)}::text IS NOT DISTINCT FROM {literal(old)}" for column, _, old in changes
            ]
            which = " AND ".join([*self._keyed(kept), *same])
            self._write(f"-- UPDATE {identifier(*self._table.name)} SET {setting} WHERE {which};\n")
        return bool(changes)

    def finish(self, feeds: Sequence[Feed]) -> None:
        """End the statement, and let no sequence give a number out again that has come back."""
        if self._begun:
            self._write(";\n")
        for feed in feeds:
            self._write(_advance(self._table.name, feed))

    def _keyed(self, row: Row) -> list[str]:
        values: dict[Column, str | None] = dict(zip(self._table.written, row, strict=True))
        return [f"{identifier(column.name)} = {literal(values[column])}" for column in self._table.key]


def _advance(table: Name, feed: Feed) -> str:
    sequence = identifier(*feed.sequence)
    return (
        f"SELECT pg_catalog.setval({literal(sequence)}::pg_catalog.regclass, m)"
        f" FROM (SELECT max({identifier(feed.column)}) AS m FROM {identifier(*table)}) AS t"
        f" WHERE m >= (SELECT last_value FROM {sequence});\n"
    )
