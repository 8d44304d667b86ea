"""Looks at a database and its sessions from outside."""

import psycopg

from bot.adapters.database.connections import Connection
from bot.sandbox.physioflow.clones import Clone


def is_open(server: Connection, clone: Clone) -> bool:
    query = "SELECT datallowconn FROM pg_database WHERE datname = %s"
    return bool(server.execute(query, (clone.name,)).fetchall()[0][0])


def is_alive(conn: Connection) -> bool:
    try:
        conn.execute("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True
