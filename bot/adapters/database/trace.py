"""Reads, just before COMMIT, what an undo needs to tell a chain's own writes from those of others since."""

from collections.abc import Iterable

from bot.adapters.database.connections import Connection
from bot.adapters.database.large_objects import read_large_objects
from bot.adapters.database.relations import count_rows, find_relation
from bot.adapters.database.sequences import read_sequences
from bot.adapters.named_queries import load
from bot.domain.effects import LARGE_OBJECTS, ChainTrace

PUBLICATIONS = load("sql.checks", "publications.sql")
XID_SPACE = 2**32


def read_publications(conn: Connection) -> str:
    """Return a digest of all publications, as they are in this transaction."""
    return str(conn.execute(PUBLICATIONS["state"]).fetchall()[0][0])


def read_trace(conn: Connection, tables: Iterable[str], publications: str) -> ChainTrace:
    """Read the transaction's ids, the rows it leaves in tables, and the sequences it has moved.

    Args:
        conn: in the chain's transaction, after its last statement.
        publications: their digest before its first statement.
        tables: those whose rows were saved; one that is gone has no rows left.
    """
    first = int(conn.execute("SELECT pg_catalog.pg_current_xact_id()::text").fetchall()[0][0])
    wanted = frozenset(tables)
    found = ((table, find_relation(conn, table)) for table in wanted - {LARGE_OBJECTS})
    objects = read_large_objects(conn).content_hash if LARGE_OBJECTS in wanted else ""
    rows = {table: count_rows(conn, relation) for table, relation in found if relation is not None}
    moved = {item.sequence: (item.last_value, item.is_called) for item in read_sequences(conn, moved=True)}
    return ChainTrace(first, first + (_newest_id(conn) - first) % XID_SPACE, rows, moved, publications, objects)


def _newest_id(conn: Connection) -> int:
    """Have the server give out one more id, 32 bits: every row of this transaction has an older one."""
    # Blocks with an exception handler write with ids of their own, which no function names.
    with conn.transaction(force_rollback=True):
        conn.execute("CREATE TEMPORARY TABLE backstop_newest_id ()")
        query = "SELECT xmin::text::bigint FROM pg_catalog.pg_class WHERE oid = 'pg_temp.backstop_newest_id'::regclass"
        return int(conn.execute(query).fetchall()[0][0])
