"""The swap: its answer may be lost, its outcome unknown, and it can be undone."""

from pathlib import Path

from bot.domain.runs import RunState, StepState
from bot.errors import PermanentError
from bot.planning import checklist
from tests.engine.runs.restoring import (
    THEN,
    approve,
    ask,
    faults_in_nothing_done,
    faults_in_restored,
    furnish,
    newest,
    restore,
    undo,
)
from tests.engine.runs.test_kills import kill_everywhere, killed_after
from tests.engine.story import Story, traffic_faults
from tests.fakes.sides import FakeSides
from tests.fakes.world import World


@killed_after
def test_a_swap_that_cannot_be_is_put_back_wherever_the_process_dies(tmp_path: Path, *, after: bool) -> None:
    def play(story: Story) -> None:
        furnish(story.world).exchange_error = PermanentError("prepared-transaction", "One is open.", "Roll it back.")
        restore(story)

    def judge(world: World) -> list[str]:
        return faults_in_nothing_done(world, "prepared-transaction")

    assert kill_everywhere(tmp_path, play, judge, after=after) == []


def test_a_lost_answer_of_the_swap_is_found_out(story: Story, world: World, sides: FakeSides) -> None:
    sides.lose_answer = True
    restore(story)
    assert faults_in_restored(world) == []


def test_an_undo_can_be_undone(story: Story, world: World, sides: FakeSides) -> None:
    run = restore(story)
    again = undo(story, undo(story, run.id).id)
    assert (again.state, world.database.rows) == (RunState.SUCCEEDED, THEN)
    assert list(sides.databases) == [sides.name("undone", again.id)]


def test_a_swap_whose_outcome_nobody_knows_parks(story: Story, world: World, sides: FakeSides) -> None:
    sides.exchange_error = PermanentError("name-taken", "Somebody made it.", "Look.")
    ask(story)
    sides.databases[sides.name("kept", newest(world).id)] = ()
    run = approve(story)
    assert run.state is RunState.PARKED
    assert "outcome-unknown" in run.problem
    assert run.step(checklist.SWAP).state is StepState.FAILED


def test_a_swap_that_commits_while_it_is_undone_is_seen(tmp_path: Path, story: Story, world: World) -> None:
    """A process that was frozen between its last look and COMMIT, and wakes up."""
    sides, names = furnish(world), ("side", "kept")
    sides.exchange_error = PermanentError("session-cannot-be-ended", "Somebody stays.", "End them.")
    probe = Story(World(tmp_path))
    furnish(probe.world).exchange_error = sides.exchange_error
    restore(probe)
    ask(story)
    incoming, outgoing = (sides.name(kind, newest(world).id) for kind in names)

    def wake_up() -> None:
        sides.exchange_error = None
        sides.exchange(incoming, outgoing, lambda: None)

    story.process.after_call[probe.process.calls.index("database.reopen") + 1] = wake_up
    run = approve(story)
    assert run.state is RunState.PARKED
    assert f"swapped-meanwhile: The swap has happened after all; the database from before is kept as {outgoing}" in (
        run.problem
    )
    story.do(world.request("resume", run_id=run.id))
    assert newest(world).state is RunState.SUCCEEDED
    assert traffic_faults(world, "v1.2.3") == []
