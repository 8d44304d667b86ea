"""Reads what tells a database from every other one, and stops what is about to act on another one."""

from typing import LiteralString

import psycopg

from bot.adapters.database.connections import QUERIES, Connection, Connections
from bot.domain.place import DatabaseIdentity
from bot.errors import PermanentError

# Providers may take these functions away from everybody. The rest still tells databases apart.
REFUSED = (psycopg.errors.InsufficientPrivilege, psycopg.errors.FeatureNotSupported, psycopg.errors.UndefinedFunction)


def read_identity(conn: Connection, connections: Connections) -> DatabaseIdentity:
    """Read the identity of the environment's database.

    Args:
        conn: in autocommit, in any database of the server.
        connections: name the database.
    """
    database = connections.database
    parameters = {"database": database}
    oid = int(conn.execute(QUERIES["oid"], parameters).fetchall()[0][0])
    timeline, server = _ask(conn, QUERIES["timeline"]), _ask(conn, QUERIES["server_identifier"])
    return DatabaseIdentity(database, oid, server, int(timeline or 0), connections.address)


def check_identity(conn: Connection, connections: Connections, approved: DatabaseIdentity | None) -> None:
    """Make sure that this session's server has the approved database; None was approved by an old release.

    Raises:
        PermanentError: ``wrong-database``.
    """
    if approved is None:
        return
    why = read_identity(conn, connections).other_than(approved)
    if why:
        raise PermanentError(
            "wrong-database",
            f"{connections.database} is not the database that was approved: {why}.",
            "Nothing was done in it. Find out where the DSN leads now, then ask again.",
        )


def _ask(conn: Connection, query: LiteralString) -> str:
    """Read one value; "" where our role may not."""
    try:
        row = conn.execute(query).fetchone()
    except REFUSED:
        return ""
    return str(row[0]) if row else ""
