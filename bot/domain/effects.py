"""Compares a chain's effect, as it is seen before its COMMIT, with the effect that its plan names."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bot.domain.catalogue import Catalogue, DatabaseObject, Key
from bot.domain.changes import How, ObjectChange, describe
from bot.domain.comparison import Comparison, compare
from bot.domain.plans import ChainPlan
from bot.errors import PermanentError

LARGE_OBJECTS = "large objects"
"""Stands for the table in which the server keeps them all."""

MAX_NAMED = 12
"""Differences that a message names; it says how many more there are."""
TABLE_COLUMN = "table column"


@dataclass(frozen=True, order=True)
class TableWrites:
    """Numbers of the rows that a transaction has inserted, updated and deleted in a table that was there before it.

    `counted` False: the server counts no rows, and the table is locked as only a write locks it.
    """

    table: str
    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    counted: bool = True

    def __str__(self) -> str:
        if not self.counted:
            return f"{self.table}: rows written, in an unknown number"
        done = (("inserted", self.inserted), ("updated", self.updated), ("deleted", self.deleted))
        return f"{self.table}: " + ", ".join(f"{_rows(count)} {word}" for word, count in done if count)


@dataclass(frozen=True)
class PlannedEffect:
    """The effect that people have approved.

    Attributes:
        rehearsed_on: fingerprint of the catalogue before the chain; "" where the copy differed from it, so that nothing
            is predicted of the catalogue as a whole.
        fingerprint: of the catalogue afterwards; "" likewise.
        drops: everything that goes, also what is made again under its name.
        changes: definitions of what is new or another afterwards; None in a plan of an old release, which has none.
        written: tables whose rows may go or change.
        renames: kind, identity and new identity of what gets another name; None in a plan of an old release.
        words: in which each of `changes` differs, where that is known.
    """

    rehearsed_on: str
    fingerprint: str
    drops: frozenset[Key]
    changes: Mapping[Key, str] | None
    written: frozenset[str]
    renames: frozenset[tuple[str, str, str]] | None = None
    words: Mapping[Key, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class ChainEffect:
    """The effect of a chain, in its own transaction before COMMIT, without the bot's own bookkeeping."""

    before: Catalogue
    after: Catalogue
    writes: tuple[TableWrites, ...]


def planned_effect(plan: ChainPlan) -> PlannedEffect:
    """Read the approved effect off a plan."""
    # Where the copy differed from the live schema already, no fingerprint can be compared: neither before nor after.
    known = plan.expected_fingerprint != ""
    losing = {drop.part_of for drop in plan.drops if drop.kind == TABLE_COLUMN}
    # Nor can what merely follows from a change elsewhere, such as the places of the columns after one that goes.
    listed = [item for item in plan.changes or () if known or item.how != How.FOLLOWS]
    changes = None if plan.changes is None else {(item.kind, item.identity): item.definition for item in listed}
    return PlannedEffect(
        rehearsed_on=plan.schema_fingerprint if known else "",
        fingerprint=plan.expected_fingerprint,
        drops=frozenset((drop.kind, drop.identity) for drop in plan.drops),
        changes=changes,
        written=frozenset({row.table for row in plan.rows if row.reason != "column"} | losing),
        renames=None if changes is None else frozenset((item.kind, item.identity, item.to) for item in plan.renames),
        words={(item.kind, item.identity): item.words for item in plan.changes or () if item.how},
    )


def beyond_plan(planned: PlannedEffect, effect: ChainEffect) -> tuple[str, ...]:
    """List the differences between a chain's effect and its plan, the gravest first; empty where there is none."""
    before, after = effect.before, effect.after
    difference = compare(before, after)
    remade = {item.key: item for item in difference.remade}
    lost = {item.key: item for item in difference.gone if item.key not in remade}
    found = [
        *(f"{line} would have gone" for line in _unplanned(planned, lost)),
        *(f"{line} would have been dropped and made again" for line in _unplanned(planned, remade)),
        *(str(write) for write in sorted(effect.writes) if write.table not in planned.written),
        *(f"{table}: all rows rewritten or removed" for table in sorted(difference.rewritten - planned.written)),
        *(f"{line} would still be there" for line in _left(planned, before, {*lost, *remade})),
        *_renamed(planned, difference),
        *_changed(planned, before, difference),
    ]
    if not found and planned.fingerprint not in {"", after.fingerprint}:
        found.append("the catalogue would not be the rehearsed one")
    return tuple(found)


