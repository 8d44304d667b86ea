"""Finds relations by their identity, and counts their rows.

The server looks them up, so that a name from a plan never becomes SQL text.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from psycopg import sql

from bot.adapters.database.connections import Connection, snapshot, translated
from bot.adapters.database.server import Server
from bot.adapters.database.sessions import BlockerWatch
from bot.adapters.named_queries import load
from bot.domain.catalogue import TableSize
from bot.errors import PermanentError

QUERIES = load("sql.checks", "tables.sql")
Column = tuple[str, str]
"""Table and column."""
Key = TypeVar("Key", str, tuple[str, str])


@dataclass(frozen=True)
class Relation:
    """A relation that exists.

    Attributes:
        identity: as requested.
        name: for SQL.
        source: for FROM: only its own rows, except for a partitioned table, whose rows are its partitions'.
        lockable: whether LOCK TABLE takes it; it refuses materialized views.
        populated: false for a materialized view that was never refreshed: reading it is an error.
        columns: in their order.
    """

    identity: str
    name: sql.Identifier
    source: sql.Composable
    lockable: bool
    populated: bool
    columns: tuple[str, ...]


def find_relation(conn: Connection, identity: str) -> Relation | None:
    """Look a relation up by what `pg_identify_object` calls it."""
    row = conn.execute(QUERIES["relation"], {"relation": identity}).fetchone()
    if row is None:
        return None
    schema, name, kind, populated, columns = row
    quoted = sql.Identifier(schema, name)
    source = sql.SQL("ONLY {}").format(quoted) if kind == "r" else quoted
    return Relation(identity, quoted, source, kind in {"r", "p"}, populated, tuple(columns))


def find_children(conn: Connection, identity: str) -> list[str]:
    """List the tables that inherit from one, in any degree: a change of its rows changes theirs."""
    return [child for (child,) in conn.execute(QUERIES["children"], {"relation": identity})]


def find_parents(conn: Connection, identity: str) -> list[str]:
    """List the tables that one inherits from, in any degree."""
    return [parent for (parent,) in conn.execute(QUERIES["parents"], {"relation": identity})]


def order_by_references(tables: Iterable[Key], references: Mapping[Key, Iterable[Key]]) -> list[Key]:
    """Put tables after those they refer to, directly or by way of others; in a circle, the first comes last."""
    wanted = list(tables)
    ordered: dict[Key, None] = {}
    entered: set[Key] = set()
    for table in wanted:
        waiting = [(table, False)]
        while waiting:
            name, done = waiting.pop()
            if done:
                ordered[name] = None
            elif name not in entered:
                entered.add(name)
                waiting.append((name, True))
                waiting += [(parent, False) for parent in sorted(references.get(name, ()), reverse=True)]
    kept = set(wanted)
    return [name for name in ordered if name in kept]


def count_rows(conn: Connection, relation: Relation) -> int:
    """Count exactly; 0 for a materialized view that was never refreshed."""
    if not relation.populated:
        return 0
    return int(conn.execute(sql.SQL("SELECT count(*) FROM {}").format(relation.source)).fetchall()[0][0])


def read_size_bytes(conn: Connection, relation: Relation) -> int:
    """Read the size on disk, with indexes and TOAST."""
    return int(conn.execute(QUERIES["total_size"], {"relation": relation.name.as_string()}).fetchall()[0][0])


def measure(server: Server, tables: Sequence[str], columns: Sequence[Column]) -> list[TableSize]:
    """Count rows of tables, then non-null values of columns, in one snapshot.

    Raises:
        TemporaryError: ``table-locked`` names the blocker.
        PermanentError: ``relation-missing``.
    """
    if not tables and not columns:
        return []
    with (
        translated("Counting rows"),
        server.connections.session(statement_timeout_s=server.timing.stall_s) as conn,
        BlockerWatch(server.connections, "Counting rows", pid=conn.info.backend_pid),
        snapshot(conn),
    ):
        sizes = [_measure_table(conn, table) for table in tables]
        return sizes + [_measure_column(conn, *column) for column in columns]


def _measure_table(conn: Connection, table: str) -> TableSize:
    relation = _require(conn, table)
    return TableSize(table, count_rows(conn, relation), read_size_bytes(conn, relation))


def _measure_column(conn: Connection, table: str, column: str) -> TableSize:
    relation = _require(conn, table)
    name = column.strip('"').replace('""', '"')
    query = sql.SQL("SELECT count({0}), coalesce(sum(pg_catalog.pg_column_size({0})), 0) FROM {1}")
    rows, size = conn.execute(query.format(sql.Identifier(name), relation.source)).fetchall()[0]
    return TableSize(f"{table}.{column}", rows, int(size))


def _require(conn: Connection, table: str) -> Relation:
    relation = find_relation(conn, table)
    if relation is None:
        raise PermanentError(
            "relation-missing", f"{table} is not there.", "Somebody has changed the schema: ask again."
        )
    return relation
