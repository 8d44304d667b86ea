"""Copies a database that lets nobody in, so that it can be dumped without letting the app in."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from bot.adapters.database.connections import QUERIES, Connection
from bot.adapters.database.inspection import is_accepting, missing
from bot.adapters.database.server import Server
from bot.adapters.database.shadow import PREFIX, create_database
from bot.errors import TemporaryError


@contextmanager
def readable(server: Server) -> Iterator[Server]:
    """Yield the server's database where it lets us in, else a copy of it, which is dropped at the end.

    Raises:
        PermanentError: ``database-missing``.
        TemporaryError: ``database-closed``: sessions from before are still in it, so it cannot be copied.
    """
    live = server.connections.database
    with server.connections.maintenance(statement_timeout_s=0) as conn:
        limit, *_, is_superuser, _ = conn.execute(QUERIES["database"], {"database": live}).fetchall()[0]
        if limit is None:
            raise missing(live)
        if is_accepting(limit, is_superuser=is_superuser):
            yield server
            return
        # Named like a shadow: what a process that dies leaves is dropped with those.
        name = f"{PREFIX}dump{secrets.token_hex(6)}"
        try:
            _copy(conn, server, live, name)
            yield server.for_database(name)
        finally:
            conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _copy(conn: Connection, server: Server, live: str, name: str) -> None:
    try:
        create_database(conn, name, {"TEMPLATE": sql.Identifier(live)})
    except psycopg.errors.ObjectInUse as error:
        raise TemporaryError(
            "database-closed",
            f"{live} lets nobody in, and sessions from before are still in it, so it cannot be copied either.",
            f"End them, or open it: ALTER DATABASE {live} ALLOW_CONNECTIONS true CONNECTION LIMIT -1.",
        ) from error
    conn.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))
    comment = sql.Literal(f"Backstop's copy, made at {int(server.clock.now().timestamp())}")
    conn.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(name), comment))