def stop_before_commit(beyond: Sequence[str], false: Sequence[str]) -> None:
    """Refuse a chain whose effect goes beyond its plan, or after which one of its scripts' checks is false.

    Raises:
        PermanentError: ``beyond-the-plan``, ``verify-false``.
    """
    checks = f"These checks would be false: {_listed(false)}." if false else ""
    if beyond:
        raise PermanentError(
            "beyond-the-plan",
            f"The chain would have done what its plan does not say: {_listed(beyond)}. {checks}".rstrip(),
            "Nothing was committed. Name these in the script: DROP what goes, LOCK TABLE … IN ROW EXCLUSIVE MODE where "
            "rows change. Then ask again: the new plan shows and saves them.",
        )
    if checks:
        raise PermanentError(
            "verify-false", checks, "Nothing was committed. Correct the script, or its verify: line, then ask again."
        )


def _listed(items: Sequence[str]) -> str:
    more = f"; and {len(items) - MAX_NAMED} more" if len(items) > MAX_NAMED else ""
    return "; ".join(items[:MAX_NAMED]) + more


def _unplanned(planned: PlannedEffect, gone: dict[Key, DatabaseObject]) -> Iterator[str]:
    """Name what goes beyond the plan; a part goes with its relation, which is named alone."""
    wholes = {item.identity for item in gone.values()}
    for key, item in sorted(gone.items(), key=lambda pair: (pair[1].kind != "table", pair[0])):
        if key not in planned.drops and item.part_of not in wholes:
            yield f"{item.kind} {item.identity}"


def _left(planned: PlannedEffect, before: Catalogue, gone: set[Key]) -> Iterator[str]:
    """Name what the plan drops and the chain does not."""
    here = {(item.kind, item.identity): item for item in before.objects}
    left = planned.drops & (here.keys() - gone)
    wholes = {identity for _, identity in left}
    yield from (f"{kind} {identity}" for kind, identity in sorted(left) if here[kind, identity].part_of not in wholes)


def _renamed(planned: PlannedEffect, difference: Comparison) -> Iterator[str]:
    """Name what gets another name beyond the plan, and what keeps the one that the plan changes."""
    if planned.renames is None:
        return
    now = {(was.kind, was.identity, now.identity) for was, now in difference.renamed}
    yield from (f"{kind} {was} would have been renamed to {new}" for kind, was, new in sorted(now - planned.renames))
    yield from (f"{kind} {was} would not be renamed to {new}" for kind, was, new in sorted(planned.renames - now))


def _changed(planned: PlannedEffect, before: Catalogue, difference: Comparison) -> Iterator[str]:
    """Name what is new or another and is not as rehearsed."""
    if planned.changes is None:
        return
    here = {item.key for item in before.objects}
    found = (change for change in describe(difference) if planned.fingerprint or change.how is not How.FOLLOWS)
    now = {change.item.key: change for change in found}
    again = {item.key for item in difference.remade}  # these are named already, if need be
    unplanned = {key: item for key, item in now.items() if key not in again and not _is_planned(planned, item)}
    new = {identity for _, identity in unplanned.keys() - here}
    for key, change in sorted(unplanned.items()):
        if change.item.part_of not in new:
            words = f" ({', '.join(change.words)})" if change.words else ""
            yield f"{' '.join(key)} would have been {'changed' if key in here else 'created'}{words}"
    for kind, identity in sorted(planned.changes.keys() - now.keys()):
        yield f"{kind} {identity} would not be as rehearsed"


def _is_planned(planned: PlannedEffect, change: ObjectChange) -> bool:
    """Tell if the plan names it, with that very definition; where none can be predicted, with those very words."""
    key = change.item.key
    if planned.changes is None or key not in planned.changes:
        return False
    if planned.fingerprint and change.item.is_copied:
        return planned.changes[key] == change.item.definition
    return key not in planned.words or planned.words[key] == change.words


def _rows(count: int) -> str:
    return f"{count:,} row" if count == 1 else f"{count:,} rows"
