"""What stays when a database is emptied: extensions our role could not make again, and the schemas they are in."""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql

from bot.adapters.database.connections import Connection
from bot.adapters.namedqueries import load
from bot.adapters.sides.archive import ENTRY

QUERIES = load("sql.inplace", "wipe.sql")
OF_DATABASE = ("DATABASE ", "COMMENT - DATABASE ")


@dataclass(frozen=True)
class Configuration:
    """A table or sequence in which an extension that stays keeps what is the database's own.

    Attributes:
        schema, name: its.
        is_sequence: else it is a table.
        condition: which rows are meant, as the extension says: a WHERE clause; "" means all.
        replaceable: whether our role may take them away and load others; if not, they stay as they are.
    """

    schema: str
    name: str
    is_sequence: bool
    condition: str
    replaceable: bool

    @property
    def rows(self) -> sql.Composed:
        """What follows FROM."""
        return sql.SQL("ONLY {} {}").format(sql.Identifier(self.schema, self.name), sql.SQL(self.condition))

    @property
    def identity(self) -> str:
        """Its name, for people."""
        return f"{self.schema}.{self.name}"

    def entries_of(self, lines: Sequence[str]) -> list[str]:
        """Entries of a dump's list of contents that would be loaded into it."""
        return [line for line in lines if (match := ENTRY.match(line)) and match["what"].startswith(self.entry)]

    @property
    def entry(self) -> str:
        """How what is loaded into it is called in a dump's list of contents, its owner's name left out."""
        return f"{'SEQUENCE SET' if self.is_sequence else 'TABLE DATA'} {self.schema} {self.name} "


@dataclass(frozen=True)
class Kept:
    """What stays, by name, and the schemas that go.

    Attributes:
        extensions: those that stay.
        extension_oids: of those.
        own_extensions: those that go and come again.
        configuration: what those that stay keep for the database.
        privileges: how a dump's list begins what is granted on objects of those that stay.
        schemas: emptied, and reset to what they are in a new database; the public one always.
        foreign_schemas: those of them that are not ours (public, where it is from before PostgreSQL 15; what an
            extension has made): only emptied.
        going_schemas: dropped with everything in them.
        publications: others', of all tables: no table is named in them, so they outlast every table.
        own_publications: those that go and come again.
    """

    extensions: frozenset[str]
    extension_oids: tuple[int, ...]
    own_extensions: tuple[str, ...]
    configuration: tuple[Configuration, ...]
    privileges: tuple[str, ...]
    schemas: tuple[str, ...]
    foreign_schemas: frozenset[str]
    going_schemas: tuple[str, ...]
    publications: frozenset[str]
    own_publications: tuple[str, ...]

    def missing(self, lines: Sequence[str]) -> list[str]:
        """Entries of a dump's list of contents that are not of what stays, nor of the database itself."""
        kinds = {"EXTENSION": self.extensions, "PUBLICATION": self.publications}
        there = [f"SCHEMA - {name} " for name in self.schemas if name != "public"]
        for name in self.foreign_schemas:
            there += [f"SCHEMA - {name} ", f"COMMENT - SCHEMA {name} ", f"ACL - SCHEMA {name} "]
        for kind, names in kinds.items():
            there += [f"{kind} - {name} " for name in names] + [f"COMMENT - {kind} {name} " for name in names]
        there += [each.entry for each in self.configuration if not each.replaceable] + [*self.privileges]
        found = ((line, ENTRY.match(line)) for line in lines)
        return [line for line, match in found if match and not f"{match['what']} ".startswith((*OF_DATABASE, *there))]


def read_kept(conn: Connection) -> Kept:
    """Look at what there is now."""
    extensions = conn.execute(QUERIES["kept_extensions"]).fetchall()
    oids = [oid for oid, _ in extensions]
    schemas = conn.execute(QUERIES["schemas"], {"kept": oids}).fetchall()
    publications = conn.execute(QUERIES["publications"]).fetchall()
    return Kept(
        extensions=frozenset(name for _, name in extensions),
        extension_oids=tuple(oids),
        own_extensions=tuple(name for (name,) in conn.execute(QUERIES["own_extensions"], {"kept": oids})),
        configuration=tuple(Configuration(*row) for row in conn.execute(QUERIES["kept_configuration"], {"kept": oids})),
        privileges=tuple(entry for (entry,) in conn.execute(QUERIES["kept_privileges"], {"kept": oids})),
        schemas=tuple(name for name, stays, _ in schemas if stays),
        foreign_schemas=frozenset(name for name, stays, ours in schemas if stays and not ours),
        going_schemas=tuple(name for name, stays, _ in schemas if not stays),
        publications=frozenset(name for name, ours in publications if not ours),
        own_publications=tuple(name for name, ours in publications if ours),
    )
