"""What a swap has in store for others in the database."""

from dataclasses import replace

from bot.domain.catalogue import DatabaseObject, Session
from bot.domain.migrations import DownScript, Effect, Statement
from bot.planning.facts import Evidence, Facts, RollbackRequest
from bot.planning.rollback import choose_target
from bot.planning.warnings import collect_warnings, environment_warnings, slot_warnings
from tests.planning.case import DEFAULT, evidence_of, facts_of

NIGHTLY = Session(7, "postgres", "nightly-report", "10.0.0.1", "idle", 3.0, superuser=True)
APP = Session(8, "app", "api", "10.0.0.2", "active", 0.1)


def facts(*sessions: Session, slots: tuple[str, ...] = (), is_superuser: bool = False) -> Facts:
    given = facts_of(DEFAULT)
    database = replace(given.database, sessions=sessions, slots=slots, is_superuser=is_superuser)
    return replace(given, database=database)


def test_a_superuser_s_session_is_named() -> None:
    (told,) = environment_warnings(facts(APP, NIGHTLY), "before the app is stopped")
    assert told == (
        "Backstop's role is not allowed to terminate pid 7 (nightly-report, postgres, idle for 3 s), as superusers; "
        "the run stops before the app is stopped if they are still connected."
    )


def test_a_superuser_ends_anybody() -> None:
    assert environment_warnings(facts(NIGHTLY, is_superuser=True), "before the app is stopped") == ()
    assert environment_warnings(facts(APP), "before the app is stopped") == ()


def test_each_slot_is_named_with_what_becomes_of_it() -> None:
    told = list(slot_warnings(facts(slots=("reports (in use)", "cdc"))))
    assert [line.partition(" stays")[0] for line in told] == [
        "The logical replication slot reports (in use)",
        "The logical replication slot cdc",
    ]
    assert all("cut off at the swap and has to be set up again" in line and "WAL" in line for line in told)
    assert list(slot_warnings(facts())) == []


def test_what_is_made_again_and_what_functions_do_is_said() -> None:
    before = (
        DatabaseObject("table", "public.visits", number="1"),
        DatabaseObject("table column", "public.visits.id", "public.visits", number="1.1"),
        DatabaseObject("function", "public.purge(integer)", kept_as="volatile"),
        DatabaseObject("function", "public.twice(integer)"),
    )
    after = (replace(before[0], number="2"), replace(before[1], number="2.1"), *before[2:])
    calls = Statement("SELECT purge(twice(1)), now()", 8, Effect.READS, calls=("purge", "twice", "now"))

    told = warned_of(evidence_with(before, after), calls)

    remade, called = told
    assert remade == (
        "The scripts drop public.visits and make another of the same name. What was in it goes; its rows are saved, "
        "but /rollback undo cannot put them back."
    )
    assert called == (
        "The effect of these is known only when they run (functions: public.purge(integer)). The run stops before "
        "COMMIT if it goes beyond what this request lists."
    )


def test_whatever_may_do_more_where_there_are_rows_is_named() -> None:
    objects = (
        DatabaseObject("table", "public.orders", number="1"),
        DatabaseObject("view", "public.open_orders"),
        DatabaseObject("trigger", "restock on public.orders", "public.orders", kept_as="row"),
        DatabaseObject("trigger", "note on public.orders", "public.orders"),
        DatabaseObject("trigger", "elsewhere on public.visits", "public.visits", kept_as="row"),
        DatabaseObject("rule", "no_delete on public.open_orders", "public.open_orders"),
    )
    statements = (
        Statement("DO $$ … $$", 8, Effect.ALTERS, block=True),
        Statement("DO $$ … $$", 9, Effect.ALTERS, composes=True, block=True),
        Statement("DELETE FROM orders", 10, Effect.CHANGES_ROWS, relations=("orders",), deletes=("orders",)),
        Statement("DELETE FROM open_orders", 11, Effect.CHANGES_ROWS, relations=("open_orders",)),
        Statement("SELECT lo_unlink(1)", 12, Effect.READS, calls=("pg_catalog.lo_unlink",)),
    )

    (told,) = warned_of(evidence_with(objects, objects), *statements)

    assert told == (
        "The effect of these is known only when they run (DO blocks: 027_x line 8 and 027_x line 9, which puts SQL "
        "together itself; triggers and rules: no_delete on public.open_orders and restock on public.orders; large "
        "objects, which the emergency backup alone saves: 027_x). The run stops before COMMIT if it goes beyond what "
        "this request lists."
    )


def test_a_script_that_does_the_same_with_and_without_rows_is_not_named() -> None:
    assert warned_of(evidence_with((), ()), Statement("DROP TABLE flags", 8, Effect.DROPS, names=("flags",))) == ()


def evidence_with(before: tuple[DatabaseObject, ...], after: tuple[DatabaseObject, ...]) -> Evidence:
    evidence = evidence_of(DEFAULT)
    rehearsal = evidence.rehearsal
    live = replace(rehearsal.before, objects=frozenset(before))
    rehearsal = replace(rehearsal, before=live, after=replace(rehearsal.after, objects=frozenset(after)))
    return replace(evidence, live=live, rehearsal=rehearsal)


def warned_of(evidence: Evidence, *statements: Statement) -> tuple[str, ...]:
    given = facts_of(DEFAULT)
    target = choose_target(RollbackRequest("prod", 27), given)
    script: DownScript = replace(target.chain[0], statements=statements)
    return collect_warnings(given, replace(target, chain=(script,)), evidence, ())
