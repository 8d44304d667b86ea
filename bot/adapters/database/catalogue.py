"""Reads every user object of a database: comparing two catalogues shows what a chain and its CASCADE took.

Definitions are comparable between a database and its copy. A dump and reload changes how the server writes some
expressions without changing their meaning, so they are normalised:

- ``status IN ('a', 'b')`` on a varchar is ``(ARRAY['a'::character varying, …])::text[]`` at first, and afterwards
  ``ARRAY[('a'::character varying)::text, …]``: the parser moves a cast of an array into it;
- ``x BETWEEN 1 AND 2 AND y`` is ``(((x >= 1) AND (x <= 2)) AND y)`` at first, and afterwards lacks the inner pair of
  brackets: the parser joins what one connective holds together.

All other brackets and casts stay: two definitions may differ in just those.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from bot.adapters.database.connections import Connection, snapshot
from bot.adapters.named_queries import load
from bot.domain.catalogue import Catalogue, DatabaseObject, Dependency, DependencyKind

QUERIES = load("sql.checks", "catalogue.sql")
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

# An ACL as the queries spell it out, e.g. ``"physioflow_app=SELECTf,«owner»=SELECTf"``.
PRIVILEGES = re.compile(r'"(?:[^",=]*=[A-Z]+[tf](?:,|(?=")))+"')

TOKEN = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|[()\[\]]|[^'"()\[\]]+|.""", re.DOTALL)
CLOSING = {"(": ")", "[": "]"}
CONNECTIVES = (" AND ", " OR ")

# Kinds of objects that a function's body may refer to by name.
NAMED = frozenset(
    {"table", "view", "materialized view", "foreign table", "sequence", "function", "procedure", "type", "table column"}
)

Owners = Mapping[tuple[str, str], str]
"""Owner by (kind, identity)."""


def read_catalogue(conn: Connection, owners: Owners | None = None) -> Catalogue:
    """Read the catalogue in one snapshot.

    Args:
        conn: in autocommit, outside a transaction.
        owners: those in the database this one is a copy of, where the copy could not have the same.
    """
    with snapshot(conn):
        return catalogue_within(conn, owners)


def catalogue_within(conn: Connection, owners: Owners | None = None, *, privileges: bool = True) -> Catalogue:
    """Read it in the transaction under way, as that has left it; changes the transaction's settings.

    `privileges` False leaves out the objects' privileges.
    """
    conn.execute(RENDERING)
    rows = (row for query in QUERIES.values() for row in conn.execute(query))
    objects = frozenset(_object(row, owners or {}, privileges=privileges) for row in rows)
    dependencies = frozenset(
        Dependency(table, follows, DependencyKind(how), tuple(columns))
        for table, follows, how, columns in conn.execute(DEPENDENCIES["dependencies"])
    )
    return Catalogue(objects, fingerprint(objects), dependencies)


def read_owners(conn: Connection) -> Owners:
    """Read each object's owner, for a copy's catalogue."""
    with snapshot(conn):
        conn.execute(RENDERING)
        return {(row[0], row[1]): row[3] for query in QUERIES.values() for row in conn.execute(query)}


def fingerprint(objects: frozenset[DatabaseObject]) -> str:
    """Compute one sha256, hex, of all objects and their definitions."""
    digest = hashlib.sha256()
    for item in sorted(objects):
        digest.update(f"{item.kind}\0{item.identity}\0{item.part_of}\0{item.definition}\n".encode())
    return digest.hexdigest()


def _object(row: tuple[Any, ...], owners: Owners, *, privileges: bool) -> DatabaseObject:
    kind, identity, part_of, owner, definition, *held = row
    number, kept_as, columns = (*held, None, None, None)[:3]
    compared = (definition or "") if privileges else PRIVILEGES.sub('""', definition or "")
    text = f"{owners.get((kind, identity), owner)}\0{_normalise_definition(compared)}"
    digest = hashlib.sha256(text.encode()).hexdigest()
    return DatabaseObject(kind, identity, part_of, digest, number or "", kept_as or "", tuple(columns or ()))


def _normalise_definition(definition: str) -> str:
    """Normalise the expressions in a definition, which is JSON for the most part."""
    if "(" not in definition or not definition.startswith("["):
        return definition
    return json.dumps(_normalise_json(json.loads(definition)), ensure_ascii=False)


def _normalise_json(value: Any) -> Any:
    """Normalise strings and lists; objects stay as they are: they hold a function's own text, or a comment."""
    if isinstance(value, list):
        return [_normalise_json(item) for item in value]
    return normalise_expression(value) if isinstance(value, str) else value


