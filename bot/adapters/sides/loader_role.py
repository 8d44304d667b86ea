"""Checks the role that loads bundles, and undoes what a bundle has done to the role itself.

A role may change its own settings and its own password, so what runs with its rights may, too. That is all that it can
reach outside its database, and the next load must not inherit it.
"""

import logging
from collections.abc import Sequence
from contextlib import suppress

import psycopg
from psycopg import sql

from bot.adapters.database import Server
from bot.adapters.database.connections import Connection, is_disconnect
from bot.adapters.database.loader import QUERIES as LOADER
from bot.adapters.database.loader import read_loader
from bot.adapters.named_queries import load
from bot.errors import BotError, PermanentError
from bot.planning.refusals import check_loader

QUERIES = load("sql.sides", "loader_role.sql")
_log = logging.getLogger(__name__)
WRONG_PASSWORD = "password authentication failed"  # noqa: S105 -- the server's words
CONNECT_DENIED = "permission denied for database"

Settings = Sequence[tuple[str, str]]
"""A database, "" for all, and the loader's settings in it."""


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

    def prove(self, conn: Connection) -> Sequence[str]:
        """Log in as the loader where it must be refused; return what is proven, and what else it could reach.

        Raises:
            PermanentError: ``no-loader-role``, ``loader-too-powerful``.
        """
        name = self.require(conn)
        refusal = self._try_live()
        if CONNECT_DENIED not in refusal:
            raise self._cannot_log_in(refusal)
        others = [d for (d,) in conn.execute(LOADER["reachable"], {"loader": name, "live": self._live})]
        lines = [
            f"{name} logs in, and {self._live} refuses it",
            f"{name} owns no database, so it can drop none",
            f"{name} is a member of no role",
            f"{name} is no SUPERUSER, CREATEROLE, CREATEDB, REPLICATION or BYPASSRLS",
        ]
        reached = f"{name} may connect to {', '.join(others)}; REVOKE CONNECT … FROM PUBLIC there keeps it out"
        return [*lines, *([reached] if others else [])]

    def _try_live(self) -> str:
        """Try to connect to the live database; return the server's refusal.

        Raises:
            PermanentError: ``loader-too-powerful``: there was none.
        """
        connections = self._server.loader_connections
        try:
            if connections is not None:
                connections.open().close()
        except BotError as error:
            return error.message
        raise PermanentError(
            "loader-too-powerful",
            f"Role {self.name}, which loads backups, has just connected to {self._live}.",
            f"Have a superuser type: REVOKE CONNECT ON DATABASE {self._live} FROM PUBLIC, {self.name};",
        )

    def begin(self, conn: Connection, *, interrupted: bool) -> Settings:
        """Take back settings of its own before a load, and return those that are left: a superuser's.

        Args:
            conn: of our role, which is a member of the loader.
            interrupted: an earlier load has ended without `clean_up`.

        Raises:
            PermanentError: ``no-loader-role``: it cannot log in.
        """
        if interrupted:
            self.clean_up(conn)
        self._reset_settings(conn)
        refusal = self._try_live()
        if WRONG_PASSWORD in refusal:
            raise self._cannot_log_in(refusal)
        return self._settings(conn)

    def _cannot_log_in(self, refusal: str) -> PermanentError:
        return PermanentError(
            "no-loader-role",
            f"Role {self.name}, which loads backups of {self._live}, cannot log in: {refusal}",
            "Check loader_user and its password in backstop.toml, and the server's pg_hba.conf.",
        )

    def clean_up(self, conn: Connection, before: Settings | None = None) -> Sequence[str]:
        """Take back the settings and the password that a bundle may have given its loader; return which it has.

        To be called when one has been loaded: at any other time a wrong password may be a new one, which only the
        configuration lacks.

        Args:
            conn: of our role, which is a member of the loader.
            before: what `begin` has returned; None where nobody wants to know.
        """
        if not self.name:
            return []
        changed = []
        try:
            if before is not None and self._settings(conn) != before:
                changed.append("settings")
            self._reset_settings(conn)
            if self._is_locked_out():
                changed.append("password")
                self._reset_password(conn)
        except psycopg.Error as error:
            if is_disconnect(error):
                raise
            _log.warning("role %s could not be put back as it was: %s", self.name, error.sqlstate)
        return changed

    def _settings(self, conn: Connection) -> Settings:
        return conn.execute(QUERIES["settings"], {"loader": self.name}).fetchall()

    def _reset_settings(self, conn: Connection) -> None:
        for database, _ in self._settings(conn):
            place = sql.SQL("IN DATABASE {}").format(sql.Identifier(database)) if database else sql.SQL("")
            # What a superuser has set stays: the loader itself may not reset it.
            self._alter(conn, sql.SQL("{} RESET ALL").format(place))

    def _is_locked_out(self) -> bool:
        """Say if the password is no longer ours. The live database refuses it, but only after it has the password."""
        if self._server.loader is None or self._server.loader.password is None:
            return False
        with suppress(PermanentError):
            return WRONG_PASSWORD in self._try_live()
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
