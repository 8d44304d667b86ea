"""Exact contents of tables: how many rows, and what they hash to, in the session's snapshot."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import psycopg
from psycopg import sql

from bot.adapters.database.connections import Connection
from bot.adapters.database.relations import Relation, count_rows
from bot.adapters.named_queries import load
from bot.domain.backups import TableContent

QUERIES = load("sql.checks", "tables.sql")

# What the text form of a value depends on.
TEXT_FORM = """
SET LOCAL timezone = 'UTC';
SET LOCAL datestyle = 'ISO, YMD';
SET LOCAL intervalstyle = 'postgres';
SET LOCAL bytea_output = 'hex';
SET LOCAL extra_float_digits = 1;
SET LOCAL row_security = off
"""

# A bundle's verification must hash under the same.
HASHING = f"SET LOCAL search_path = pg_catalog;{TEXT_FORM}"


class Table(NamedTuple):
    """A table with rows of its own.

    Attributes:
        hashed: its columns, as they are hashed.
        held: the same without what is computed when it is read; "" where nothing is.
        of_extension: whether an extension keeps rows of the database's own in it.
        condition: which of its rows those are, as the extension says: a WHERE clause; "" means all.
    """

    schema: str
    name: str
    size_bytes: int
    hashed: str
    held: str = ""
    of_extension: bool = False
    condition: str = ""


def read_tables(conn: Connection) -> list[Table]:
    """Tables with rows of their own, extensions' left out."""
    return [table for table in read_saved_tables(conn) if not table.of_extension]


def read_saved_tables(conn: Connection) -> list[Table]:
    """Tables whose rows a dump has: also those in which extensions keep what is the database's own."""
    return [Table(*row) for row in conn.execute(QUERIES["stored_tables"])]


def hash_tables(conn: Connection, tables: Sequence[Table]) -> list[TableContent]:
    """Count and hash every table in the session's snapshot: a sum, so that order does not matter and duplicates do."""
    conn.execute(HASHING)
    return [_hash_either(conn, table) for table in tables]


def read_contents(conn: Connection, relations: Sequence[Relation]) -> list[TableContent]:
    """Count relations exactly, and hash those with rows of their own: a view's and a partitioned table's are others'.

    Changes the transaction's settings until its end.
    """
    if not relations:
        return []
    stored = {sql.Identifier(table.schema, table.name).as_string(): table for table in read_tables(conn)}
    tables = [relation for relation in relations if relation.name.as_string() in stored]
    contents = hash_tables(conn, [stored[relation.name.as_string()] for relation in tables])
    hashed = {relation.identity: content for relation, content in zip(tables, contents, strict=True)}
    return [
        replace(hashed[relation.identity], table=relation.identity)
        if relation.identity in hashed
        else TableContent(relation.identity, count_rows(conn, relation))
        for relation in relations
    ]


def _hash_either(conn: Connection, table: Table) -> TableContent:
    """Hash what is stored and, as bundles have had it all along, what is computed from it.

    Where that cannot be computed (it divides by zero, say), it is left out: a dump has only what is stored.
    """
    if not table.held:
        return _hash_table(conn, table, table.hashed)
    try:
        with conn.transaction():  # a savepoint: a value that cannot be computed must not end the snapshot
            return _hash_table(conn, table, table.hashed)
    except psycopg.DataError:
        return _hash_table(conn, table, table.held)


def _hash_table(conn: Connection, table: Table, columns: str) -> TableContent:
    query = sql.SQL("SELECT count(*), coalesce(sum(hash_record_extended(ROW({}), 0)), 0)::text FROM {} t").format(
        sql.SQL(columns),  # quoted by the server's own format()
        _rows_of(table),
    )
    rows, content_hash = conn.execute(query).fetchall()[0]
    query_name = "SELECT format('%%I.%%I', %s::text, %s::text)"
    identity = conn.execute(query_name, (table.schema, table.name)).fetchall()[0][0]
    return TableContent(identity, rows, content_hash, of_extension=table.of_extension)


def _rows_of(table: Table) -> sql.Composable:
    name = sql.SQL("ONLY {}").format(sql.Identifier(table.schema, table.name))
    if not table.condition:
        return name
    # As pg_dump asks for them. The condition names columns of the table, whose name must be its own there.
    return sql.SQL("(SELECT * FROM {} {})").format(name, sql.SQL(table.condition))
