"""What a chain takes away, from its rehearsal."""

from collections.abc import Iterable, Sequence

from bot.domain.catalogue import DatabaseObject, Rehearsal
from bot.domain.migrations import DownScript, Effect
from bot.domain.plans import PlannedDrop, PlannedLock, PlannedRows
from bot.planning.facts import Evidence

TABLES = ("table", "partitioned table")
DERIVED = ("materialized view",)
COLUMN = "table column"
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


def dropped_objects(rehearsal: Rehearsal, chain: Sequence[DownScript]) -> tuple[PlannedDrop, ...]:
    """Everything that is gone after the chain, each marked as named by a script or taken by CASCADE."""
    named = {bare(name) for script in chain for statement in script.statements for name in statement.names}
    return tuple(
        PlannedDrop(item.kind, item.identity, _is_named(item, named), item.part_of)
        for item in rehearsal.before.lost_in(rehearsal.after)
    )


def bare(name: str) -> str:
    """Reduce a name as written or as identified to its last part: ``public.f(integer)`` → ``f``."""
    return name.split(" on ", 1)[0].split("(", 1)[0].rsplit(".", 1)[-1].strip('"').lower()


def _is_named(item: DatabaseObject, named: set[str]) -> bool:
    return bare(item.identity) in named or (item.part_of != "" and bare(item.part_of) in named)


def dropped_relations(rehearsal: Rehearsal) -> tuple[str, ...]:
    """Tables and materialized views that go, whose rows are to be counted and saved."""
    gone = rehearsal.before.lost_in(rehearsal.after)
    return tuple(item.identity for item in gone if item.kind in TABLES + DERIVED)


def dropped_columns(rehearsal: Rehearsal) -> tuple[tuple[str, str], ...]:
    """(table, column) of columns that go while their table stays."""
    gone = rehearsal.before.lost_in(rehearsal.after)
    tables = {item.identity for item in gone if item.kind in TABLES}
    return tuple(
        (item.part_of, item.identity.removeprefix(item.part_of + "."))
        for item in gone
        if item.kind == COLUMN and item.part_of not in tables and item.part_of in rehearsal.after.relations(TABLES)
    )


def changed_relations(rehearsal: Rehearsal, chain: Sequence[DownScript]) -> tuple[str, ...]:
    """Tables that stay and in which a script deletes or changes rows."""
    written = {
        bare(name)
        for script in chain
        for statement in script.statements
        if statement.effect is Effect.CHANGES_ROWS
        for name in statement.relations
    }
    staying = rehearsal.before.relations(TABLES) & rehearsal.after.relations(TABLES)
    return tuple(sorted(identity for identity in staying if bare(identity) in written))


def lost_rows(evidence: Evidence, chain: Sequence[DownScript]) -> tuple[PlannedRows, ...]:
    """Rows that are saved and then go, or change, by relation."""
    rehearsal = evidence.rehearsal
    derived = rehearsal.before.relations(DERIVED)
    changed = set(changed_relations(rehearsal, chain))
    reasons = {True: "derived", False: "dropped"}
    rows = [
        PlannedRows(
            size.table,
            size.rows,
            size.size_bytes,
            "changed" if size.table in changed else reasons[size.table in derived],
        )
        for size in evidence.sizes
        if size.table in changed or size.table in set(dropped_relations(rehearsal))
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


def undeclared(rows: Iterable[PlannedRows], chain: Sequence[DownScript]) -> tuple[str, ...]:
    """Tables whose rows go without a script's header saying so."""
    declared = {bare(name) for script in chain for name in script.data_loss}
    return tuple(row.table for row in rows if row.reason == "dropped" and bare(row.table) not in declared)