def find_body_references(bodies: Mapping[str, str], before: Catalogue, after: Catalogue) -> tuple[str, ...]:
    """Find functions whose body names a dropped object: PostgreSQL records no dependency for a body.

    Args:
        bodies: by the functions' identities.
        before: the catalogue before the chain.
        after: the catalogue after the chain.
    """
    lost = before.lost_in(after)
    relations = {item.identity for item in lost if item.kind != "table column"}
    names = {_bare_name(item) for item in lost if item.kind in NAMED and item.part_of not in relations}
    if not names:
        return ()
    words = re.compile(r"(?<![\w$])(?:" + "|".join(map(re.escape, sorted(names))) + r")(?![\w$])", re.IGNORECASE)
    return tuple(sorted(identity for identity, body in bodies.items() if words.search(body)))


def _bare_name(item: DatabaseObject) -> str:
    return item.identity.partition("(")[0].rpartition(".")[2].strip('"')


@dataclass
class Group:
    """The content of a pair of brackets, or of the whole text: text and groups in turn."""

    opening: str = ""
    parts: list["str | Group"] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.opening}{self.inside}{CLOSING.get(self.opening, '')}"

    @property
    def inside(self) -> str:
        """Its text without its own brackets."""
        return "".join(map(str, self.parts))


def normalise_expression(text: str) -> str:
    """Write an expression, or a definition that holds some, in the form it has after a dump and reload."""
    if "(" not in text:
        return text
    root = _parse(text)
    return text if root is None else str(_normalise(root))


def _parse(text: str) -> Group | None:
    """Read the text into groups; None where its brackets do not match."""
    stack = [Group()]
    for token in TOKEN.findall(text):
        if token in CLOSING:
            stack.append(Group(token))
        elif token in CLOSING.values():
            if CLOSING.get(stack[-1].opening) != token:
                return None
            closed = stack.pop()
            stack[-1].parts.append(closed)
        else:
            stack[-1].parts.append(token)
    return stack[0] if len(stack) == 1 else None


def _normalise(group: Group) -> Group:
    """Normalise the innermost group first."""
    parts = [_normalise(part) if isinstance(part, Group) else part for part in group.parts]
    return Group(group.opening, _join(_move_casts_inside(parts)))


def _move_casts_inside(parts: list["str | Group"]) -> list["str | Group"]:
    """``(ARRAY[a, b])::text[]`` → ``ARRAY[(a)::text, (b)::text]``."""
    found: list[str | Group] = []
    index = 0
    while index < len(parts):
        part, after = parts[index], parts[index + 1 : index + 3]
        cast = _find_array_cast(part, after)
        if cast and isinstance(part, Group) and isinstance(part.parts[1], Group):
            found += ["ARRAY", Group("[", _cast_each(part.parts[1].parts, cast))]
            index += 3
        else:
            found.append(part)
            index += 1
    return found


def _find_array_cast(part: "str | Group", after: list["str | Group"]) -> str:
    """Return the element's type, as ``::text``, where a cast follows such an array; "" otherwise."""
    if not isinstance(part, Group) or part.opening != "(" or len(part.parts) != 2 or part.parts[0] != "ARRAY":  # noqa: PLR2004 -- the word and its brackets
        return ""
    if len(after) != 2 or str(after[1]) != "[]" or not isinstance(after[0], str):  # noqa: PLR2004 -- the type and its brackets
        return ""
    return after[0] if re.fullmatch(r"::[\w. ]+", after[0]) else ""


def _cast_each(parts: list["str | Group"], cast: str) -> list["str | Group"]:
    elements: list[list[str | Group]] = [[]]
    for part in parts:
        first, *others = part.split(", ") if _is_text(part) else [part]
        elements[-1].append(first)
        elements += [[other] for other in others]
    found: list[str | Group] = []
    for element in elements:
        found += [", " if found else "", Group("(", [item for item in element if item != ""]), cast]
    return found


def _join(parts: list["str | Group"]) -> list["str | Group"]:
    """``((a AND b) AND c)`` → ``(a AND b AND c)``: only where a whole operand is held by the same connective."""
    found: list[str | Group] = []
    for index, part in enumerate(parts):
        before = parts[index - 1] if index else ""
        after = parts[index + 1] if index + 1 < len(parts) else ""
        if isinstance(part, Group) and part.opening == "(" and _is_operand(part, before, after):
            found += part.parts
        else:
            found.append(part)
    return found


def _is_operand(group: Group, before: "str | Group", after: "str | Group") -> bool:
    """Say if the group is a whole operand of the connective that holds it together."""
    held = {connective for connective in CONNECTIVES for part in group.parts if _is_text(part) and connective in part}
    if len(held) != 1 or isinstance(before, Group) or isinstance(after, Group):
        return False
    (connective,) = held
    led, followed = before.endswith(connective), after.startswith(connective)
    return (led or followed) and (led or before == "") and (followed or after == "")


def _is_text(part: "str | Group") -> TypeGuard[str]:
    """Say if it is SQL, not a literal or name in quotation marks."""
    return isinstance(part, str) and part[:1] not in ("'", '"')
