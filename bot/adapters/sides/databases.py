"""Creates, finds, marks, opens and drops our databases, from the maintenance database.

They are called ``{live}_backstop_{kind}_{run}``, and a note at the end of a database's comment says more. Nothing else
on a database is ours to write as its owner: a setting of our own needs a superuser. The comment it had before stays in
front, and comes back alone when the database becomes the live one.
"""

import json
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Self

import psycopg
from psycopg import sql

from bot.adapters.database import Server
from bot.adapters.database.connections import Connection, Connections
from bot.adapters.database.sessions import allow_connections
from bot.adapters.database.settings import locale_options
from bot.adapters.database.shadow import create_database, read_locale
from bot.adapters.named_queries import load
from bot.domain.backups import DatabaseSettings
from bot.errors import PermanentError
from bot.ports import SideFacts

QUERIES = load("sql.sides", "databases.sql")
# PostgreSQL cuts longer names, silently.
NAME_BYTES = 63
NAME = re.compile(
    r"(?P<live>.+)_backstop_(?P<kind>side|kept|undone)_(?P<run>[A-Za-z0-9][A-Za-z0-9.-]{0,39})", re.DOTALL
)
NOTE = re.compile(r"(?:\A|\n)-- backstop: (?P<note>\{[^\n]*\})\Z")


def build_side_name(live: str, kind: str, run_id: str) -> str:
    """Name a run's database of a kind; a name that is too long is cut in the live database's part.

    Raises:
        ValueError: no such kind, or a run id that no name can carry.
    """
    suffix = f"_backstop_{kind}_{run_id}"
    name = live.encode()[: NAME_BYTES - len(suffix)].decode(errors="ignore") + suffix
    if NAME.fullmatch(name) is None:
        raise ValueError(f"no database can be named for kind {kind!r} and run {run_id!r}")
    return name


def parse_side_name(text: str, live: str) -> tuple[str, str] | None:
    """Read a name's kind and run; None when it is not one of the live database's."""
    match = NAME.fullmatch(text)
    if match is None or build_side_name(live, match["kind"], match["run"]) != text:
        return None
    return match["kind"], match["run"]


@dataclass(frozen=True)
class Note:
    """Our note in a database's comment.

    Attributes:
        live: the live database it stands beside.
        noted_at: the time of its last change of role; ISO 8601, UTC.
        problems: lines on objects that could not be loaded as they were.
        loader: the role that has loaded it and owns what is in it; "" where it has been handed over.
        maker: a random text of the load that made it: another load of the same name has another.
    """

    live: str
    noted_at: str
    problems: tuple[str, ...] = ()
    loader: str = ""
    maker: str = ""

    @classmethod
    def read(cls, comment: str | None) -> Self | None:
        """Find the note in a comment; None where it has none of ours."""
        match = NOTE.search(comment or "")
        try:
            values = json.loads(match["note"]) if match else {}
            problems = tuple(map(str, values.get("problems", ())))
            by = (str(values.get(key, "")) for key in ("loader", "maker"))
            return cls(str(values["live"]), str(values["noted_at"]), problems, *by)
        except (ValueError, KeyError, TypeError):
            return None

    def append_to(self, comment: str | None) -> str:
        """Append this note to a comment, in the place of any other."""
        before = remove_note(comment)
        text = "-- backstop: " + json.dumps(asdict(self), ensure_ascii=False)
        return text if before is None else f"{before}\n{text}"


def remove_note(comment: str | None) -> str | None:
    """Remove our note from a comment; None when there was no other comment."""
    return NOTE.sub("", comment or "") or None


