"""Exact row counts, in one snapshot."""

from collections.abc import Sequence

import psycopg
from psycopg import sql

from bot.adapters.database.blockers import BlockerWatch
from bot.adapters.database.connections import Connection, Connections
from bot.adapters.database.export import QUERIES, snapshot
from bot.adapters.database.failures import translated
from bot.adapters.database.relations import Relation, count_rows, find_relation
from bot.domain.catalogue import TableSize
from bot.errors import PermanentError

Column = tuple[str, str]


def measure(
    connections: Connections, tables: Sequence[str], columns: Sequence[Column], patience_s: float
) -> list[TableSize]:
    """Count rows of tables, then non-null values of (table, column) pairs.

    Raises:
        TemporaryError: ``table-locked`` names the blocker.
        PermanentError: ``relation-missing``.
    """
    if not tables and not columns:
        return []
    with (
        translated("Counting rows"),
        connections.session(statement_timeout_s=patience_s) as conn,
        BlockerWatch(connections, pid=conn.info.backend_pid) as watch,
    ):
        try:
            with snapshot(conn):
                return [_table(conn, table) for table in tables] + [_column(conn, *pair) for pair in columns]
        except psycopg.errors.LockNotAvailable as error:
            raise watch.locked("Counting rows") from error


def _table(conn: Connection, table: str) -> TableSize:
    relation = _find(conn, table)
    rows = count_rows(conn, relation)
    size = conn.execute(QUERIES["total_size"], {"relation": relation.name.as_string()}).fetchall()[0][0]
    return TableSize(table, rows, int(size))


def _column(conn: Connection, table: str, column: str) -> TableSize:
    relation = _find(conn, table)
    name = column.strip('"').replace('""', '"')
    query = sql.SQL("SELECT count({0}), coalesce(sum(pg_catalog.pg_column_size({0})), 0) FROM {1}")
    rows, size = conn.execute(query.format(sql.Identifier(name), relation.source)).fetchall()[0]
    return TableSize(f"{table}.{column}", rows, int(size))


def _find(conn: Connection, table: str) -> Relation:
    relation = find_relation(conn, table)
    if relation is None:
        raise PermanentError(
            "relation-missing", f"{table} is not there.", "Somebody has changed the schema: ask again."
        )
    return relation
