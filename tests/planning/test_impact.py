"""A chain's effects, from the catalogues before and after its rehearsal."""

from dataclasses import replace

import pytest

from bot.domain.catalogue import Catalogue, Dependency, DependencyKind, LockTaken, Rehearsal
from bot.domain.migrations import Statement
from bot.planning import impact
from tests.planning.case import DEFAULT, evidence_of, facts_of

REHEARSAL = evidence_of(
    {
        **DEFAULT,
        "before": [["table", "public.flags"], ["table", "public.patients"], ["table", "public.visits"]],
        "after": [["table", "public.patients"], ["table", "public.visits"]],
    }
).rehearsal
SCRIPT = facts_of(DEFAULT).scripts[27]


def following(*dependencies: Dependency) -> Rehearsal:
    before: Catalogue = replace(REHEARSAL.before, dependencies=frozenset(dependencies))
    return replace(REHEARSAL, before=before)


def test_tables_that_go_and_tables_that_stay() -> None:
    assert impact.dropped_relations(REHEARSAL) == ("public.flags",)
    assert impact.staying_tables(REHEARSAL) == {"public.patients", "public.visits"}


@pytest.mark.parametrize(
    ("kind", "changed"),
    [
        (DependencyKind.DELETED, ("public.patients", "public.visits")),
        (DependencyKind.LOOSENED, ("public.patients", "public.visits")),
        (DependencyKind.REKEYED, ("public.patients",)),
    ],
)
def test_a_delete_goes_on_to_the_rows_that_follow(kind: DependencyKind, changed: tuple[str, ...]) -> None:
    statement = replace(SCRIPT.statements[0], deletes=("patients",))
    assert isinstance(statement, Statement)
    chain = [replace(SCRIPT, statements=(statement,))]
    rehearsal = following(Dependency("public.visits", "public.patients", kind))

    assert impact.changed_relations(rehearsal, chain) == changed


def test_a_partitioned_table_has_no_rows_of_its_own() -> None:
    rehearsal = following(Dependency("public.visits", "public.patients", DependencyKind.PARTITION))

    assert impact.stored_relations(rehearsal.before) == {"public.flags", "public.visits"}


def test_the_strongest_lock_on_what_stays_is_listed() -> None:
    locks = tuple(
        LockTaken(relation, mode)
        for relation, mode in (
            ("public.patients", "AccessExclusiveLock"),
            ("public.patients", "ShareLock"),
            ("public.flags", "AccessExclusiveLock"),
        )
    )
    rehearsal = replace(REHEARSAL, outcome=replace(REHEARSAL.outcome, locks=locks))

    assert [(lock.relation, lock.mode) for lock in impact.lasting_locks(rehearsal)] == [
        ("public.patients", "AccessExclusiveLock")
    ]
