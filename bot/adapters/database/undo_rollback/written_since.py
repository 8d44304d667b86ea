"""Tells rows that others have written since a chain from those that it has left: a row carries its transaction's id."""

from collections.abc import Sequence

from psycopg import sql

from bot.adapters.database.connections import Connection
from bot.adapters.database.large_objects import read_large_objects
from bot.adapters.database.relations import find_relation
from bot.adapters.database.undo_rollback.contents import QUERIES
from bot.adapters.database.undo_rollback.exactness import not_exact
from bot.adapters.database.undo_rollback.renames import Renames
from bot.domain.effects import LARGE_OBJECTS, ChainTrace, RowsSince
from bot.ports import RecreationSpec

HALF_AROUND = 2**31
LATER = "(mod(t.xmin::text::bigint - {last} % 4294967296 + 4294967296, 4294967296) < {next} - {last})"
"""A row written after the chain: ids of 32 bits that go round, between the chain's end and the newest one there is."""


def written_later(conn: Connection, trace: ChainTrace | None) -> sql.Composable:
    """Build the condition for rows written after a chain; of one that has left no trace, every row may be.

    Raises:
        PermanentError: ``undo-not-exact`` where the ids have gone half around.
    """
    if trace is None:
        return sql.SQL("true")
    query = "SELECT pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text::bigint"
    newest = int(conn.execute(query).fetchall()[0][0])
    if newest - trace.last >= HALF_AROUND:
        raise not_exact("too many transactions have run since to tell whose rows are whose")
    return sql.SQL(LATER).format(last=sql.Literal(trace.last), next=sql.Literal(max(newest, trace.last)))


def check_unwritten(conn: Connection, trace: ChainTrace | None, made: Sequence[tuple[str, str]]) -> None:
    """Refuse to take away what the chain has made and people have filled since.

    Args:
        conn: the session.
        trace: of the chain.
        made: tables, and (table, column), "" for all of the table.

    Raises:
        PermanentError: ``undo-not-exact``.
    """
    for table, column in made:
        relation = find_relation(conn, table)
        if relation is None or not relation.lockable:
            continue
        filled = sql.SQL("t.{} IS NOT NULL").format(sql.Identifier(column)) if column else sql.SQL("true")
        query = sql.SQL("SELECT EXISTS (SELECT FROM {} t WHERE {} AND {})")
        later = written_later(conn, trace)
        if conn.execute(query.format(relation.name, later, filled)).fetchall()[0][0]:
            what = f"column {column} of {table}" if column else table
            raise not_exact(f"{what}, which the chain made, has been written to since")


def count_since(conn: Connection, spec: RecreationSpec) -> tuple[RowsSince, ...]:
    """Count what others have written since to the tables whose rows come back; none for a chain without a trace.

    Raises:
        PermanentError: ``undo-not-exact`` where rows cannot be matched.
    """
    if spec.trace is None or spec.export is None:
        return ()
    if any(saved.table == LARGE_OBJECTS for saved in spec.export.tables):
        check_large_objects(conn, spec.trace)
    staying = [saved.table for saved in spec.export.tables if saved.table not in {LARGE_OBJECTS, *spec.reloaded}]
    later, renames = written_later(conn, spec.trace), Renames(spec.renames)
    query = sql.SQL("SELECT count(*) FILTER (WHERE {}), count(*) FROM {} t")
    found = []
    for table in staying:
        relation = find_relation(conn, renames.after(table))
        if relation is not None and relation.lockable:
            written, rows = conn.execute(query.format(later, relation.source)).fetchall()[0]
            found.append(RowsSince(table, written, max(0, spec.trace.rows.get(table, 0) - (rows - written))))
    touched = tuple(item for item in found if item.written or item.touched)
    without_key = [item.table for item in touched if not _has_key(conn, renames.after(item.table))]
    if without_key:
        raise not_exact(f"{without_key[0]} has no primary key and has been written to since")
    return touched


def _has_key(conn: Connection, table: str) -> bool:
    return any(in_key for _, _, in_key, _ in conn.execute(QUERIES["columns"], {"table": table}).fetchall())


def check_large_objects(conn: Connection, trace: ChainTrace | None) -> None:
    """Refuse to lead large objects back that others have written to since: nothing says which.

    Raises:
        PermanentError: ``undo-not-exact``.
    """
    with conn.transaction():  # the server's descriptors of large objects end with it
        if trace is None or read_large_objects(conn).content_hash != trace.large_objects:
            raise not_exact("large objects have been written to since")
