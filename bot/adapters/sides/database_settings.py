"""Copies database-level settings, which no dump carries, from the live database to the one that takes its place."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import LiteralString

import psycopg
from psycopg import sql

from bot.adapters.database.connections import Connection, is_disconnect, safe_message
from bot.adapters.database.settings import QUERIES, read_settings
from bot.adapters.sides.databases import Note, remove_note
from bot.domain.backups import DatabaseSettings
from bot.errors import PermanentError

# A role that a manifest names may be gone.
REFUSED = (
    psycopg.errors.InsufficientPrivilege,
    psycopg.errors.UndefinedObject,
    psycopg.errors.InvalidParameterValue,
)
CLOSED = 0
"""A connection limit that lets nobody but superusers in."""


class SettingsCopier:
    """Makes `name` like the live database at the level of databases, and lists what our role is not allowed to copy.

    Args:
        conn: in the maintenance database.
        live: the live database's name.
        name: the target.
        wanted: what it is to be like: the live one, or what a manifest noted where there is none.
    """

    def __init__(self, conn: Connection, live: str, name: str, wanted: DatabaseSettings) -> None:
        self._conn = conn
        self._live = live
        self._name = name
        self._wanted = wanted
        self._target = sql.Identifier(name)
        self._lines: list[str] = []

    def copy(self) -> Sequence[str]:
        """Copy everything; return problems, one line each. Idempotent."""
        wanted, ours = self._wanted, read_settings(self._conn, self._name)
        if ours is None:
            raise PermanentError("side-missing", f"There is no database {self._name}.", "Load the backup again.")
        if wanted.owner != ours.owner:
            self._try(f"The owner {wanted.owner}", "ALTER DATABASE {} OWNER TO {}", sql.Identifier(wanted.owner))
        self._copy_acl()
        self._copy_settings(ours)
        note, before = Note.read(ours.comment), remove_note(wanted.comment)
        comment = note.append_to(before) if note else before
        self._try("The comment", "COMMENT ON DATABASE {} IS {}", sql.Literal(comment))
        self._copy_limit()
        self._try("IS_TEMPLATE", "ALTER DATABASE {} IS_TEMPLATE {}", sql.Literal(wanted.template))
        if wanted.tablespace != ours.tablespace:
            self._lines.append(f"Its tablespace is {ours.tablespace}; the live database's is {wanted.tablespace}.")
        self._lines += self._slots()
        return self._lines

    def _copy_limit(self) -> None:
        """Copy the connection limit, but not one by which somebody keeps everybody out of what is to be replaced."""
        if self._wanted.connection_limit == CLOSED:
            self._lines.append("The connection limit 0 was not copied: the app could not have connected.")
            return
        limit = sql.Literal(self._wanted.connection_limit)
        self._try("The connection limit", "ALTER DATABASE {} CONNECTION LIMIT {}", limit)

    def _try(self, what: str, statement: LiteralString, *arguments: sql.Composable) -> None:
        composed = sql.SQL(statement).format(self._target, *arguments)
        try:
            with self._conn.transaction():
                self._conn.execute(composed)
        except psycopg.Error as error:
            if is_disconnect(error):
                raise
            self._lines.append(f"{what} could not be copied: {safe_message(error)}.")

    def _acl(self, name: str) -> list[tuple[str, str, str, bool]]:
        return self._conn.execute(QUERIES["acl"], {"database": name}).fetchall()

    def _copy_acl(self) -> None:
        """Revoke everything, then grant it in order, as the original grantors."""
        wanted = self._wanted.acl
        with self._conn.transaction():
            for grantee in {grantee for _, grantee, *_ in self._acl(self._name)} | {""}:
                statement = sql.SQL("REVOKE ALL ON DATABASE {} FROM {} CASCADE")
                self._conn.execute(statement.format(self._target, _role(grantee)))
            for grant in wanted:
                self._grant(*grant)
        for grantor, grantee, privilege, _ in Counter(wanted) - Counter(self._acl(self._name)):
            self._lines.append(
                f"{privilege} on the database for {grantee or 'PUBLIC'}, given by {grantor}, is not as it was."
            )

    def _grant(self, grantor: str, grantee: str, privilege: str, grantable: bool) -> None:  # noqa: FBT001 -- a row's column
        option = sql.SQL(" WITH GRANT OPTION" if grantable else "")
        statement = sql.SQL("GRANT {} ON DATABASE {} TO {}{}").format(
            sql.SQL(privilege),  # the server's own word
            self._target,
            _role(grantee),
            option,
        )
        # GRANT records the current role as the grantor, so we become the original one where we may.
        for become in (grantor, ""):
            with suppress(*REFUSED), self._become(become):
                self._conn.execute(statement)
                return

    @contextmanager
    def _become(self, role: str) -> Iterator[None]:
        """Run a transaction as another role; "" is ours."""
        with self._conn.transaction():
            if role:
                self._conn.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))
            yield
            if role:
                self._conn.execute("SET LOCAL ROLE NONE")  # a savepoint's end would not

    def _copy_settings(self, ours: DatabaseSettings) -> None:
        wanted, there = _by_name(self._wanted), _by_name(ours)
        for role, key in there.keys() - wanted.keys():
            self._change(role, key, sql.SQL("RESET {}"))
        for (role, key), value in wanted.items():
            if there.get((role, key)) != value:
                self._change(role, key, sql.SQL("SET {} FROM CURRENT"), value)

    def _change(self, role: str, key: str, change: sql.SQL, value: str | None = None) -> None:
        """Set or reset; FROM CURRENT leaves the quoting of lists of names to the server."""
        place = sql.SQL("ALTER DATABASE {}").format(self._target)
        if role:
            place = sql.SQL("ALTER ROLE {} IN DATABASE {}").format(sql.Identifier(role), self._target)
        statement = sql.SQL("{} {}").format(place, change.format(sql.Identifier(*key.split("."))))
        problem = ""
        for become in ("", role) if role else ("",):  # a role may change its own
            try:
                with self._become(become):
                    if value is not None:
                        self._conn.execute("SELECT pg_catalog.set_config(%s, %s, true)", (key, value))
                    self._conn.execute(statement)
            except psycopg.Error as error:
                if is_disconnect(error):
                    raise
                problem = problem or safe_message(error)
            else:
                return
        self._lines.append(f"The setting {key} of {role or 'the database'} could not be copied: {problem}.")

    def _slots(self) -> Iterator[str]:
        for slot, active in self._conn.execute(QUERIES["slots"], {"database": self._live}).fetchall():
            state = "in use" if active else "not in use"
            yield (
                f"The logical replication slot {slot} ({state}) stays with the replaced database: "
                "its consumer has to be set up again."
            )


def _by_name(settings: DatabaseSettings) -> dict[tuple[str, str], str]:
    return {(role, key): value for role, key, value in settings.settings}


def _role(name: str) -> sql.Composable:
    return sql.Identifier(name) if name else sql.SQL("PUBLIC")
