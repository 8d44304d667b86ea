"""Reads which objects of a database reach beyond its own tables, so that its dumps may create them again."""

from collections.abc import Collection
from functools import cache

from bot.adapters.database.connections import Connection, Connections
from bot.adapters.dump_statements import KnownObjects
from bot.adapters.named_queries import load

QUERIES = load("sql.checks", "known_objects.sql")


def known_objects(connections: Connections) -> KnownObjects:
    """Return a function that reads them when they are first needed: most dumps create none of that kind."""

    @cache
    def read() -> Collection[tuple[str, str, str]]:
        with connections.session() as conn:
            return read_known_objects(conn)

    return read


def read_known_objects(conn: Connection) -> Collection[tuple[str, str, str]]:
    """Read them: kind, name, detail."""
    return frozenset(conn.execute(QUERIES["known"]).fetchall())
