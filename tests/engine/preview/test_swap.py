"""A restore is planned or refused: which backup, what vanishes, what is in the way."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.backups import BackupName, DatabaseSettings, Verification
from bot.domain.obstacles import Obstacles, Subscription
from bot.domain.planned import PlannedLoss
from bot.domain.plans import RestorePlan, narrow
from bot.domain.runs import RunState
from bot.domain.versions import UNKNOWN_SCHEMA
from bot.errors import PermanentError
from tests.engine.runs.restoring import NAME, THEN, approve, ask, bundle, newest, refusals, restore, undo
from tests.engine.story import Story, traffic_faults
from tests.fakes.clock import NOON
from tests.fakes.database import FLAGS, PATIENTS, REPORTS
from tests.fakes.sides import FakeSides
from tests.fakes.world import World


def test_the_plan_says_what_vanishes_and_where_the_old_database_is_kept(
    story: Story, world: World, sides: FakeSides
) -> None:
    ask(story)
    plan = narrow(newest(world).plan, RestorePlan)
    assert (plan.from_schema, plan.to_schema, plan.from_app, plan.to_app) == (27, 26, "v1.3.0", "v1.2.3")
    assert plan.restore.backup == str(NAME)
    assert plan.restore.losses == (
        PlannedLoss(FLAGS, 42, 0, gone=True),
        PlannedLoss(PATIENTS, 1000, 900),
        PlannedLoss(REPORTS, 7, 8),
    )
    assert plan.restore.outgoing == sides.name("kept", newest(world).id)


@pytest.mark.parametrize(
    ("backup", "change", "reference"),
    [
        ("prod_nightly_20260301_090000", {}, "unknown-backup"),
        (str(NAME), {"manifest": None}, "backup-not-restorable"),
        (str(NAME), {"verified": Verification(2, NOON, "cut short")}, "backup-not-restorable"),
        (str(NAME), {"manifest": None, "verified": Verification(2, NOON)}, "schema-unknown"),
        ("latest", {"verified": Verification(2, NOON, "cut short")}, "no-restorable-backup"),
        (str(NAME), {"manifest": bundle(schema=19).manifest}, "no-compatible-app"),
        (str(NAME), {"manifest": bundle(server=190001).manifest}, "server-too-old"),
    ],
)
def test_what_cannot_be_restored_is_refused(
    story: Story, world: World, sides: FakeSides, backup: str, change: dict[str, object], reference: str
) -> None:
    del sides
    world.store.backups[0] = replace(world.store.backups[0], **change)  # type: ignore[arg-type] # each as its field wants it
    ask(story, backup)
    assert refusals(world) == [reference]
    assert all(error.hint for _, error in world.announcer.refusals.values())
    assert world.journal.runs.table == {}


APPLY = Subscription("inbox", "postgres", is_enabled=True, is_superusers=True)


def test_what_a_restore_loses_is_in_the_plan_before_the_votes(story: Story, world: World, sides: FakeSides) -> None:
    del sides
    world.database.in_the_way = Obstacles(lost=("event trigger guard",), standbys=("one at 10.0.0.8",))
    ask(story)
    plan = narrow(newest(world).plan, RestorePlan)
    assert any(line.startswith("A restore loses event trigger guard") for line in plan.warnings)
    assert any(f"datname = '{plan.restore.outgoing}'" in line for line in plan.warnings)


def test_a_superuser_s_subscription_is_refused_with_what_to_type(story: Story, world: World, sides: FakeSides) -> None:
    del sides
    world.database.in_the_way = Obstacles(subscriptions=(APPLY,))
    ask(story)
    assert refusals(world) == ["subscription-in-the-way"]


def test_one_that_comes_after_the_request_stops_the_run_before_the_app_is_stopped(
    story: Story, world: World, sides: FakeSides
) -> None:
    del sides
    ask(story)
    world.database.in_the_way = Obstacles(subscriptions=(APPLY,))
    run = approve(story)
    assert run.state not in {RunState.SUCCEEDED, RunState.PARKED}
    assert "subscription" in run.problem
    assert {item.replicas for item in world.cluster.inspect().deployments} == {2, 3}


def test_the_newest_that_nothing_speaks_against_is_the_latest(story: Story, world: World, sides: FakeSides) -> None:
    del sides
    later = BackupName("prod", "cut", NOON - timedelta(hours=1))
    world.store.backups.append(replace(bundle(later), verified=Verification(1, NOON, "cut short")))
    ask(story)
    plan = narrow(newest(world).plan, RestorePlan)
    assert plan.restore.backup == str(NAME)
    assert plan.warnings[0].startswith(f"1 newer backup was passed over: {later} failed its verification.")


def test_where_no_second_database_may_be_made_nothing_is_restored_or_swapped_back(
    story: Story, world: World, sides: FakeSides
) -> None:
    run = restore(story)
    loads, world.database.facts = sides.loads, replace(world.database.facts, can_create=False)
    ask(story)
    story.do(world.request("undo", run_id=run.id))
    assert refusals(world) == ["no-second-database"] * 2
    assert [error.hint for _, error in world.announcer.refusals.values()] == [
        "Have a superuser type: ALTER ROLE backstop_prod CREATEDB;"
    ] * 2
    assert (len(world.journal.runs.table), sides.loads) == (1, loads)


def test_a_chain_a_run_that_changed_nothing_and_one_undone_already_cannot_be_undone(
    story: Story, world: World, sides: FakeSides
) -> None:
    del sides
    run = restore(story)
    undo(story, run.id)
    story.do(world.request("undo", run_id=run.id))
    assert refusals(world) == ["undo-expired"]
    world.sides.load_error = PermanentError("load-failed", "Syntax error.")
    ask(story)
    failed = approve(story)
    story.do(world.request("undo", run_id=failed.id))
    assert refusals(world)[1:] == ["nothing-to-undo"]


MISSING = PermanentError("database-missing", "The server has no database physioflow.", "Restore a backup.")
UNREADABLE = PermanentError("tracking-table-unreadable", "There is no table schema_migrations.", "Check it.")
SETTINGS = DatabaseSettings("physioflow_owner", "UTF8", "C", "C", connection_limit=20)


def note_settings(world: World) -> None:
    made = bundle()
    assert made.manifest is not None
    world.store.backups[0] = replace(made, manifest=replace(made.manifest, database=SETTINGS))


def test_a_database_that_is_gone_is_made_again(story: Story, world: World, sides: FakeSides) -> None:
    note_settings(world)
    world.database.lose(MISSING)
    ask(story)
    plan = narrow(newest(world).plan, RestorePlan)
    assert (plan.from_schema, plan.restore.outgoing, plan.restore.losses) == (UNKNOWN_SCHEMA, "", ())
    assert plan.warnings[0].startswith("The server has no database physioflow. It is made again; nothing is there")
    assert plan.place is not None
    assert plan.place.database.oid == 0
    run = approve(story)
    assert (run.state, run.problem) == (RunState.SUCCEEDED, "")
    assert (world.database.rows, sides.databases, sides.noted) == (THEN, {}, SETTINGS)
    assert traffic_faults(world, "v1.2.3") == []
    story.do(world.request("undo", run_id=run.id))
    assert refusals(world) == ["nothing-kept"]


def test_a_database_that_somebody_makes_before_the_start_voids_the_votes(
    story: Story, world: World, sides: FakeSides
) -> None:
    world.database.lose(MISSING)
    ask(story)
    world.database.come_back()
    world.database.facts = replace(world.database.facts, identity=replace(world.database.facts.identity, oid=5))
    assert approve(story).state is RunState.PENDING
    assert (
        "the server has physioflow with OID 5, and the approved one was no physioflow"
        in world.announcer.changes[0][2][0]
    )
    assert (sides.loads, sides.exchanges) == (0, [])


def test_what_cannot_be_read_is_named_and_replaced(story: Story, world: World, sides: FakeSides) -> None:
    world.database.lose(UNREADABLE)
    ask(story)
    plan = narrow(newest(world).plan, RestorePlan)
    assert plan.from_schema == UNKNOWN_SCHEMA
    assert not plan.restore.compared
    assert plan.warnings[0] == "Could not be looked at: There is no table schema_migrations."
    run = approve(story)
    assert (run.state, run.problem) == (RunState.SUCCEEDED, "")
    assert list(sides.databases) == [sides.name("kept", run.id)]


def test_a_closed_database_is_replaced_and_stays_closed_where_that_fails(
    story: Story, world: World, sides: FakeSides
) -> None:
    world.database.open = False
    sides.exchange_error = PermanentError("prepared-transaction", "One is open.", "Roll it back.")
    ask(story)
    plan = narrow(newest(world).plan, RestorePlan)
    assert plan.restore.found_closed
    assert "Could not be looked at: It is closed." in plan.warnings
    assert approve(story).state is RunState.FAILED
    assert not world.database.open
    sides.exchange_error = None
    run = restore(story)
    assert (run.state, run.problem, world.database.open) == (RunState.SUCCEEDED, "", True)


@pytest.mark.parametrize("error", [MISSING, UNREADABLE], ids=lambda error: error.reference)
def test_a_chain_needs_what_a_restore_does_not(
    story: Story, world: World, sides: FakeSides, error: PermanentError
) -> None:
    del sides
    world.database.lose(error)
    story.ask()
    assert refusals(world) == [error.reference]
