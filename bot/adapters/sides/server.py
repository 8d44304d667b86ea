"""Databases of ours as seen from the maintenance database: found, made, noted on, opened, closed, dropped."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from bot.adapters.database.connections import Connection, Connections
from bot.adapters.named_queries import load
from bot.adapters.sides.comments import Note, without_note
from bot.adapters.sides.names import SideName, parse_side_name
from bot.errors import PermanentError
from bot.ports import Clock, SideFacts

QUERIES = load("sql.sides", "databases.sql")


class Server:
    """What is done to databases from beside them.

    Args:
        connections: to the live database's server.
        clock: for the notes.
        template: what new ones are copied from.
    """

    def __init__(self, connections: Connections, clock: Clock, template: str) -> None:
        self.connections = connections
        self.live = connections.database
        self._clock = clock
        self._template = template

    def require_ours(self, name: str) -> SideName:
        """Read a name of ours.

        Raises:
            PermanentError: ``not-ours``.
        """
        parsed = parse_side_name(name, self.live)
        if parsed is None or name == self.live:
            raise PermanentError("not-ours", f"{name} is no database that Backstop made for {self.live}.")
        return parsed

    def list(self, conn: Connection) -> Sequence[SideFacts]:
        """Every database of ours beside the live one."""
        found = []
        for name, size_bytes, comment in conn.execute(QUERIES["databases"]).fetchall():
            parsed, note = parse_side_name(name, self.live), Note.read(comment)
            if parsed is not None and (note is None or note.live == self.live):  # two long names may be cut alike
                found.append(SideFacts(name, parsed.kind, parsed.run_id, size_bytes, self._noted_at(note)))
        return found

    def create(self, conn: Connection, name: str) -> None:
        """Make it anew with the live one's encoding and locale; nobody but its owner may connect."""
        self.drop(conn, name)
        parts = [
            sql.SQL("{} = {}").format(sql.SQL(key), value)
            for key, value in {"TEMPLATE": sql.Identifier(self._template), **self._locale(conn)}.items()
        ]
        conn.execute(sql.SQL("CREATE DATABASE {} {}").format(sql.Identifier(name), sql.SQL(" ").join(parts)))
        conn.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))
        self.note(conn, name)

    def copy(self, conn: Connection, source: str, name: str) -> None:
        """Make it anew as a copy of a side database that nobody is in; nobody but its owner may connect."""
        self.drop(conn, name)
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        conn.execute(create.format(sql.Identifier(name), sql.Identifier(source)))
        conn.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))
        self.note(conn, name)

    def _locale(self, conn: Connection) -> Mapping[str, sql.Composable]:
        with conn.cursor(row_factory=dict_row) as cursor:
            row = cursor.execute(QUERIES["locale"], {"database": self.live}).fetchone()
        if row is None:
            raise PermanentError("database-unreachable", "There is no such database on the server.", "Check the DSN.")
        provider = {"i": "ICU", "b": "BUILTIN"}.get(row["provider"])
        options: dict[str, Any] = {
            "ENCODING": row["encoding"],
            "LC_COLLATE": row["collate"],
            "LC_CTYPE": row["ctype"],
            "LOCALE_PROVIDER": provider and provider.lower(),
            f"{provider}_LOCALE": row["locale"] if provider else None,
            "ICU_RULES": row["rules"],
        }
        given: dict[str, sql.Composable] = {key: sql.Literal(value) for key, value in options.items() if value}
        return given | ({"TABLESPACE": sql.Identifier(row["tablespace"])} if row["tablespace"] else {})

    def note(self, conn: Connection, name: str, problems: Sequence[str] = ()) -> None:
        """Note on a database what it stands beside, since when, and what is wrong with it."""
        note = Note(self.live, self._clock.now().astimezone(UTC).isoformat(), tuple(problems))
        self._comment(conn, name, note.written_under(self._read_comment(conn, name)))

    def forget(self, conn: Connection, name: str) -> None:
        """Take our note off a database that becomes the live one."""
        self._comment(conn, name, without_note(self._read_comment(conn, name)))

    def noted_problems(self, conn: Connection, name: str) -> Sequence[str]:
        """What `note` was told of problems."""
        note = Note.read(self._read_comment(conn, name))
        return note.problems if note else ()

    def _read_comment(self, conn: Connection, name: str) -> str | None:
        row = conn.execute(QUERIES["comment"], {"database": name}).fetchone()
        return None if row is None or row[0] is None else str(row[0])

    def _comment(self, conn: Connection, name: str, text: str | None) -> None:
        conn.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(name), sql.Literal(text)))

    def present(self, conn: Connection, *names: str) -> Mapping[str, bool]:
        """Those that exist, and whether each accepts connections."""
        return dict(conn.execute(QUERIES["present"], {"names": list(names)}).fetchall())

    def allow(self, conn: Connection, name: str, *, allowed: bool) -> None:
        """Open or close a database to new connections, even a superuser's."""
        statement = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
        conn.execute(statement.format(sql.Identifier(name), sql.Literal(allowed)))

    @contextmanager
    def opened(self, name: str) -> Iterator[bool]:
        """Let sessions of ours into a kept database, which is closed, for that moment; tells whether it was open.

        Raises:
            PermanentError: ``side-missing``.
        """
        with self.connections.maintenance() as conn:
            is_open = self.present(conn, name).get(name)
            if is_open is None:
                raise PermanentError("side-missing", f"There is no database {name}.", "It has expired or was dropped.")
            if not is_open:
                self.allow(conn, name, allowed=True)
            try:
                yield is_open
            finally:
                if not is_open:
                    self.allow(conn, name, allowed=False)

    def drop(self, conn: Connection, name: str) -> None:
        """Drop it, sessions and all; gone already is well."""
        with suppress(psycopg.errors.InvalidCatalogName):
            conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _noted_at(self, note: Note | None) -> datetime:
        """When it was noted; where a process died before it could, it was just now."""
        with suppress(ValueError):
            if note:
                return datetime.fromisoformat(note.noted_at).astimezone(UTC)
        return self._clock.now()
