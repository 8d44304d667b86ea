"""Looks for what is in the way of a backup, a restore or a swap."""

from dataclasses import replace

from bot.adapters.database.connections import QUERIES as SESSIONS
from bot.adapters.database.connections import Connection, translated
from bot.adapters.database.inspection import is_accepting
from bot.adapters.database.server import Server
from bot.adapters.named_queries import load
from bot.domain.obstacles import Belongings, HiddenRows, Obstacles, Subscription
from bot.errors import BotError, PermanentError

QUERIES = load("sql.checks", "obstacles.sql")
READS_LARGE_OBJECTS = 190_000
"""Servers from this version on let members of pg_read_all_data read large objects."""
EMPTY_TEMPLATE = "template0"


def read_obstacles(server: Server) -> Obstacles:
    """Look for them without waiting for anybody.

    In a database that is gone or lets nobody in nothing is seen but what the server itself knows of it.

    Raises:
        TemporaryError: ``database-unreachable``.
    """
    connections = server.connections
    with translated("Looking for obstacles"), connections.maintenance() as conn:
        place = {"database": connections.database}
        limit, *_, is_superuser, _ = conn.execute(SESSIONS["database"], place).fetchall()[0]
        subscriptions = conn.execute(QUERIES["subscriptions"], place).fetchall()
        outside = Obstacles(
            subscriptions=tuple(Subscription(*row) for row in subscriptions),
            standbys=_names(conn, "standbys"),
        )
    if limit is None or not is_accepting(limit, is_superuser=is_superuser):
        return outside
    try:
        with translated("Looking for obstacles"), connections.session() as conn:
            return _look_inside(conn, server, outside)
    except PermanentError:
        return outside  # the plan says itself that nobody gets in


def _look_inside(conn: Connection, server: Server, outside: Obstacles) -> Obstacles:
    tables, room, sessions, limit = conn.execute(QUERIES["locks"]).fetchall()[0]
    made = [(f"{kind} {identity}", optional) for kind, identity, optional in conn.execute(QUERIES["superusers"])]
    unreadable = conn.execute(QUERIES["unreadable"], {"reads_large_objects": READS_LARGE_OBJECTS}).fetchall()
    return replace(
        outside,
        hidden=tuple(HiddenRows(*row) for row in conn.execute(QUERIES["hidden"], {})),
        forced=_names(conn, "forced"),
        unreadable=tuple(name for (name,) in unreadable),
        lost=tuple(name for name, optional in made if optional),
        unloadable=tuple(name for name, optional in made if not optional),
        extensions=_missing_extensions(_names(conn, "extensions"), server),
        belongings=tuple(Belongings(*row) for row in conn.execute(QUERIES["belongings"])),
        grantees=_names(conn, "grantees"),
        dump_tables=tables,
        lock_room=room,
        lock_sessions=sessions,
        lock_limit=limit,
    )


def _names(conn: Connection, query: str) -> tuple[str, ...]:
    return tuple(name for (name,) in conn.execute(QUERIES[query], {}))


def _missing_extensions(wanted: tuple[str, ...], server: Server) -> tuple[str, ...]:
    """Leave out what every new database here has from its template; one that lets nobody look counts as empty."""
    if not wanted or server.template == EMPTY_TEMPLATE:
        return wanted
    try:
        with server.connections.session(server.template) as conn:
            there = _names(conn, "present")
    except BotError:
        return wanted
    return tuple(name for name in wanted if name not in there)
