"""Whose rows a chain changes: what its statements write, what functions write, and what follows by keys."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from bot.domain.catalogue import Catalogue, Dependency, DependencyKind, Rehearsal
from bot.domain.migrations import DownScript, Statement
from bot.planning.name_matching import is_same

TABLES = ("table", "partitioned table")
DERIVED = ("materialized view",)
ROUTINES = ("function", "procedure")

Change = tuple[str, DependencyKind]
"""A table, and what happens to its rows: they are deleted, get other keys (`Bond.REKEYED`), or other values."""


def stored_relations(catalogue: Catalogue, kinds: Sequence[str] = TABLES) -> frozenset[str]:
    """Relations of those kinds with rows of their own: a partitioned table's are its partitions'."""
    partitioned = {
        dependency.follows
        for dependency in catalogue.dependencies
        if dependency.dependency_kind is DependencyKind.PARTITION
    }
    return catalogue.relations(kinds) - partitioned


def staying_tables(rehearsal: Rehearsal) -> frozenset[str]:
    """Tables with rows of their own that are there before and after, and are the same ones."""
    remade = {item.identity for item in rehearsal.before.remade_in(rehearsal.after)}
    return (stored_relations(rehearsal.before) & rehearsal.after.relations(TABLES)) - remade


def changed_relations(rehearsal: Rehearsal, chain: Sequence[DownScript]) -> tuple[str, ...]:
    """Tables that stay and whose rows the chain deletes, changes or writes anew, one way or another."""
    statements = [statement for script in chain for statement in script.statements]
    dependencies = rehearsal.before.dependencies
    named = _meant(rehearsal.before, (name for statement in statements for name in statement.relations))
    touched = {(table, DependencyKind.CHILD) for table in named}
    written = {table for table, _ in _spread({*_begun(rehearsal.before, statements), *touched}, dependencies)}
    hidden = set(rehearsal.outcome.written) - written  # by a function: whatever it does to them
    spread = _spread(
        {
            (table, dependency_kind)
            for table in hidden
            for dependency_kind in (DependencyKind.DELETED, DependencyKind.REKEYED)
        },
        dependencies,
    )
    rewritten = rehearsal.before.rewritten_in(rehearsal.after)
    return tuple(sorted(staying_tables(rehearsal) & {*written, *rewritten, *(table for table, _ in spread)}))


def called_functions(catalogue: Catalogue, chain: Sequence[DownScript]) -> tuple[str, ...]:
    """Functions of the database's own that a chain calls and that may write, by identity."""
    calls = {name for script in chain for statement in script.statements for name in statement.calls}
    may_write = (item for item in catalogue.objects if item.kind in ROUTINES and item.kept_as == "volatile")
    return tuple(sorted(item.identity for item in may_write if any(is_same(item.identity, name) for name in calls)))


def _meant(catalogue: Catalogue, names: Iterable[str]) -> set[str]:
    """Tables that names as written may mean."""
    written = frozenset(names)
    return {table for table in catalogue.relations(TABLES) if any(is_same(table, name) for name in written)}


def _begun(catalogue: Catalogue, statements: Sequence[Statement]) -> Iterator[Change]:
    """What the statements themselves begin: deletions, and new values of keys that others follow."""
    deletes = (name for statement in statements for name in statement.deletes)
    yield from ((table, DependencyKind.DELETED) for table in _meant(catalogue, deletes))
    sets = {pair for statement in statements for pair in statement.sets}
    for dependency in catalogue.dependencies:
        keys = {
            key
            for key in dependency.columns
            if any(is_same(dependency.follows, table) and key == set_ for table, set_ in sets)
        }
        if dependency.dependency_kind is DependencyKind.REKEYED and keys:
            yield dependency.follows, DependencyKind.REKEYED


def _spread(begun: set[Change], dependencies: frozenset[Dependency]) -> set[Change]:
    """Add what follows, over and over, until nothing more does."""
    found, waiting = set(begun), deque(begun)
    while waiting:
        table, dependency_kind = waiting.popleft()
        for change in (
            change
            for dependency in dependencies
            if dependency.follows == table
            for change in _following(dependency, dependency_kind)
        ):
            if change not in found:
                found.add(change)
                waiting.append(change)
    return found


def _following(dependency: Dependency, dependency_kind: DependencyKind) -> Iterator[Change]:
    """What a change of the followed table's rows does to those of the other."""
    if dependency.dependency_kind in {DependencyKind.PARTITION, DependencyKind.CHILD}:
        yield dependency.table, dependency_kind
    elif dependency_kind is DependencyKind.DELETED and dependency.dependency_kind is DependencyKind.DELETED:
        yield dependency.table, DependencyKind.DELETED
    elif (dependency_kind, dependency.dependency_kind) in {
        (DependencyKind.DELETED, DependencyKind.LOOSENED),
        (DependencyKind.REKEYED, DependencyKind.REKEYED),
    }:
        yield dependency.table, DependencyKind.REKEYED
