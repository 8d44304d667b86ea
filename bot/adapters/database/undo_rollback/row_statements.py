"""Builds the statements that put rows of a table that stayed back: by primary key, or as whole rows."""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql

from bot.adapters.database.connections import Connection
from bot.adapters.database.relations import Relation
from bot.domain.backups import SavedTable

EQUAL = sql.SQL("(b.backstop_text, b.backstop_number) = (a.backstop_text, a.backstop_number)")


@dataclass(frozen=True)
class Stayed:
    """A table that stayed.

    Attributes:
        saved: its rows.
        relation: the table as it is now.
        plain: its columns that can be written.
        fixed: those of them that an UPDATE cannot set: identities that are always generated.
        key: its primary key.
        refilled: columns that come back.
        completed: its rows were changed or deleted by the chain.
        stage, later: names of the temporary tables with the saved rows, and with the rows that others have written.
        written_since: number of these.
    """

    saved: SavedTable
    relation: Relation
    plain: tuple[str, ...]
    fixed: frozenset[str]
    key: tuple[str, ...]
    refilled: tuple[str, ...]
    completed: bool
    stage: sql.Identifier
    later: sql.Identifier
    written_since: int = 0


def delete_unmatched(conn: Connection, table: Stayed) -> int:
    """Delete the rows that were not saved, of a table whose rows nothing identifies; each as often as it is there."""
    query = sql.SQL(
        "DELETE FROM {} t USING (SELECT ctid, {} AS backstop_text,"
        " row_number() OVER (PARTITION BY {}) AS backstop_number FROM {} t) a WHERE t.ctid = a.ctid AND NOT EXISTS"
        " (SELECT FROM ({}) b WHERE {})"
    )
    text = as_text("t", table.plain)
    return conn.execute(
        query.format(table.relation.source, text, text, table.relation.source, _numbered(table, table.stage), EQUAL)
    ).rowcount


def insert_unmatched(conn: Connection, table: Stayed) -> int:
    """Insert the saved rows that are not there, likewise."""
    query = sql.SQL(
        "INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM ({}) b"
        " WHERE NOT EXISTS (SELECT FROM ({}) a WHERE {})"
    )
    listed = names(table.plain)
    here = _numbered(table, table.relation.source)
    return conn.execute(
        query.format(table.relation.name, listed, listed, _numbered(table, table.stage), here, EQUAL)
    ).rowcount


def _numbered(table: Stayed, source: sql.Composable) -> sql.Composed:
    """Select rows with their text, and a number among equal ones."""
    text = as_text("t", table.plain)
    query = sql.SQL("SELECT t.*, {} AS backstop_text, row_number() OVER (PARTITION BY {}) AS backstop_number FROM {} t")
    return query.format(text, text, source)


def mine(table: Stayed) -> sql.Composed:
    """Exclude the rows that others have written since."""
    return sql.SQL("NOT EXISTS (SELECT FROM {} s WHERE {})").format(table.later, same_key(table.key))


def names(columns: Sequence[str]) -> sql.Composed:
    """List columns for SQL."""
    return sql.SQL(", ").join(map(sql.Identifier, columns))


def same_key(key: Sequence[str]) -> sql.Composed:
    """Compare the keys of ``t`` and ``s``."""
    return sql.SQL(" AND ").join(sql.SQL("t.{0} = s.{0}").format(sql.Identifier(name)) for name in key)


def as_text(alias: str, columns: Sequence[str]) -> sql.Composed:
    """Write columns as one text: every type has one, and it tells values apart that are called equal."""
    return sql.SQL("ROW({})::text").format(sql.SQL(", ").join(sql.Identifier(alias, name) for name in columns))
