"""Which database a connection string leads to, by what its server says of itself: one database has many names."""

import psycopg
from psycopg.conninfo import make_conninfo

from bot.adapters.database.connections import Connections
from bot.adapters.namedqueries import load
from bot.errors import BotError

QUERIES = load("sql.checks", "sessions.sql")
CONNECT_TIMEOUT_S = 3
Identity = tuple[int, int]


def identify(dsn: str, maintenance_database: str = "") -> Identity | None:
    """Give when the server was started, in microseconds, and the database's oid; None where nobody answers soon.

    Not the server's system identifier: a copy made from its files has the same, and is another server.

    Args:
        dsn: of the database.
        maintenance_database: where to ask instead, for the database itself may be closed; "" asks in it.
    """
    try:
        connections = Connections(make_conninfo(dsn, connect_timeout=CONNECT_TIMEOUT_S), maintenance_database, 1.0)
        with connections.session(maintenance_database, statement_timeout_s=CONNECT_TIMEOUT_S) as conn:
            row = conn.execute(QUERIES["identity"], {"database": connections.database}).fetchone()
    except (BotError, psycopg.Error):
        return None
    return (int(row[0]), int(row[1])) if row else None
