"""Finds what a chain drops, whose rows it deletes or changes, and what it locks, from its rehearsal."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from bot.domain.catalogue import Catalogue, DatabaseObject, Dependency, DependencyKind, Rehearsal
from bot.domain.changes import describe, rank
from bot.domain.migrations import DownScript, Statement
from bot.domain.planned import PlannedChange, PlannedDrop, PlannedLock, PlannedRename, PlannedRows
from bot.planning.facts import Evidence
from bot.planning.name_matching import COLUMN, drops_by_name, is_same, lineage, named_among

TABLES = ("table", "partitioned table")
DERIVED = ("materialized view",)
ROUTINES = ("function", "procedure")

Change = tuple[str, DependencyKind]
"""A table, and the fate of its rows: they are deleted, get other keys (``rekeyed``), or other values."""


def stored_relations(catalogue: Catalogue, kinds: Sequence[str] = TABLES) -> frozenset[str]:
    """Find the relations of those kinds with rows of their own: a partitioned table's are its partitions'."""
    partitioned = {
        dependency.follows for dependency in catalogue.dependencies if dependency.kind is DependencyKind.PARTITION
    }
    return catalogue.relations(kinds) - partitioned


def staying_tables(rehearsal: Rehearsal) -> frozenset[str]:
    """Find the tables with rows of their own that are the same ones before and after, by their names before."""
    return stored_relations(rehearsal.before) - {item.identity for item in rehearsal.difference.gone}


def changed_relations(rehearsal: Rehearsal, chain: Sequence[DownScript]) -> tuple[str, ...]:
    """Find the tables that stay and whose rows the chain deletes, changes or rewrites, directly or by a cascade."""
    written = written_relations(rehearsal, chain) | rehearsal.difference.rewritten
    return tuple(sorted(staying_tables(rehearsal) & written))


def written_relations(rehearsal: Rehearsal, chain: Sequence[DownScript]) -> frozenset[str]:
    """Find the tables whose rows the chain's statements write, directly or by a cascade, also those that go."""
    statements = [statement for script in chain for statement in script.statements]
    dependencies = rehearsal.before.dependencies
    named = _meant(rehearsal, (name for statement in statements for name in statement.relations))
    touched = {(table, DependencyKind.CHILD) for table in named}
    written = {table for table, _ in _affected({*_begun(rehearsal, statements), *touched}, dependencies)}
    # decision 27: the rehearsal's locks show tables that only a function writes; it may do anything to them.
    former = rehearsal.difference.former_names
    hidden = {former.get(name, name) for name in rehearsal.outcome.written} - written
    affected = _affected(
        {(table, kind) for table in hidden for kind in (DependencyKind.DELETED, DependencyKind.REKEYED)},
        dependencies,
    )
    return frozenset(written | {table for table, _ in affected})


def guarded_by_rows(rehearsal: Rehearsal, chain: Sequence[DownScript]) -> tuple[str, ...]:
    """List row triggers and rules of what the chain writes, views included: no row trigger fires on an empty copy."""
    named = (name for script in chain for statement in script.statements for name in statement.relations)
    written = written_relations(rehearsal, chain) | _meant(rehearsal, named, ("view",))
    return tuple(
        sorted(
            item.identity
            for item in rehearsal.before.objects
            if item.part_of in written and (item.kind == "rule" or (item.kind, item.kept_as) == ("trigger", "row"))
        )
    )


def called_functions(catalogue: Catalogue, chain: Sequence[DownScript]) -> tuple[str, ...]:
    """Find the database's own functions that a chain calls and that may write, by identity."""
    calls = {name for script in chain for statement in script.statements for name in statement.calls}
    may_write = (item for item in catalogue.objects if item.kind in ROUTINES and item.kept_as == "volatile")
    return tuple(sorted(item.identity for item in may_write if any(is_same(item.identity, name) for name in calls)))


def _meant(rehearsal: Rehearsal, names: Iterable[str], kinds: Sequence[str] = TABLES) -> set[str]:
    """Find the tables, or relations of other kinds, that names as written may mean, also by a name they get."""
    written = frozenset(names)
    later = {was: now for now, was in rehearsal.difference.former_names.items()}
    return {
        relation
        for relation in rehearsal.before.relations(kinds)
        if any(is_same(relation, name) or is_same(later.get(relation, relation), name) for name in written)
    }


