"""Checks the role that loads bundles, and undoes what a bundle has done to the role itself.

A role may change its own settings and its own password, so what runs with its rights may, too. That is all that it can
reach outside its database, and the next load must not inherit it.
"""

import logging

import psycopg
from psycopg import sql

from bot.adapters.database import Server
from bot.adapters.database.connections import Connection, is_disconnect
from bot.adapters.database.loader import read_loader
from bot.adapters.named_queries import load
from bot.errors import BotError
from bot.planning.refusals import check_loader

QUERIES = load("sql.sides", "loader_role.sql")
_log = logging.getLogger(__name__)
WRONG_PASSWORD = "password authentication failed"  # noqa: S105 -- the server's words


class LoaderRole:
    """The loader of an environment's bundles.

    Args:
        server: names it.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._live = server.connections.database
        self.name = server.loader.user if server.loader else ""

    def require(self, conn: Connection) -> str:
        """Check that it is there and can do nothing else, and return its name.

        Raises:
            PermanentError: ``no-loader-role``, ``loader-too-powerful``.
        """
        check_loader(self._live, read_loader(conn, self._server, self._live))
        return self.name

    def tidy(self, conn: Connection) -> None:
        """Take back the settings and the password that a bundle may have given its loader. To be called when one has
        been loaded: at any other time a wrong password may be a new one, which only the configuration lacks.

        Args:
            conn: of our role, which is a member of the loader.
        """
        if not self.name:
            return
        try:
            self.reset_settings(conn)
            if self._is_locked_out():
                self._reset_password(conn)
        except psycopg.Error as error:
            if is_disconnect(error):
                raise
            _log.warning("role %s could not be put back as it was: %s", self.name, error.sqlstate)

    def reset_settings(self, conn: Connection) -> None:
        """Take back the settings alone; see `tidy`."""
        found = conn.execute(QUERIES["settings"], {"loader": self.name}).fetchall()
        for (database,) in found:
            place = sql.SQL("IN DATABASE {}").format(sql.Identifier(database)) if database else sql.SQL("")
            # What a superuser has set stays: the loader itself may not reset it.
            self._alter(conn, sql.SQL("{} RESET ALL").format(place))

    def _is_locked_out(self) -> bool:
        """Say if the password is no longer ours. The live database refuses it, but only after it has the password."""
        connections = self._server.loader_connections
        if connections is None or self._server.loader is None or self._server.loader.password is None:
            return False
        try:
            connections.open().close()
        except BotError as error:
            return WRONG_PASSWORD in error.message
        return False

    def _reset_password(self, conn: Connection) -> None:
        password = self._server.loader.password if self._server.loader else None
        if password is not None:
            # Hashed here: a statement may be in the server's log.
            hashed = conn.pgconn.encrypt_password(password.encode(), self.name.encode()).decode()
            self._alter(conn, sql.SQL("PASSWORD {}").format(sql.Literal(hashed)))

    def _alter(self, conn: Connection, change: sql.Composable) -> None:
        """Change it as itself: for that no right is needed, for others' CREATEROLE."""
        name = sql.Identifier(self.name)
        with conn.transaction():
            conn.execute(sql.SQL("SET LOCAL ROLE {}").format(name))
            conn.execute(sql.SQL("ALTER ROLE {} {}").format(name, change))
