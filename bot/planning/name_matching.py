"""Matches names as scripts write them with identities as the catalogue has them."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from bot.domain.catalogue import DatabaseObject, Dependency, DependencyKind
from bot.domain.migrations import DownScript

COLUMN = "table column"
PART = re.compile(r'"(?:[^"]|"")*"|[^".]+')
"""One part of a dotted name; one in quotation marks may hold dots itself."""


def split_name(name: str) -> tuple[str, ...]:
    """Split a name, quoted or as written: ``public.f(integer)`` → ``public``, ``f``."""
    return tuple(part.strip('"').replace('""', '"').lower() for part in PART.findall(_without_arguments(name)))


def _without_arguments(name: str) -> str:
    """Cut the arguments off; a quoted name may hold a bracket itself."""
    found = re.match(r'(?:"(?:[^"]|"")*"|[^("])+', name)
    return found[0] if found else name


def is_same(identity: str, written: str) -> bool:
    """Tell if what was written can mean that object: schemas count where one is written."""
    here, there = split_name(identity), split_name(written)
    return bool(there) and here[-len(there) :] == there


def bare(name: str) -> str:
    """Reduce a name to its last part: ``public.f(integer)`` → ``f``; "" for none."""
    return (split_name(name) or ("",))[-1]


class Names:
    """Everything a chain drops or alters by name."""

    def __init__(self, chain: Sequence[DownScript]) -> None:
        written = [name for script in chain for statement in script.statements for name in statement.names]
        self._wholes = [name for name in written if " on " not in name]
        self._parts = [tuple(name.split(" on ", 1)) for name in written if " on " in name]

    def hold(self, item: DatabaseObject) -> bool:
        """Tell if a script names that very object."""
        if item.kind == COLUMN:
            return self.hold_part(item.part_of, item.identity.removeprefix(f"{item.part_of}."))
        part, on, relation = item.identity.partition(" on ")
        if on:
            return self.hold_part(relation, part)
        return any(is_same(item.identity, name) for name in self._wholes)

    def hold_part(self, relation: str, part: str) -> bool:
        """Tell if a script names that column, constraint, trigger or policy of that relation."""
        return any(bare(part) == name.lower() and is_same(relation, table) for name, table in self._parts)


def drops_by_name(item: DatabaseObject, chain: Sequence[DownScript]) -> bool:
    """Tell if a statement drops that very kind of object by its name; for objects that no rehearsal can have."""
    words = re.compile(r"\bDROP\s+" + item.kind.replace(" ", r"\s+") + r"\b", re.IGNORECASE)
    return any(
        words.search(statement.sql) is not None and any(is_same(item.identity, name) for name in statement.names)
        for script in chain
        for statement in script.statements
    )


def named_among(
    gone: Sequence[DatabaseObject], chain: Sequence[DownScript], dependencies: Iterable[Dependency]
) -> frozenset[DatabaseObject]:
    """Find what a script names among what is gone, and what goes with that by itself."""
    names = Names(chain)
    relations = {item.identity: item for item in gone if not item.part_of}
    parents = {
        dependency.table: dependency.follows
        for dependency in dependencies
        if dependency.kind in {DependencyKind.PARTITION, DependencyKind.CHILD}
    }
    return frozenset(item for item in gone if _is_named(item, names, relations, parents))


def _is_named(
    item: DatabaseObject, names: Names, relations: Mapping[str, DatabaseObject], parents: Mapping[str, str]
) -> bool:
    """Tell if a script names it, or what it goes with.

    A part goes with its relation, a partition with its table, a key, an index or a sequence with its column.
    """
    if names.hold(item):
        return True
    whole = relations.get(item.part_of or parents.get(item.identity, ""))
    if whole is not None:
        return _is_named(whole, names, relations, parents)
    of_key = (bare(item.identity),) if item.kind == "index" else ()
    of_column = (bare(item.identity),) if item.kind == COLUMN else ()
    by_itself = (*item.columns, *of_key, *of_column)
    return any(names.hold_part(table, part) for table in lineage(item.part_of, parents) for part in by_itself)


def lineage(table: str, parents: Mapping[str, str]) -> Iterator[str]:
    """Yield a table and those it is a part of, its own first; none for none."""
    while table:
        yield table
        table = parents.get(table, "")