def _begun(rehearsal: Rehearsal, statements: Sequence[Statement]) -> Iterator[Change]:
    """Find what the statements themselves change: deleted rows, and new values of keys that others follow."""
    deletes = (name for statement in statements for name in statement.deletes)
    yield from ((table, DependencyKind.DELETED) for table in _meant(rehearsal, deletes))
    sets = {pair for statement in statements for pair in statement.sets}
    # A column that the chain renames may be set under either name, so no key of its table is left out.
    renamed = {was.part_of for was, _ in rehearsal.difference.renamed if was.kind == COLUMN}
    later = {was: now for now, was in rehearsal.difference.former_names.items()}
    for dependency in rehearsal.before.dependencies:
        table = dependency.follows
        keys = {
            key
            for key in dependency.columns
            if any(
                (is_same(table, written) or is_same(later.get(table, table), written))
                and (key == set_ or table in renamed)
                for written, set_ in sets
            )
        }
        if dependency.kind is DependencyKind.REKEYED and keys:
            yield table, DependencyKind.REKEYED


def _affected(begun: set[Change], dependencies: frozenset[Dependency]) -> set[Change]:
    """Add the cascade: what follows, over and over, until nothing more does."""
    found, waiting = set(begun), deque(begun)
    while waiting:
        table, kind = waiting.popleft()
        for change in (
            change
            for dependency in dependencies
            if dependency.follows == table
            for change in _following(dependency, kind)
        ):
            if change not in found:
                found.add(change)
                waiting.append(change)
    return found


def _following(dependency: Dependency, kind: DependencyKind) -> Iterator[Change]:
    """Find the effect that a change of the followed table's rows has on those of the other."""
    if dependency.kind in {DependencyKind.PARTITION, DependencyKind.CHILD}:
        yield dependency.table, kind
    elif kind is DependencyKind.DELETED and dependency.kind is DependencyKind.DELETED:
        yield dependency.table, DependencyKind.DELETED
    elif (kind, dependency.kind) in {
        (DependencyKind.DELETED, DependencyKind.LOOSENED),
        (DependencyKind.REKEYED, DependencyKind.REKEYED),
    }:
        yield dependency.table, DependencyKind.REKEYED


LOCK_MODES = (
    "AccessShareLock",
    "RowShareLock",
    "RowExclusiveLock",
    "ShareUpdateExclusiveLock",
    "ShareLock",
    "ShareRowExclusiveLock",
    "ExclusiveLock",
    "AccessExclusiveLock",
)
"""PostgreSQL's table locks, weakest first."""


def gone_objects(rehearsal: Rehearsal) -> tuple[DatabaseObject, ...]:
    """Find what is gone after the chain, and what holds data and is gone although another has its name."""
    # decisions 1, 27 and 41: the two catalogues are compared, by the server's numbers. What CASCADE takes is in no
    # script, and what is renamed is not gone.
    return rehearsal.difference.gone


def dropped_objects(evidence: Evidence, chain: Sequence[DownScript]) -> tuple[PlannedDrop, ...]:
    """List everything that goes, each marked as named by a script or taken by CASCADE."""
    rehearsal = evidence.rehearsal
    live = {item.key for item in evidence.live.objects}
    # A list of tables stands in for a publication of whole schemas: what is not live does not go.
    gone = [item for item in gone_objects(rehearsal) if item.is_copied or item.key in live]
    named = named_among(gone, chain, rehearsal.before.dependencies)
    remade = set(rehearsal.difference.remade)
    drops = [PlannedDrop(item.kind, item.identity, item in named, item.part_of, remade=item in remade) for item in gone]
    drops += [PlannedDrop(item.kind, item.identity, named=True) for item in unrehearsed_drops(evidence, chain)]
    return tuple(drops)


def unrehearsed_drops(evidence: Evidence, chain: Sequence[DownScript]) -> tuple[DatabaseObject, ...]:
    """List what a script drops by name and no copy has: publications of another role, subscriptions, event triggers."""
    known = {item.key for item in evidence.rehearsal.before.objects}
    live = (item for item in evidence.live.objects if not item.is_copied and item.key not in known)
    return tuple(sorted(item for item in live if drops_by_name(item, chain)))


def changed_objects(rehearsal: Rehearsal) -> tuple[PlannedChange, ...]:
    """List everything that is new after the chain, or has another definition; what people feel most comes first."""
    return tuple(
        PlannedChange(
            change.item.kind,
            change.item.identity,
            change.item.definition,
            change.how.value,
            change.words,
            change.alarms,
            change.item.part_of,
        )
        for change in describe(rehearsal.difference)
    )


