"""Which object a script means: names as written against names as the catalogue has them."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from bot.domain.catalogue import DatabaseObject, Dependency, DependencyKind
from bot.domain.migrations import DownScript

COLUMN = "table column"
PART = re.compile(r'"(?:[^"]|"")*"|[^".]+')
"""One part of a dotted name; one in quotation marks may hold dots itself."""


def parts_of(name: str) -> tuple[str, ...]:
    """Split a name, quoted or as written: ``public.f(integer)`` → ``public``, ``f``."""
    return tuple(part.strip('"').replace('""', '"').lower() for part in PART.findall(_without_arguments(name)))


def _without_arguments(name: str) -> str:
    """A quoted name may hold a bracket itself."""
    found = re.match(r'(?:"(?:[^"]|"")*"|[^("])+', name)
    return found[0] if found else name


def is_same(identity: str, written: str) -> bool:
    """Whether what was written can mean that object: schemas count where one is written."""
    here, there = parts_of(identity), parts_of(written)
    return bool(there) and here[-len(there) :] == there


def bare(name: str) -> str:
    """Reduce a name to its last part: ``public.f(integer)`` → ``f``; "" for none."""
    return (parts_of(name) or ("",))[-1]


class Names:
    """Everything a chain drops or alters by name."""

    def __init__(self, chain: Sequence[DownScript]) -> None:
        written = [name for script in chain for statement in script.statements for name in statement.names]
        self._wholes = [name for name in written if " on " not in name]
        self._parts = [tuple(name.split(" on ", 1)) for name in written if " on " in name]

    def hold(self, item: DatabaseObject) -> bool:
        """Whether a script names that very object."""
        if item.kind == COLUMN:
            return self.hold_part(item.part_of, item.identity.removeprefix(f"{item.part_of}."))
        part, on, relation = item.identity.partition(" on ")
        if on:
            return self.hold_part(relation, part)
        return any(is_same(item.identity, name) for name in self._wholes)

    def hold_part(self, relation: str, part: str) -> bool:
        """Whether a script names that column, constraint, trigger or policy of that relation."""
        return any(bare(part) == name.lower() and is_same(relation, table) for name, table in self._parts)


def named_among(
    gone: Sequence[DatabaseObject], chain: Sequence[DownScript], dependencies: Iterable[Dependency]
) -> frozenset[DatabaseObject]:
    """Of what is gone, what a script names, and what goes with that by itself.

    Args:
        gone: everything that is gone.
        chain: the scripts.
        dependencies: which tables were partitions of which, or inherited from them.
    """
    names = Names(chain)
    relations = {item.identity: item for item in gone if not item.part_of}
    parents = {
        dependency.table: dependency.follows
        for dependency in dependencies
        if dependency.dependency_kind in {DependencyKind.PARTITION, DependencyKind.CHILD}
    }
    return frozenset(item for item in gone if _is_named(item, names, relations, parents))


def _is_named(
    item: DatabaseObject, names: Names, relations: Mapping[str, DatabaseObject], parents: Mapping[str, str]
) -> bool:
    """A part goes with its relation, a partition with its table, a key, an index or a sequence with its column."""
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
    """A table and those it is a part of, its own first; none for none."""
    while table:
        yield table
        table = parents.get(table, "")
