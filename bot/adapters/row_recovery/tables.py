"""Reads the tables to compare: their columns, keys, references and sequences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from bot.adapters.database.connections import Connection
from bot.adapters.database.hashing import read_tables
from bot.adapters.named_queries import load

QUERIES = load("sql.row_recovery", "tables.sql")
Name: TypeAlias = tuple[str, str]
"""Schema and name."""


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        key: its 1-based place in the primary key; None outside it.
        generated: it is computed from others.
        always: it is GENERATED ALWAYS AS IDENTITY.
    """

    name: str
    type: str
    key: int | None
    generated: bool
    always: bool


@dataclass(frozen=True)
class Table:
    """A table with rows of its own. `hashed` is the expression of its columns for `hash_record_extended`."""

    name: Name
    hashed: str
    size_bytes: int
    columns: tuple[Column, ...]

    @property
    def key(self) -> tuple[Column, ...]:
        """The primary key's columns, in order; empty where there is none."""
        return tuple(sorted((column for column in self.columns if column.key), key=lambda column: column.key or 0))

    @property
    def written(self) -> tuple[Column, ...]:
        """Columns that an INSERT may name."""
        return tuple(column for column in self.columns if not column.generated)


@dataclass(frozen=True)
class OwnedSequence:
    """A column, and the sequence that supplies its values."""

    column: str
    sequence: Name


def read(conn: Connection) -> Mapping[Name, Table]:
    """Read every table with rows of its own."""
    columns = {(schema, name): found for schema, name, found in conn.execute(QUERIES["columns"]).fetchall()}
    return {
        (schema, name): Table(
            (schema, name), hashed, size_bytes, tuple(Column(**column) for column in columns[schema, name])
        )
        for schema, name, size_bytes, hashed, *_ in read_tables(conn)
    }


def read_references(conn: Connection) -> Mapping[Name, frozenset[Name]]:
    """Read the tables that each table refers to, itself included where it does."""
    found: dict[Name, frozenset[Name]] = {}
    for child_schema, child, parent_schema, parent in conn.execute(QUERIES["references"]).fetchall():
        one = (child_schema, child)
        found[one] = found.get(one, frozenset()) | {(parent_schema, parent)}
    return found


def read_sequences(conn: Connection) -> Mapping[Name, Sequence[OwnedSequence]]:
    """Read the ascending sequences of each table."""
    found: dict[Name, list[OwnedSequence]] = {}
    for schema, table, column, sequence_schema, sequence in conn.execute(QUERIES["sequences"]).fetchall():
        found.setdefault((schema, table), []).append(OwnedSequence(column, (sequence_schema, sequence)))
    return found
