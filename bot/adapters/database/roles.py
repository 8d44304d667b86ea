"""Decides as which role a chain's statements run: as the migrations' usual one, and what it may not do, as the owner of
what the statement touches.

What a script creates belongs to the role it runs as, and gets that role's default privileges. Run as the bot itself, a
new table would be closed to the app.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from bot.adapters.database.connections import Connection
from bot.adapters.database.server import Tracking
from bot.adapters.named_queries import load

QUERIES = load("sql.checks", "roles.sql")

Settings = Sequence[tuple[str, str]]
"""Names and values."""


@dataclass(frozen=True)
class Roles:
    """The roles of one database that concern a chain.

    Attributes:
        ours: as which the bot's sessions work.
        migrator: the migrations' usual role: the tracking table's owner, or else the database's, or else ours.
        owners: the others that own something here, and whose rights we have.
        strangers: those that own something here, and whose rights we lack.
        superusers: the strangers among them that are superusers.
        settings: the migrator's own, which its sessions begin with.
    """

    ours: str
    migrator: str
    owners: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()
    superusers: frozenset[str] = frozenset()
    settings: Settings = ()

    @property
    def fallbacks(self) -> tuple[str, ...]:
        """Those as which a statement is tried that the migrator may not run, in order."""
        # On a shadow what belongs to strangers is ours, so there our own role would prove nothing.
        owners = tuple(owner for owner in self.owners if owner != self.ours)
        alone = self.migrator == self.ours or self.strangers or not self.owners
        return owners if alone else (*owners, self.ours)


def read_roles(conn: Connection, tracking: Tracking) -> Roles:
    """Read them in a session of ours, or in a transaction of one."""
    table = sql.Identifier(*tracking.table.split(".")).as_string(conn)
    ours = str(conn.execute("SELECT current_user").fetchall()[0][0])
    candidates = [name for (name,) in conn.execute(QUERIES["migrators"], {"table": table})]
    migrator = str((candidates or [ours])[0])
    owners = conn.execute(QUERIES["owners"]).fetchall()
    return Roles(
        ours,
        migrator,
        owners=tuple(name for name, member, _ in owners if member and name != migrator),
        strangers=tuple(name for name, member, _ in owners if not member),
        superusers=frozenset(name for name, member, superuser in owners if superuser and not member),
        settings=conn.execute(QUERIES["settings"], {"role": migrator}).fetchall() if migrator != ours else (),
    )


class ScriptSession:
    """Runs a script's statements as the roles say, in one session's open transaction."""

    def __init__(self, conn: Connection, roles: Roles) -> None:
        self.conn = conn
        self.roles = roles

    def enter(self) -> None:
        """Become the migrator, with its settings, until `leave` or the transaction's end."""
        if self.roles.migrator == self.roles.ours:
            return
        self._become(self.roles.migrator)
        for name, value in self.roles.settings:
            try:
                with self.conn.transaction():
                    self.conn.execute("SELECT pg_catalog.set_config(%s, %s, true)", (name, value))
            except psycopg.errors.InsufficientPrivilege:
                continue  # a superuser's setting, which only a login has

    def leave(self) -> None:
        """Become ourselves again."""
        if self.roles.migrator != self.roles.ours:
            self._become(self.roles.ours)

    def execute(self, statement: str) -> psycopg.Cursor[tuple[Any, ...]]:
        """Run one statement.

        Raises:
            psycopg.Error: as the migrator's attempt failed.
        """
        if not self.roles.fallbacks:
            return self.conn.execute(statement.encode())
        self.conn.execute("SAVEPOINT backstop_as_owner")
        try:
            cursor = self.conn.execute(statement.encode())
        except psycopg.errors.InsufficientPrivilege as error:
            cursor = self._execute_as_owner(statement, error)
        self.conn.execute("RELEASE SAVEPOINT backstop_as_owner")
        return cursor

    def _execute_as_owner(
        self, statement: str, refused: psycopg.errors.InsufficientPrivilege
    ) -> psycopg.Cursor[tuple[Any, ...]]:
        for role in self.roles.fallbacks:
            self.conn.execute("ROLLBACK TO SAVEPOINT backstop_as_owner")
            path = self._fix_search_path()
            owned = self._count_ours() if role == self.roles.ours else 0
            self._become(role)
            try:
                cursor = self.conn.execute(statement.encode())
            except psycopg.errors.InsufficientPrivilege:
                continue
            # What would be new and ours is for nobody to use.
            if role == self.roles.ours and self._count_ours() > owned:
                continue
            self._become(self.roles.migrator)
            self._set_search_path(path)
            return cursor
        raise refused

    def _fix_search_path(self) -> str:
        """Fix what names mean to the migrator: "$user" is another schema to each role. Return the old path."""
        (path, schemas), *_ = self.conn.execute(
            "SELECT pg_catalog.current_setting('search_path'), pg_catalog.current_schemas(false)"
        )
        self._set_search_path(", ".join(sql.Identifier(schema).as_string(self.conn) for schema in schemas) or "''")
        return str(path)

    def _set_search_path(self, path: str) -> None:
        self.conn.execute("SELECT pg_catalog.set_config('search_path', %s, true)", (path,))

    def _count_ours(self) -> int:
        return int(self.conn.execute(QUERIES["ours"], {"role": self.roles.ours}).fetchall()[0][0])

    def _become(self, role: str) -> None:
        self.conn.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))
