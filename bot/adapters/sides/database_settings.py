"""Copies database-level settings, which no dump carries, from the live database to the one that takes its place."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from bot.adapters.database.connections import Connection, is_disconnect, safe_message
from bot.adapters.named_queries import load
from bot.adapters.sides.databases import Note, remove_note

QUERIES = load("sql.sides", "database_settings.sql")


class SettingsCopier:
    """Makes `name` like `live` at the level of databases, and lists what our role is not allowed to copy.

    Args:
        conn: in the maintenance database.
        live: the source.
        name: the target.
    """

    def __init__(self, conn: Connection, live: str, name: str) -> None:
        self._conn = conn
        self._live = live
        self._name = name
        self._target = sql.Identifier(name)
        self._lines: list[str] = []

    def copy(self) -> Sequence[str]:
        """Copy everything; return problems, one line each. Idempotent."""
        live, ours = self._properties(self._live), self._properties(self._name)
        if live["owner"] != ours["owner"]:
            self._try(f"The owner {live['owner']}", "ALTER DATABASE {} OWNER TO {}", sql.Identifier(live["owner"]))
        self._copy_acl()
        self._copy_settings()
        note = Note.read(ours["comment"])
        comment = note.append_to(live["comment"]) if note else remove_note(live["comment"])
        self._try("The comment", "COMMENT ON DATABASE {} IS {}", sql.Literal(comment))
        limit = sql.Literal(live["connection_limit"])
        self._try("The connection limit", "ALTER DATABASE {} CONNECTION LIMIT {}", limit)
        self._try("IS_TEMPLATE", "ALTER DATABASE {} IS_TEMPLATE {}", sql.Literal(live["template"]))
        if live["tablespace"] != ours["tablespace"]:
            self._lines.append(f"Its tablespace is {ours['tablespace']}; the live database's is {live['tablespace']}.")
        self._lines += self._slots()
        return self._lines

    def _properties(self, name: str) -> dict[str, Any]:
        with self._conn.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(QUERIES["properties"], {"database": name}).fetchall()[0]

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
        wanted = self._acl(self._live)
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
            with suppress(psycopg.errors.InsufficientPrivilege), self._become(become):
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

    def _copy_settings(self) -> None:
        wanted, there = self._settings(self._live), self._settings(self._name)
        for role, key in there.keys() - wanted.keys():
            self._change(role, key, sql.SQL("RESET {}"))
        for (role, key), value in wanted.items():
            if there.get((role, key)) != value:
                self._change(role, key, sql.SQL("SET {} FROM CURRENT"), value)

    def _settings(self, name: str) -> dict[tuple[str, str], str]:
        return {(role, key): value for role, key, value in self._conn.execute(QUERIES["settings"], {"database": name})}

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


def _role(name: str) -> sql.Composable:
    return sql.Identifier(name) if name else sql.SQL("PUBLIC")
