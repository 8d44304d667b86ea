"""What stays when a database is emptied: extensions our role could not make again, and the schemas they are in."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.adapters.database.connections import Connection
from bot.adapters.namedqueries import load
from bot.adapters.sides.archive import ENTRY

QUERIES = load("sql.inplace", "wipe.sql")
OF_DATABASE = ("DATABASE ", "COMMENT - DATABASE ")


@dataclass(frozen=True)
class Kept:
    """What stays, by name, and the schemas that go.

    Attributes:
        extensions: those that stay.
        extension_oids: of those.
        own_extensions: those that go and come again.
        schemas: emptied, and reset to what they are in a new database; the public one always.
        foreign_schemas: those of them that are not ours (public, where it is from before PostgreSQL 15): only emptied.
        going_schemas: dropped with everything in them.
        publications: others', of all tables: no table is named in them, so they outlast every table.
        own_publications: those that go and come again.
    """

    extensions: frozenset[str]
    extension_oids: tuple[int, ...]
    own_extensions: tuple[str, ...]
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
        schemas=tuple(name for name, stays, _ in schemas if stays),
        foreign_schemas=frozenset(name for name, stays, ours in schemas if stays and not ours),
        going_schemas=tuple(name for name, stays, _ in schemas if not stays),
        publications=frozenset(name for name, ours in publications if not ours),
        own_publications=tuple(name for name, ours in publications if ours),
    )
