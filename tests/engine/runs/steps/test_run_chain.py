"""Whether the chain has committed: where the answer is lost, the tracking table has the word."""

from collections.abc import Callable

import pytest

from bot.domain.runs import RunState, StepState
from bot.errors import TemporaryError
from bot.planning import checklist
from tests.engine.story import Story, faults_in, faults_in_success, faults_in_undoing
from tests.fakes.database import FLAGS
from tests.fakes.world import World

SHAKY = TemporaryError("shaky", "It does not answer.")


def test_an_answer_lost_at_commit_is_found_in_the_tracking_table(story: Story, world: World) -> None:
    world.database.lose_answer = True
    story.roll_back()
    assert faults_in_success(world) == []


def test_the_restore_point_that_is_told_is_the_one_before_the_commit(story: Story, world: World) -> None:
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


def test_an_export_from_before_hashes_were_kept_is_compared_by_its_rows(story: Story, world: World) -> None:
    probe = Story(World(world.scratch))
    probe.roll_back()
    number = probe.process.calls.index("fence.run_chain")

    def forget() -> None:
        data = dict(world.run().step(checklist.EXPORT).data)
        data["tables"] = [
            {key: value for key, value in table.items() if key != "content_hash"} for table in data["tables"]
        ]
        world.journal.leases.remember(world.run().lease, checklist.EXPORT, data)

    story.process.after_call[number] = forget
    story.roll_back()
    assert faults_in_success(world) == []
