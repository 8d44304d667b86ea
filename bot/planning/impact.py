"""What a chain takes away, from its rehearsal."""

from collections.abc import Iterable, Sequence

from bot.domain.catalogue import DatabaseObject, DependencyKind, Rehearsal
from bot.domain.migrations import DownScript
from bot.domain.planned import PlannedDrop, PlannedLock, PlannedRows
from bot.planning.affected_rows import DERIVED, TABLES, changed_relations, staying_tables, stored_relations
from bot.planning.facts import Evidence
from bot.planning.name_matching import COLUMN, is_same, lineage, named_among

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
    """What is gone after the chain, and what holds data and is gone although another has its name."""
    before, after = rehearsal.before, rehearsal.after
    return tuple(sorted({*before.lost_in(after), *before.remade_in(after)}))


def dropped_objects(rehearsal: Rehearsal, chain: Sequence[DownScript]) -> tuple[PlannedDrop, ...]:
    """Everything that goes, each marked as named by a script or taken by CASCADE."""
    gone = gone_objects(rehearsal)
    named = named_among(gone, chain, rehearsal.before.dependencies)
    remade = set(rehearsal.before.remade_in(rehearsal.after))
    return tuple(
        PlannedDrop(item.kind, item.identity, item in named, item.part_of, remade=item in remade) for item in gone
    )


def remade(rehearsal: Rehearsal) -> tuple[str, ...]:
    """What goes and is made anew under its name, parts of such a relation left out."""
    again = rehearsal.before.remade_in(rehearsal.after)
    wholes = {item.identity for item in again}
    return tuple(item.identity for item in again if item.part_of not in wholes)


def dropped_relations(rehearsal: Rehearsal) -> tuple[str, ...]:
    """Tables and materialized views that go, whose rows are to be counted and saved."""
    kinds = TABLES + DERIVED
    stored = stored_relations(rehearsal.before, kinds)
    return tuple(item.identity for item in gone_objects(rehearsal) if item.kind in kinds and item.identity in stored)


def dropped_columns(rehearsal: Rehearsal) -> tuple[tuple[str, str], ...]:
    """(table, column) of columns that go while their table stays."""
    gone = gone_objects(rehearsal)
    staying = staying_tables(rehearsal)
    return tuple(
        (item.part_of, item.identity.removeprefix(item.part_of + "."))
        for item in gone
        if item.kind == COLUMN and item.part_of in staying
    )


def lost_rows(evidence: Evidence, chain: Sequence[DownScript]) -> tuple[PlannedRows, ...]:
    """Rows that are saved and then go, or change, by relation."""
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
    """Locks on relations that stay, the strongest of each; people using them wait for the chain."""
    staying = rehearsal.after.relations((*TABLES, *DERIVED, "view"))
    taken = sorted(rehearsal.outcome.locks, key=lambda lock: _strength(lock.mode))
    kept = {lock.relation: lock.mode for lock in taken if lock.relation in staying}
    return tuple(PlannedLock(relation, mode) for relation, mode in sorted(kept.items()))


def _strength(mode: str) -> int:
    """A mode the list does not know counts as the strongest."""
    return LOCK_MODES.index(mode) if mode in LOCK_MODES else len(LOCK_MODES)


def undeclared(evidence: Evidence, rows: Iterable[PlannedRows], chain: Sequence[DownScript]) -> tuple[str, ...]:
    """Tables whose rows go without a script's header saying so; a partitioned table stands for its partitions."""
    declared = [name for script in chain for name in script.data_loss]
    wholes = {
        dependency.table: dependency.follows
        for dependency in evidence.rehearsal.before.dependencies
        if dependency.dependency_kind is DependencyKind.PARTITION
    }
    return tuple(
        row.table
        for row in rows
        if row.reason == "dropped"
        and not any(is_same(table, name) for table in lineage(row.table, wholes) for name in declared)
    )
