"""Writes rows as SQL text.

Values are in their types' own text form, so that the column's input function reads them back, whatever the type. No
literal has a line break in it: a statement that is commented out must not end its comment halfway.
"""

from collections.abc import Callable, Sequence

from bot.adapters.row_recovery.tables import Column, Name, OwnedSequence, Table

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
    """Say if a name in it has a line break, with which it would break out of a comment."""
    names = [*table.name, *(part for column in table.columns for part in (column.name, column.type))]
    return any(char in name for name in names for char in "\r\n")


class TableWriter:
    """Writes one table's statements.

    Args:
        table: its name and columns.
        write: receives the text.
        joined: all rows are in one statement, because they refer to one another: keys are checked at its end.
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
        """Write a commented-out UPDATE of a row that has other values now; return False if there is nothing to write.

        It changes nothing where the live row has changed again.
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
            which = " AND ".join([*self._match_key(kept), *same])
            # Commented out: the live value may be the newer and the right one, so a person decides.
            self._write(f"-- UPDATE {identifier(*self._table.name)} SET {setting} WHERE {which};\n")
        return bool(changes)

    def finish(self, sequences: Sequence[OwnedSequence]) -> None:
        """End the statement, and advance the sequences beyond the rows that come back."""
        if self._begun:
            self._write(";\n")
        for owned in sequences:
            self._write(_advance(self._table.name, owned))

    def _match_key(self, row: Row) -> list[str]:
        values: dict[Column, str | None] = dict(zip(self._table.written, row, strict=True))
        return [f"{identifier(column.name)} = {literal(values[column])}" for column in self._table.key]


def _advance(table: Name, owned: OwnedSequence) -> str:
    sequence = identifier(*owned.sequence)
    return (
        f"SELECT pg_catalog.setval({literal(sequence)}::pg_catalog.regclass, m)"
        f" FROM (SELECT max({identifier(owned.column)}) AS m FROM {identifier(*table)}) AS t"
        f" WHERE m >= (SELECT last_value FROM {sequence});\n"
    )
