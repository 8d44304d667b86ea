"""Reads every user object of a database: comparing two catalogues shows what a chain and its CASCADE took.

Definitions are comparable between a database and its copy; see `bot.adapters.database.expressions`.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bot.adapters.database.connections import Connection, snapshot
from bot.adapters.database.expressions import normalise_expression
from bot.adapters.named_queries import load
from bot.domain.catalogue import Catalogue, DatabaseObject, Dependency, DependencyKind, Key
from bot.domain.comparison import compare

QUERIES = load("sql.checks", "catalogue.sql")
SINCE = re.compile(r"_since_(\d+)$")
DEPENDENCIES = load("sql.checks", "dependencies.sql")

# The server's deparsing depends on these. An empty search_path makes it qualify every name.
RENDERING = """
SET LOCAL search_path = '';
SET LOCAL timezone = 'UTC';
SET LOCAL datestyle = 'ISO, YMD';
SET LOCAL intervalstyle = 'postgres';
SET LOCAL bytea_output = 'hex';
SET LOCAL extra_float_digits = 1;
SET LOCAL quote_all_identifiers = off
"""

NAME_PART = re.compile(r'("(?:[^"]|"")*"|[^".(]+)|(\()')
# Kinds of objects that a function's body may refer to by name.
NAMED = frozenset(
    {"table", "view", "materialized view", "foreign table", "sequence", "function", "procedure", "type", "table column"}
)

GRANTS = "grants"
# Properties that are no expressions.
VERBATIM = frozenset({GRANTS, "comment", "body", "label", "values", "options", "mappings"})

Owners = Mapping[Key, str]
"""Owner by (kind, identity)."""


def read_catalogue(conn: Connection, owners: Owners | None = None) -> Catalogue:
    """Read the catalogue in one snapshot.

    Args:
        conn: in autocommit, outside a transaction.
        owners: those in the database this one is a copy of, where the copy could not have the same.
    """
    with snapshot(conn):
        return catalogue_within(conn, owners)


def catalogue_within(
    conn: Connection, owners: Owners | None = None, *, privileges: bool = True, before: Catalogue | None = None
) -> Catalogue:
    """Read it in the transaction under way, as that has left it; changes the transaction's settings.

    Args:
        conn: in a transaction.
        owners: as of `read_catalogue`.
        privileges: False leaves out the objects' privileges.
        before: the same database's, read earlier: what has not changed is taken from it, and an owner is another only
            where the database itself has another now.
    """
    conn.execute(RENDERING)
    known = {item.oid: item for item in before.objects} if before else {}
    reader = ObjectReader(owners or {}, known, privileges=privileges, is_first=before is None)
    objects = frozenset(reader.read(row) for row in _rows(conn))
    dependencies = frozenset(
        Dependency(table, follows, DependencyKind(how), tuple(columns))
        for table, follows, how, columns in conn.execute(DEPENDENCIES["dependencies"])
    )
    return Catalogue(objects, fingerprint(objects), dependencies)


def read_owners(conn: Connection) -> Owners:
    """Read each object's owner, for a copy's catalogue."""
    with snapshot(conn):
        conn.execute(RENDERING)
        return {(row[0], row[1]): row[3] for row in _rows(conn)}


def fingerprint(objects: frozenset[DatabaseObject]) -> str:
    """Compute one sha256, hex, of all objects that a copy has, and their definitions."""
    digest = hashlib.sha256()
    lines = (f"{i.kind}\0{i.identity}\0{i.part_of}\0{i.definition}\n" for i in objects if i.is_copied)
    digest.update("".join(sorted(lines)).encode())
    return digest.hexdigest()


def _rows(conn: Connection) -> Iterator[tuple[Any, ...]]:
    for name, query in QUERIES.items():
        since = SINCE.search(name)
        if since is None or conn.info.server_version >= int(since[1]) * 10_000:
            yield from conn.execute(query)


@dataclass(frozen=True)
class ObjectReader:
    """Makes objects of the queries' rows.

    Attributes:
        owners: see `read_catalogue`.
        known: the same database's objects read before, by OID.
        privileges: False leaves them out.
        is_first: the owners' names are those of objects that are here now, not of what has changed since.
    """

    owners: Owners
    known: Mapping[str, DatabaseObject]
    privileges: bool
    is_first: bool

    def read(self, row: tuple[Any, ...]) -> DatabaseObject:
        """Make the object, or take it from those that are known."""
        kind, identity, part_of, owner, properties, number, kept_as, columns, oid, own, version = row
        was = self.known.get(oid)
        held = (number or "", kept_as or "", tuple(columns or ()))
        if was is not None and (kind, identity, part_of, owner, properties, *held, own, version) == (
            *(was.kind, was.identity, was.part_of, was.owner, was.properties),
            *(was.number, was.kept_as, was.columns, was.own, was.version),
        ):
            return was
        text = f"{self._owner(kind, identity, owner, was)}\0{self._normalise(properties)}"
        digest = hashlib.sha256(text.encode()).hexdigest()
        return DatabaseObject(kind, identity, part_of, digest, *held, owner, properties, oid, own, version)

    def _owner(self, kind: str, identity: str, owner: str, was: DatabaseObject | None) -> str:
        if not self.owners or self.is_first:
            return self.owners.get((kind, identity), owner)
        return self.owners.get(was.key, owner) if was is not None and was.owner == owner else owner

    def _normalise(self, properties: str) -> str:
        """Write expressions in one form; the rest stays."""
        if self.privileges and "(" not in properties:
            return properties
        found = json.loads(properties)
        return json.dumps(
            {
                name: value if name in VERBATIM else _normalise_json(value)
                for name, value in found.items()
                if self.privileges or name != GRANTS
            },
            ensure_ascii=False,
        )


def _normalise_json(value: Any) -> Any:
    """Normalise strings and lists; objects stay as they are: they hold a comment."""
    if isinstance(value, list):
        return [_normalise_json(item) for item in value]
    return normalise_expression(value) if isinstance(value, str) else value


def find_body_references(bodies: Mapping[str, str], before: Catalogue, after: Catalogue) -> tuple[str, ...]:
    """Find functions whose body names what is dropped or renamed: PostgreSQL records no dependency for a body.

    Args:
        bodies: by the functions' identities.
        before: the catalogue before the chain.
        after: the catalogue after the chain.
    """
    difference = compare(before, after)
    lost = [
        *(item for item in difference.gone if item not in difference.remade),
        *(was for was, _ in difference.renamed),
    ]
    relations = {item.identity for item in lost if item.kind != "table column"}
    names = {_bare_name(item) for item in lost if item.kind in NAMED and item.part_of not in relations}
    if not names:
        return ()
    words = re.compile(r"(?<![\w$])(?:" + "|".join(map(re.escape, sorted(names))) + r")(?![\w$])", re.IGNORECASE)
    return tuple(sorted(identity for identity, body in bodies.items() if words.search(body)))


def _bare_name(item: DatabaseObject) -> str:
    """Return its name as a body has it, without quotes; dots and brackets may be part of a quoted one."""
    parts = NAME_PART.findall(item.identity)
    ends = next((n for n, (_, bracket) in enumerate(parts) if bracket), len(parts))
    name = parts[ends - 1][0] if ends else ""
    return name[1:-1].replace('""', '"') if name.startswith('"') else name
