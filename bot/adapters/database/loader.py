"""Looks at the role that loads bundles: what it may do, and whether it can be used."""

from bot.adapters.database.connections import Connection
from bot.adapters.database.server import Server
from bot.adapters.named_queries import load
from bot.domain.catalogue import LoaderFacts

QUERIES = load("sql.checks", "loader.sql")


def read_loader(conn: Connection, server: Server, live: str) -> LoaderFacts:
    """Read it from the catalogue, which our role sees even where the loader cannot log in.

    Args:
        conn: in any database of the server.
        server: names the loader.
        live: the database that the loader must not reach.
    """
    user = server.loader.user if server.loader else ""
    name, role, is_usable = conn.execute(QUERIES["loader"], {"loader": user}).fetchall()[0]
    powers = conn.execute(QUERIES["powers"], {"loader": user, "live": live}).fetchall() if user else []
    return LoaderFacts(name, role, bool(user), is_usable, tuple((clause, statement) for clause, statement in powers))
