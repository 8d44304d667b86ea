"""Whether the chain has committed: where the answer is lost, the tracking table has the word."""

from bot.domain.runs import RunState, StepState
from bot.errors import TemporaryError
from bot.planning import checklist
from tests.engine.story import Story, faults_in, faults_in_success
from tests.fakes.world import World

SHAKY = TemporaryError("shaky", "It does not answer.")


def test_an_answer_lost_at_commit_is_found_in_the_tracking_table(story: Story, world: World) -> None:
    world.database.lose_answer = True
    story.roll_back()
    assert faults_in_success(world) == []


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
