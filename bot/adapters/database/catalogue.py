"""Every user object of a database, with definitions that can be compared between a database and its copy."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from bot.adapters.database.connections import Connection
from bot.adapters.database.expression_normalisation import one_form
from bot.adapters.named_queries import load
from bot.domain.catalogue import Catalogue, DatabaseObject, Dependency, DependencyKind

QUERIES = load("sql.checks", "catalogue.sql")
DEPENDENCIES = load("sql.checks", "dependencies.sql")

# What the server's deparsing depends on. An empty search_path makes it qualify every name.
RENDERING = """
SET LOCAL search_path = '';
SET LOCAL timezone = 'UTC';
SET LOCAL datestyle = 'ISO, YMD';
SET LOCAL intervalstyle = 'postgres';
SET LOCAL bytea_output = 'hex';
SET LOCAL extra_float_digits = 1;
SET LOCAL quote_all_identifiers = off
"""

PRIVILEGES = re.compile(r'"(?:[^",=]*=[A-Z]+[tf](?:,|(?=")))+"')
"""An ACL as the queries spell it out, e.g. ``"physioflow_app=SELECTf,«owner»=SELECTf"``."""

Owners = Mapping[tuple[str, str], str]
"""Owner by (kind, identity)."""


def read_catalogue(conn: Connection, owners: Owners | None = None) -> Catalogue:
    """Read it in one snapshot.

    Args:
        conn: in autocommit, outside a transaction.
        owners: who owns what in the database this one is a copy of, where the copy could not have it so.
    """
    with _one_snapshot(conn):
        return catalogue_within(conn, owners)


def catalogue_within(conn: Connection, owners: Owners | None = None, *, privileges: bool = True) -> Catalogue:
    """Read it in the transaction under way, as this transaction has left it; changes settings until its end.

    `privileges` False leaves out who may do what to an object.
    """
    conn.execute(RENDERING)
    rows = (row for query in QUERIES.values() for row in conn.execute(query))
    objects = frozenset(_object(row, owners or {}, privileges=privileges) for row in rows)
    dependencies = frozenset(
        Dependency(table, follows, DependencyKind(how), tuple(columns))
        for table, follows, how, columns in conn.execute(DEPENDENCIES["ties"])
    )
    return Catalogue(objects, fingerprint(objects), dependencies)


def read_owners(conn: Connection) -> Owners:
    """Who owns what, for a copy's catalogue."""
    with _one_snapshot(conn):
        conn.execute(RENDERING)
        return {(row[0], row[1]): row[3] for query in QUERIES.values() for row in conn.execute(query)}


def fingerprint(objects: frozenset[DatabaseObject]) -> str:
    """One sha256, hex, of all objects and their definitions."""
    digest = hashlib.sha256()
    for item in sorted(objects):
        digest.update(f"{item.kind}\0{item.identity}\0{item.part_of}\0{item.definition}\n".encode())
    return digest.hexdigest()


@contextmanager
def _one_snapshot(conn: Connection) -> Iterator[None]:
    conn.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    try:
        yield
    finally:
        if not conn.closed:
            conn.execute("ROLLBACK")


def _object(row: tuple[Any, ...], owners: Owners, *, privileges: bool) -> DatabaseObject:
    kind, identity, part_of, owner, definition, *held = row
    number, kept_as, columns = (*held, None, None, None)[:3]
    told = (definition or "") if privileges else PRIVILEGES.sub('""', definition or "")
    text = f"{owners.get((kind, identity), owner)}\0{_in_one_form(told)}"
    digest = hashlib.sha256(text.encode()).hexdigest()
    return DatabaseObject(kind, identity, part_of, digest, number or "", kept_as or "", tuple(columns or ()))


def _in_one_form(definition: str) -> str:
    """A definition as the queries give it, JSON for the most part, with the server's expressions in one form."""
    if "(" not in definition or not definition.startswith("["):
        return definition
    return json.dumps(_settled(json.loads(definition)), ensure_ascii=False)


def _settled(value: Any) -> Any:
    """What stands in an object is left as it is: a function's own text, a comment."""
    if isinstance(value, list):
        return [_settled(item) for item in value]
    return one_form(value) if isinstance(value, str) else value