class SideDatabases:
    """Manages the databases beside an environment's live one."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.live = server.connections.database

    def require_ours(self, name: str) -> None:
        """Check that a name is one of ours.

        Raises:
            PermanentError: ``not-ours``.
        """
        if parse_side_name(name, self.live) is None or name == self.live:
            raise PermanentError("not-ours", f"{name} is no database that Backstop made for {self.live}.")

    def list(self, conn: Connection) -> Sequence[SideFacts]:
        """List every database of ours beside the live one."""
        found = []
        for name, size_bytes, comment in conn.execute(QUERIES["databases"]).fetchall():
            parsed, note = parse_side_name(name, self.live), Note.read(comment)
            if parsed is not None and (note is None or note.live == self.live):  # two long names may be cut alike
                found.append(SideFacts(name, *parsed, size_bytes, self._read_time(note)))
        return found

    def create(self, conn: Connection, name: str, loader: str, noted: DatabaseSettings | None = None) -> str:
        """Create it empty with the live one's encoding and locale; a leftover of that name is dropped first.

        Args:
            conn: in the maintenance database.
            name: of the new one.
            loader: the role that will fill it.
            noted: counts where the live one is gone; None leaves it to the server.

        Returns the mark by which `drop_own` knows it.
        """
        if self.find_existing(conn, self.live):
            locale: Mapping[str, sql.Composable] = read_locale(conn, self.live)
        else:
            locale = locale_options(noted) if noted else {}
        return self._create(conn, name, {"TEMPLATE": sql.Identifier(self.server.template), **locale}, loader)

    def copy(self, conn: Connection, source: str, name: str) -> None:
        """Copy a side database that has no sessions; a leftover of that name is dropped first."""
        self._create(conn, name, {"TEMPLATE": sql.Identifier(source)}, self.read_note(conn, source).loader)

    def _create(self, conn: Connection, name: str, options: Mapping[str, sql.Composable], loader: str) -> str:
        note = replace(self._fresh_note(), loader=loader, maker=secrets.token_hex(8))
        with _alone(conn, name):
            self._drop(conn, name)
            create_database(conn, name, options)
            # Only its owner, and who loads it, may connect while it is being filled.
            conn.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))
            if loader:
                grant = sql.SQL("GRANT CONNECT, CREATE, TEMPORARY ON DATABASE {} TO {}")
                conn.execute(grant.format(sql.Identifier(name), sql.Identifier(loader)))
            self._comment(conn, name, note.append_to(None))
        return note.maker

    def note(self, conn: Connection, name: str) -> None:
        """Note on a database its live one and the time."""
        self._comment(conn, name, self._fresh_note().append_to(self._read_comment(conn, name)))

    def note_problems(self, conn: Connection, name: str, problems: Sequence[str]) -> None:
        """Add problems to our note on a database."""
        note = self.read_note(conn, name)
        note = replace(note, problems=(*note.problems, *problems))
        self._comment(conn, name, note.append_to(self._read_comment(conn, name)))

    def note_handed_over(self, conn: Connection, name: str, problems: Sequence[str]) -> None:
        """Note that the loader owns nothing in it any more, and what could not be handed over as it should be."""
        note = self.read_note(conn, name)
        note = replace(note, loader="", problems=(*note.problems, *problems))
        self._comment(conn, name, note.append_to(self._read_comment(conn, name)))

    def _fresh_note(self) -> Note:
        return Note(self.live, self.server.clock.now().astimezone(UTC).isoformat())

    def remove_note(self, conn: Connection, name: str) -> None:
        """Remove our note from a database that becomes the live one."""
        self._comment(conn, name, remove_note(self._read_comment(conn, name)))

    def read_note(self, conn: Connection, name: str) -> Note:
        """Read our note on a database; an empty one where there is none."""
        return Note.read(self._read_comment(conn, name)) or Note(self.live, "")

    def reader_of(self, conn: Connection, name: str) -> Connections:
        """Choose who reads a database: until it is handed over, what it holds can run with the reader's rights."""
        loader = self.server.loader_connections
        if not self.read_note(conn, name).loader:
            return self.server.connections
        if loader is None:
            raise PermanentError(
                "no-loader-role",
                f"{name} was loaded by a role that backstop.toml no longer names, and nothing else may read it.",
                "Name it as loader_user in the environment's database, then try again.",
            )
        return loader

    def _read_comment(self, conn: Connection, name: str) -> str | None:
        row = conn.execute(QUERIES["comment"], {"database": name}).fetchone()
        return None if row is None or row[0] is None else str(row[0])

    def _comment(self, conn: Connection, name: str, text: str | None) -> None:
        conn.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(name), sql.Literal(text)))

    def find_existing(self, conn: Connection, *names: str) -> Mapping[str, bool]:
        """Find those that exist; the values say if each accepts connections."""
        return dict(conn.execute(QUERIES["existing"], {"names": list(names)}).fetchall())

    @contextmanager
    def opened(self, name: str) -> Iterator[tuple[bool, Connections]]:
        """Open a closed database of ours for our own sessions meanwhile; yield if it was open before, and who reads it.

        Raises:
            PermanentError: ``not-ours``, ``side-missing``.
        """
        self.require_ours(name)
        with self.server.connections.maintenance() as conn:
            is_open = self.require_existing(conn, name)
            if not is_open:
                allow_connections(conn, name, allowed=True)
            try:
                yield is_open, self.reader_of(conn, name)
            finally:
                if not is_open:
                    allow_connections(conn, name, allowed=False)

    def require_existing(self, conn: Connection, name: str) -> bool:
        """Check that a database exists, and say if it accepts connections.

        Raises:
            PermanentError: ``side-missing``.
        """
        existing = self.find_existing(conn, name)
        if name not in existing:
            raise PermanentError("side-missing", f"There is no database {name}.", "It has expired or was dropped.")
        return existing[name]

    def drop(self, conn: Connection, name: str) -> None:
        """Drop it with its sessions, if it exists."""
        with _alone(conn, name):
            self._drop(conn, name)

    def drop_own(self, conn: Connection, name: str, maker: str) -> None:
        """Drop it if it is still the one that `create` has made: a successor may have made its own since."""
        with _alone(conn, name):
            if self.read_note(conn, name).maker == maker:
                self._drop(conn, name)

    def _drop(self, conn: Connection, name: str) -> None:
        with suppress(psycopg.errors.InvalidCatalogName):
            conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _read_time(self, note: Note | None) -> datetime:
        """Read the time of the note; where a process died before noting it, it was just now."""
        with suppress(ValueError):
            if note:
                return datetime.fromisoformat(note.noted_at).astimezone(UTC)
        return self.server.clock.now()


@contextmanager
def _alone(conn: Connection, name: str) -> Iterator[None]:
    """Keep everybody else of ours from making or dropping a database of that name meanwhile."""
    conn.execute(QUERIES["lock_name"], {"database": name})
    try:
        yield
    finally:
        if not conn.closed:
            conn.execute(QUERIES["unlock_name"], {"database": name})
