"""Takes renames back, and translates identities between the names before a chain and after it."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bot.domain.effects import TABLE_COLUMN

PART = re.compile(r'"(?:[^"]|"")*"|[^".]+')
SCHEMA, CONSTRAINT = "schema", "table constraint"
WITHIN = ("trigger", "policy", "rule", CONSTRAINT)
"""Parts of a relation, named ``x on y``."""
Rename = tuple[str, str, str]
"""Kind, identity before the chain, identity after it."""


@dataclass(frozen=True)
class Renames:
    """The objects that a chain has renamed, or moved to another schema."""

    all: tuple[Rename, ...] = ()

    def before(self, identity: str) -> str:
        """Return the identity that an object had before the chain."""
        return _translate(identity, ((to, was) for _, was, to in self.all))

    def after(self, identity: str) -> str:
        """Return the identity that an object has after the chain."""
        return _translate(identity, ((was, to) for _, was, to in self.all))

    def column_before(self, table: str, column: str) -> str:
        """Return the name, unquoted, that a column had; `table` by its identity after the chain."""
        for kind, was, to in self.all:
            if kind == TABLE_COLUMN and [*_parts(to)] == [*_parts(table), _quoted(column)]:
                return _unquoted([*_parts(was)][-1])
        return column

    @property
    def statements(self) -> tuple[str, ...]:
        """Return statements that rename everything back: schemas first, parts of relations last."""
        schemas = [item for item in self.all if item[0] == SCHEMA]
        relations = [item for item in self.all if item[0] not in {SCHEMA, TABLE_COLUMN, *WITHIN}]
        parts = [item for item in self.all if item[0] in {TABLE_COLUMN, *WITHIN}]
        moved = Renames(tuple(schemas))
        return (
            *(f"ALTER SCHEMA {to} RENAME TO {was}" for _, was, to in schemas),
            *(statement for item in relations for statement in _rename(item, moved)),
            *map(_rename_part, parts),
        )


def _rename(item: Rename, moved: Renames) -> Iterator[str]:
    """Give an object its name and schema; the schemas have their names already."""
    kind, was, to = item
    kind, now = kind.removesuffix(" type") if kind == "composite type" else kind, moved.before(to)
    word = "TYPE" if kind == "composite" else kind.upper()
    arguments = now[now.index("(") :] if "(" in now else ""
    (old_schema, old_name), (schema, name) = _split(was), _split(now)
    if schema != old_schema:
        yield f"ALTER {word} {now} SET SCHEMA {old_schema}"
    if name != old_name:
        place = f"{old_schema}." if old_schema else ""
        yield f"ALTER {word} {place}{name}{arguments} RENAME TO {old_name}"


def _rename_part(item: Rename) -> str:
    kind, was, to = item
    if kind == TABLE_COLUMN:
        *table, name = _parts(was)
        return f"ALTER TABLE {'.'.join(table)} RENAME COLUMN {[*_parts(to)][-1]} TO {name}"
    name, _, relation = was.rpartition(" on ")
    now = to.rpartition(" on ")[0]
    if kind == CONSTRAINT:
        return f"ALTER TABLE {relation} RENAME CONSTRAINT {now} TO {name}"
    return f"ALTER {kind.upper()} {now} ON {relation} RENAME TO {name}"


def _translate(identity: str, pairs: Iterable[tuple[str, str]]) -> str:
    name, on, relation = identity.rpartition(" on ")
    for here, there in sorted(pairs, key=lambda pair: -len(pair[0])):
        if identity == here:
            return there
        if identity.startswith(f"{here}."):
            return there + identity.removeprefix(here)
        if on and (relation == here or relation.startswith(f"{here}.")):
            return f"{name}{on}{there}{relation.removeprefix(here)}"
    return identity


def _split(identity: str) -> tuple[str, str]:
    """Split into schema ("" for none) and name, without arguments."""
    *schema, name = _parts(identity.partition("(")[0])
    return ".".join(schema), name


def _parts(identity: str) -> list[str]:
    return PART.findall(identity)


def _quoted(name: str) -> str:
    return name if re.fullmatch(r"[a-z_][a-z0-9_$]*", name) else '"' + name.replace('"', '""') + '"'


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name
