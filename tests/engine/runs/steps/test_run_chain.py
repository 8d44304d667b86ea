"""Whether the chain has committed: where the answer is lost, the tracking table has the word."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from bot.domain.effects import TableWrites
from bot.domain.plans import ChainPlan, narrow
from bot.domain.runs import RunState, StepState
from bot.engine.approvals.signatures import sign_step
from bot.errors import TemporaryError
from bot.planning import checklist
from tests.engine.story import Story, faults_in, faults_in_success, faults_in_undoing
from tests.fakes.adopted import signed
from tests.fakes.database import FLAGS, REPORTS, SETTINGS
from tests.fakes.directory import LEAD_A, LEAD_B
from tests.fakes.keyring import KEYRING
from tests.fakes.world import World

CHECK = "SELECT to_regclass('feature_flags') IS NULL"
SHAKY = TemporaryError("shaky", "It does not answer.")


def test_an_answer_lost_at_commit_is_found_in_the_tracking_table(story: Story, world: World) -> None:
    world.database.lose_answer = True
    story.roll_back()
    assert faults_in_success(world) == []


def test_the_restore_point_that_is_reported_is_the_one_before_the_commit(story: Story, world: World) -> None:
    world.database.lose_answer = True
    story.roll_back()
    (committed,) = [event for event in world.journal.audit.log if event.event == "chain-committed"]
    assert committed.details["restore_point"] == "0/19"
    assert world.run().step(checklist.CHAIN).data["restore_point"] == "0/19"


def test_an_answer_lost_and_a_database_that_says_it_committed_parks_after_it(story: Story, world: World) -> None:
    """The chain's patience ends right after the commit: what the table says decides, nothing is undone."""
    story.ask()
    world.database.lose_answer = True
    story.process.faults["fence.run_chain"] = [None, *[SHAKY] * 3]
    story.approve()
    run = world.run()
    assert (run.state, run.step(checklist.CHAIN).state) == (RunState.PARKED, StepState.DONE)
    story.do(world.request("resume", run_id=run.id))
    assert faults_in_success(world) == []


def test_a_tracking_table_nobody_can_explain_parks(story: Story, world: World) -> None:
    def commit_half(*_: object) -> None:
        world.database.tracking = {24: "024_base"}
        raise TemporaryError("connection-lost", "The connection ended.")

    story.ask()
    world.database.commit_chain = commit_half  # type: ignore[assignment]  # a fault no real server shows
    story.approve()
    run = world.run()
    assert run.state is RunState.PARKED
    assert "outcome-unknown: The tracking table holds neither what was before" in run.problem
    assert faults_in(world) == []


def slip_in(world: World) -> None:
    world.database.hashes[FLAGS] = "hash of other values"


def change_schema(world: World) -> None:
    world.database.drift = "public.latecomer"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (slip_in, f"rows-changed-since-export: {FLAGS} has other rows than were saved."),
        (change_schema, "schema-changed-since-plan: The schema is another."),
    ],
)
def test_what_changed_since_it_was_looked_at_is_not_dropped(
    story: Story, world: World, change: Callable[[World], None], problem: str
) -> None:
    """In as many rows, or in the schema: after the export, before the chain."""
    probe = Story(World(world.scratch))
    probe.roll_back()
    number = probe.process.calls.index("fence.run_chain") + 1
    story.process.at_call[number] = lambda: change(world)

    story.roll_back()

    assert world.database.commits == []
    assert faults_in_undoing(world, RunState.FAILED, problem) == []


def take_more(world: World) -> None:
    world.database.takes_too = {25}


def write_more(world: World) -> None:
    world.database.writes_too = [TableWrites(SETTINGS, deleted=3)]


def be_false(world: World) -> None:
    world.database.false_checks.add(CHECK)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (take_more, f"does not say: table {REPORTS} would have gone; materialized view public.report_totals would"),
        (
            write_more,
            f"beyond-the-plan: The chain would have done what its plan does not say: {SETTINGS}: 3 rows deleted",
        ),
        (be_false, f"verify-false: These checks would be false: {CHECK}"),
    ],
)
def test_nothing_is_committed_that_the_plan_does_not_name(
    story: Story, world: World, change: Callable[[World], None], problem: str
) -> None:
    story.ask()
    change(world)
    story.approve()
    assert faults_in_undoing(world, RunState.FAILED, problem) == []


def test_where_the_answer_was_lost_the_checks_are_asked_after_the_commit(story: Story, world: World) -> None:
    """The call that finds the chain done has proven nothing."""
    world.database.lose_answer = True
    world.database.on_commit = lambda: be_false(world)
    story.roll_back()
    run = world.run()
    assert (run.state, run.step(checklist.CHAIN).data["proven"]) == (RunState.PARKED, False)
    assert run.problem.startswith(f"verification-failed: not true: {CHECK}")


def test_what_was_proven_before_the_commit_is_not_asked_again(story: Story, world: World) -> None:
    world.database.on_commit = lambda: be_false(world)
    story.roll_back()
    assert world.run().step(checklist.CHAIN).data["proven"]
    assert faults_in_success(world) == []


def test_where_the_copy_differs_the_run_says_what_was_not_compared(story: Story, world: World) -> None:
    world.database.differs_from_copies = True
    story.roll_back()
    assert "catalogue not comparable as a whole" in world.run().step(checklist.VERIFY).detail
    assert faults_in_success(world) == []


def test_where_the_copy_differs_nothing_goes_beyond_the_plan_either(story: Story, world: World) -> None:
    world.database.differs_from_copies = True
    story.ask()
    take_more(world)
    story.approve()
    assert faults_in_undoing(world, RunState.FAILED, f"table {REPORTS} would have gone") == []


def test_an_approved_plan_of_an_old_release_runs(story: Story, world: World) -> None:
    story.ask()
    run = world.run()
    world.journal.runs.table[run.id] = signed(replace(run, plan=replace(narrow(run.plan, ChainPlan), changes=None)))
    story.approve()
    assert faults_in_success(world) == []


def test_an_export_from_before_hashes_were_kept_is_compared_by_its_rows(story: Story, world: World) -> None:
    probe = Story(World(world.scratch))
    probe.roll_back()
    number = probe.process.calls.index("fence.run_chain")

    def forget() -> None:
        data = dict(world.run().step(checklist.EXPORT).data)
        data["tables"] = [
            {key: value for key, value in table.items() if key != "content_hash"} for table in data["tables"]
        ]
        run = world.run()
        step = replace(run.step(checklist.EXPORT), data=data)
        world.journal.leases.remember(run.lease, checklist.EXPORT, data, sign_step(KEYRING, run, step))

    story.process.after_call[number] = forget
    story.roll_back()
    assert faults_in_success(world) == []


@pytest.mark.parametrize("tamper", [lambda w: w.scripts.edit(27), lambda w: w.scripts.scripts.pop(27)])
def test_a_script_edited_after_the_recheck_is_not_run(
    story: Story, world: World, tamper: Callable[[World], object]
) -> None:
    story.ask()
    story.approve(LEAD_A)
    probe = Story(World(world.scratch))
    probe.roll_back()
    number = probe.process.calls.index("fence.export") + 1
    story.process.at_call[number] = lambda: tamper(world)
    story.approve(LEAD_B)
    assert faults_in_undoing(world, RunState.FAILED, "script-edited") == []