def renamed_objects(evidence: Evidence) -> tuple[PlannedRename, ...]:
    """List what gets another name, or another schema, and stays the same; tables with their rows."""
    sizes = {size.table: size.rows for size in evidence.sizes}
    return tuple(
        PlannedRename(was.kind, was.identity, now.identity, sizes.get(was.identity) if was.kind in TABLES else None)
        for was, now in sorted(evidence.rehearsal.difference.renamed, key=lambda pair: (rank(pair[0]), pair[0]))
    )


def renamed_tables(rehearsal: Rehearsal) -> tuple[str, ...]:
    """List the tables that get another name or another schema, by their names before."""
    stored = stored_relations(rehearsal.before)
    return tuple(was.identity for was, _ in rehearsal.difference.renamed if was.identity in stored)


def remade(rehearsal: Rehearsal) -> tuple[str, ...]:
    """List what goes and is made again under its name, parts of such a relation left out."""
    again = rehearsal.difference.remade
    wholes = {item.identity for item in again}
    return tuple(item.identity for item in again if item.part_of not in wholes)


def dropped_relations(rehearsal: Rehearsal) -> tuple[str, ...]:
    """List the tables and materialized views that go, whose rows are to be counted and saved."""
    kinds = TABLES + DERIVED
    stored = stored_relations(rehearsal.before, kinds)
    return tuple(item.identity for item in gone_objects(rehearsal) if item.kind in kinds and item.identity in stored)


def dropped_columns(rehearsal: Rehearsal) -> tuple[tuple[str, str], ...]:
    """List (table, column) of columns that go while their table stays."""
    gone = gone_objects(rehearsal)
    staying = staying_tables(rehearsal)
    return tuple(
        (item.part_of, item.identity.removeprefix(item.part_of + "."))
        for item in gone
        if item.kind == COLUMN and item.part_of in staying
    )


def lost_rows(evidence: Evidence, chain: Sequence[DownScript]) -> tuple[PlannedRows, ...]:
    """List the rows that are saved and then go, or change, by relation."""
    rehearsal = evidence.rehearsal
    derived = rehearsal.before.relations(DERIVED)
    changed, dropped = set(changed_relations(rehearsal, chain)), set(dropped_relations(rehearsal))
    reasons = {True: "derived", False: "dropped"}
    rows = [
        PlannedRows(
            size.table,
            size.rows,
            size.size_bytes,
            "changed" if size.table in changed else reasons[size.table in derived],
        )
        for size in evidence.sizes
        if size.table in changed or size.table in dropped
    ]
    columns = [PlannedRows(size.table, size.rows, size.size_bytes, "column") for size in evidence.column_sizes]
    return tuple(sorted(rows, key=lambda row: row.table)) + tuple(columns)


def lasting_locks(rehearsal: Rehearsal) -> tuple[PlannedLock, ...]:
    """List the locks on relations that stay, the strongest of each; people using them wait for the chain."""
    staying = rehearsal.after.relations((*TABLES, *DERIVED, "view"))
    taken = sorted(rehearsal.outcome.locks, key=lambda lock: _strength(lock.mode))
    kept = {lock.relation: lock.mode for lock in taken if lock.relation in staying}
    return tuple(PlannedLock(relation, mode) for relation, mode in sorted(kept.items()))


def _strength(mode: str) -> int:
    """Rank a lock mode; one that the list does not know counts as the strongest."""
    return LOCK_MODES.index(mode) if mode in LOCK_MODES else len(LOCK_MODES)


def undeclared(evidence: Evidence, rows: Iterable[PlannedRows], chain: Sequence[DownScript]) -> tuple[str, ...]:
    """List the tables whose rows go without a script's header saying so; a partitioned table covers its partitions."""
    declared = [name for script in chain for name in script.data_loss]
    wholes = {
        dependency.table: dependency.follows
        for dependency in evidence.rehearsal.before.dependencies
        if dependency.kind is DependencyKind.PARTITION
    }
    return tuple(
        row.table
        for row in rows
        if row.reason == "dropped"
        and not any(is_same(table, name) for table in lineage(row.table, wholes) for name in declared)
    )


def count_locks(rehearsal: Rehearsal) -> int:
    """Estimate the locks of a chain's transaction: one for each object that goes, and those on what stays."""
    gone = (item for item in rehearsal.difference.gone if item.kind != "table column")
    return sum(1 for _ in gone) + len(rehearsal.outcome.locks)
