"""Relations by identity: found by the server, so that a name from a plan never becomes SQL text."""

from dataclasses import dataclass

from psycopg import sql

from bot.adapters.database.connections import Connection

FIND = """
SELECT n.nspname, c.relname, c.relkind, c.relispopulated,
       coalesce((SELECT array_agg(attname ORDER BY attnum) FROM pg_catalog.pg_attribute
                 WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped), '{}')
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = pg_catalog.to_regclass(%s)
"""


# Tables that inherit. A partition is none: its rows are reached by way of its table.
CHILDREN = """
WITH RECURSIVE found AS (
    SELECT pg_catalog.to_regclass(%(table)s)::oid AS oid
    UNION
    SELECT c.oid FROM found JOIN pg_catalog.pg_inherits i ON i.inhparent = found.oid
    JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid AND c.relkind = 'r' AND NOT c.relispartition)
SELECT format('%%I.%%I', n.nspname, c.relname) FROM found
JOIN pg_catalog.pg_class c ON c.oid = found.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid <> pg_catalog.to_regclass(%(table)s)
ORDER BY 1
"""
PARENTS = """
WITH RECURSIVE found AS (
    SELECT pg_catalog.to_regclass(%(table)s)::oid AS oid
    UNION
    SELECT c.oid FROM found JOIN pg_catalog.pg_inherits i ON i.inhrelid = found.oid
    JOIN pg_catalog.pg_class c ON c.oid = i.inhparent AND c.relkind = 'r')
SELECT format('%%I.%%I', n.nspname, c.relname) FROM found
JOIN pg_catalog.pg_class c ON c.oid = found.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid <> pg_catalog.to_regclass(%(table)s)
ORDER BY 1
"""


@dataclass(frozen=True)
class Relation:
    """A relation that exists.

    Attributes:
        identity: as asked for.
        name: for SQL.
        source: for FROM: what is in it and in no other, but for a partitioned table, whose rows are its partitions'.
        lockable: whether LOCK TABLE takes it; it refuses materialized views.
        populated: false for a materialized view nobody has refreshed: reading it is an error.
        columns: as they are seen.
    """

    identity: str
    name: sql.Identifier
    source: sql.Composable
    lockable: bool
    populated: bool
    columns: tuple[str, ...]


def find_relation(conn: Connection, identity: str) -> Relation | None:
    """Look a relation up by what `pg_identify_object` calls it."""
    row = conn.execute(FIND, (identity,)).fetchone()
    if row is None:
        return None
    schema, name, kind, populated, columns = row
    quoted = sql.Identifier(schema, name)
    source = sql.SQL("ONLY {}").format(quoted) if kind == "r" else quoted
    return Relation(identity, quoted, source, kind in {"r", "p"}, populated, tuple(columns))


def count_rows(conn: Connection, relation: Relation) -> int:
    """Count exactly; 0 for a materialized view nobody has refreshed."""
    if not relation.populated:
        return 0
    return int(conn.execute(sql.SQL("SELECT count(*) FROM {}").format(relation.source)).fetchall()[0][0])


def children_of(conn: Connection, identity: str) -> list[str]:
    """Identities of the tables that inherit from one, in any degree: what is done to its rows is done to theirs."""
    return [child for (child,) in conn.execute(CHILDREN, {"table": identity})]


def parents_of(conn: Connection, identity: str) -> list[str]:
    """Identities of the tables that one inherits from, in any degree."""
    return [parent for (parent,) in conn.execute(PARENTS, {"table": identity})]
