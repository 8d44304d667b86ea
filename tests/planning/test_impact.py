"""A chain's effects, from the catalogues before and after its rehearsal."""

from dataclasses import replace

import pytest

from bot.domain.catalogue import (
    Catalogue,
    DatabaseObject,
    Dependency,
    DependencyKind,
    LockTaken,
    Rehearsal,
    TableSize,
)
from bot.domain.migrations import DownScript, Effect, Statement
from bot.domain.planned import PlannedRename
from bot.planning import impact
from bot.planning.facts import Evidence
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


OLD = DatabaseObject("table", "public.flags", number="10", oid="10", own="1.flags")
NEW = replace(OLD, identity='public."new.flags"', own="1.new.flags")
VISITS = DatabaseObject("table", "public.visits", number="11", oid="11", own="1.visits")


def renaming(*statements: Statement, written: tuple[str, ...] = ()) -> tuple[Rehearsal, list[DownScript]]:
    """The chain renames ``flags``."""
    before, after = Catalogue(frozenset({OLD, VISITS}), "x"), Catalogue(frozenset({NEW, VISITS}), "y")
    outcome = replace(REHEARSAL.outcome, written=written)
    return Rehearsal(before, after, outcome), [replace(SCRIPT, statements=statements)]


def test_a_renamed_table_stays_with_its_rows() -> None:
    rehearsal, _ = renaming()
    evidence = Evidence(rehearsal.before, rehearsal, (TableSize("public.flags", 9, 8192),), ())

    assert impact.dropped_objects(evidence, ()) == ()
    assert impact.dropped_relations(rehearsal) == ()
    assert impact.staying_tables(rehearsal) == {"public.flags", "public.visits"}
    assert impact.renamed_tables(rehearsal) == ("public.flags",)
    assert impact.renamed_objects(evidence) == (PlannedRename("table", "public.flags", 'public."new.flags"', 9),)


@pytest.mark.parametrize("name", ["flags", 'public."new.flags"', '"new.flags"'])
def test_rows_changed_under_either_name_are_the_same_table_s(name: str) -> None:
    statement = Statement("DELETE", 1, Effect.CHANGES_ROWS, relations=(name,), deletes=(name,))

    assert impact.changed_relations(*renaming(statement)) == ("public.flags",)


def test_a_function_s_writes_are_named_as_the_live_database_knows_them() -> None:
    assert impact.changed_relations(*renaming(written=('public."new.flags"',))) == ("public.flags",)
