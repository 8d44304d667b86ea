"""Exact contents of tables: how many rows, and what they hash to, in the session's snapshot."""

from collections.abc import Sequence
from dataclasses import replace

from psycopg import sql

from bot.adapters.database.connections import Connection
from bot.adapters.database.relations import Relation, count_rows
from bot.adapters.namedqueries import load
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

Table = tuple[str, str, int, str]
"""Schema, name, bytes on disk, hashed columns."""


def read_tables(conn: Connection) -> list[Table]:
    """Tables with rows of their own."""
    return conn.execute(QUERIES["stored_tables"]).fetchall()


def hash_tables(conn: Connection, tables: Sequence[Table]) -> list[TableContent]:
    """Count and hash every table in the session's snapshot: a sum, so that order does not matter and duplicates do."""
    conn.execute(HASHING)
    return [_hash_table(conn, table) for table in tables]


def read_contents(conn: Connection, relations: Sequence[Relation]) -> list[TableContent]:
    """Count relations exactly, and hash those with rows of their own: a view's and a partitioned table's are others'.

    Changes the transaction's settings until its end.
    """
    if not relations:
        return []
    stored = {sql.Identifier(*table[:2]).as_string(): table for table in read_tables(conn)}
    tables = [relation for relation in relations if relation.name.as_string() in stored]
    contents = hash_tables(conn, [stored[relation.name.as_string()] for relation in tables])
    hashed = {relation.identity: content for relation, content in zip(tables, contents, strict=True)}
    return [
        replace(hashed[relation.identity], table=relation.identity)
        if relation.identity in hashed
        else TableContent(relation.identity, count_rows(conn, relation))
        for relation in relations
    ]


def _hash_table(conn: Connection, table: Table) -> TableContent:
    schema, name, _, columns = table
    query = sql.SQL("SELECT count(*), coalesce(sum(hash_record_extended(ROW({}), 0)), 0)::text FROM ONLY {} t").format(
        sql.SQL(columns),  # quoted by the server's own format()
        sql.Identifier(schema, name),
    )
    rows, content_hash = conn.execute(query).fetchall()[0]
    identity = conn.execute("SELECT format('%%I.%%I', %s::text, %s::text)", (schema, name)).fetchall()[0][0]
    return TableContent(identity, rows, content_hash)
