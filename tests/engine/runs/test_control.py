"""Cancelling: whenever it comes, the run ends in the state that was promised."""

import time
from pathlib import Path

import pytest

from bot.domain.runs import RunState, StepState
from bot.errors import PermanentError
from bot.planning import checklist
from tests.engine.refused import refused
from tests.engine.runs.cancelling import cancel_from_elsewhere, handle_elsewhere
from tests.engine.story import (
    Story,
    faults_in,
    faults_in_success,
    faults_in_undoing,
    steps,
    traffic_faults,
)
from tests.fakes.directory import ENGINEER, LEAD_A, LEAD_C, ONCALL
from tests.fakes.process import Process
from tests.fakes.world import World


def play_with_cancel(scratch: Path, number: int, *, kill: bool, after: bool = False) -> World:
    """Roll back; just before the call of that number somebody cancels, and then the process may die."""
    world = World(scratch)
    process = Process("first", number if kill else 0, after=after)
    story = Story(world, process)

    def cancel() -> None:
        if world.journal.runs.table:
            cancel_from_elsewhere(world)

    process.at_call[number] = cancel
    story.roll_back()
    return world


def faults_after_cancel(world: World) -> list[str]:
    """Cancelled and all as before, or, where the chain came first, finished; nothing else."""
    run = world.run()
    if run.state is RunState.SUCCEEDED:
        return faults_in_success(world)
    if run.state is RunState.CANCELLED:
        return faults_in_undoing(world, RunState.CANCELLED, f"cancelled by <@{ONCALL}>")
    return [f"{run.state}: {run.problem}", *faults_in(world)]


@pytest.mark.parametrize("kill", ["", "before", "after"])
def test_a_cancel_at_every_call_ends_as_promised(tmp_path: Path, kill: str) -> None:
    probe = Story(World(tmp_path))
    probe.roll_back()
    look = probe.process.calls.index("fence.run_chain")
    last_look = probe.process.calls.index("journal.runs.find", look) + 1
    faults, ended = [], {}
    for number in range(probe.process.calls.index("journal.runs.open") + 2, len(probe.process.calls) + 1):
        world = play_with_cancel(tmp_path, number, kill=bool(kill), after=kill == "after")
        where = f"cancelled before call {number} ({probe.process.calls[number - 1]})"
        faults += [f"{where}: {fault}" for fault in faults_after_cancel(world)]
        ended[number] = world.run().state
    assert faults == []
    assert {ended[number] for number in ended if number <= last_look} == {RunState.CANCELLED}
    assert ended[max(ended)] is RunState.SUCCEEDED


def test_a_cancel_while_the_answer_to_commit_is_lost_goes_on_to_the_end(
    story: Story, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The heartbeat hears of the cancel, nobody of the commit: the tracking table has the word."""
    monkeypatch.setattr("bot.engine.runs.step_execution.RENEW_EVERY_S", 0.005)
    world.database.lose_answer = True

    def commit_slowly() -> None:
        cancel_from_elsewhere(world)
        time.sleep(0.1)

    world.database.on_commit = commit_slowly
    story.roll_back()
    assert faults_in_success(world) == []
    events = [event for event in world.journal.audit.log if event.event == "chain-committed"]
    assert [event.details for event in events] == [{"found_by": "tracking table"}]


def test_a_kill_at_commit_and_a_cancel_goes_on_to_the_end(tmp_path: Path) -> None:
    probe = Story(World(tmp_path))
    probe.roll_back()
    world = World(tmp_path)
    story = Story(world, Process("first", probe.process.calls.index("fence.run_chain") + 1, after=True))
    world.database.on_commit = lambda: cancel_from_elsewhere(world)
    story.roll_back()
    assert story.deaths == 1
    assert faults_in_success(world) == []


def test_cancelling_a_pending_run_touches_nothing(story: Story, world: World) -> None:
    story.ask()
    story.do(world.request("cancel", run_id=world.run().id))
    assert world.announcer.answered["cancel-2"][1] == f"Run {world.run().id} is cancelled. Nothing was touched."
    assert faults_in_undoing(world, RunState.CANCELLED, f"cancelled by <@{ONCALL}>") == []
    story.do(world.request("cancel", LEAD_A, run_id=world.run().id))
    assert world.announcer.refusals["cancel-3"][1].reference == "run-ended"


def parked_with_traffic_down(story: Story) -> World:
    """A run that failed before the chain, and could not be put back."""
    world = story.world
    story.ask()
    story.process.faults |= {
        "fence.export": [PermanentError("export-damaged", "It is.")],
        "database.reopen": [PermanentError("database-unreachable", "It is away.")],
    }
    story.approve()
    assert world.run().state is RunState.PARKED
    assert not world.database.open
    return world


def test_two_cancels_of_a_parked_run_put_things_back_once(story: Story) -> None:
    world = parked_with_traffic_down(story)
    cancel_from_elsewhere(world)
    cancel_from_elsewhere(world, LEAD_A)  # approved again by then, with traffic down: nothing may be closed over that
    assert world.run().state is RunState.APPROVED
    world.work(story.process)
    assert faults_in_undoing(world, RunState.FAILED, "export-damaged: It is.") == []


def test_a_parked_run_goes_on_putting_things_back(story: Story) -> None:
    world = parked_with_traffic_down(story)
    story.do(world.request("resume", LEAD_C, run_id=world.run().id))
    assert world.announcer.answered["resume-4"][1] == f"Run {world.run().id} goes on putting things back."
    assert faults_in_undoing(world, RunState.FAILED, "export-damaged: It is.") == []


def test_a_run_that_is_resumed_meanwhile_is_not_called_closed(story: Story, world: World) -> None:
    world.cluster.unhealthy.add("api")
    run = story.roll_back()
    resume = world.request("resume", LEAD_C, run_id=run.id)
    cancel = world.request("cancel", LEAD_A, run_id=run.id)
    story.process.before["journal.runs.end"] = [lambda: handle_elsewhere(world, resume)]
    story.do(cancel)
    assert cancel.id not in world.announcer.answered
    assert world.announcer.refusals[cancel.id][1].reference == "past-no-return"
    assert world.run().state is not RunState.FAILED


def test_a_run_parked_past_the_chain_can_be_left_to_people(story: Story, world: World) -> None:
    world.cluster.unhealthy.add("api")
    run = story.roll_back()
    story.do(world.request("cancel", LEAD_A, run_id=run.id))
    closed = world.run()
    assert closed.state is RunState.FAILED
    assert closed.problem.endswith(f"Left to people by <@{LEAD_A}>.")
    assert world.announcer.cards[run.id][0].state is RunState.FAILED


def test_a_cancel_after_the_chain_is_refused(story: Story, world: World) -> None:
    probe = Story(World(world.scratch))
    probe.roll_back()
    number = probe.process.calls.index("cluster.set_image") + 1
    story.process.at_call[number] = lambda: cancel_from_elsewhere(world)
    story.roll_back()
    (refused,) = world.announcer.refusals.values()
    assert str(refused[1]) == (
        f"past-no-return: The chain of run {world.run().id} has committed; stopping now would leave the app down. "
        "Let it finish: it restores traffic, or parks and asks."
    )
    assert faults_in_success(world) == []


def test_the_follow_up_is_closed_once(story: Story, world: World) -> None:
    run = story.roll_back()
    story.do(world.request("close", LEAD_A, run_id=run.id, link="https://tracker.example/1"))
    step = world.run().step(checklist.FOLLOW_UP)
    assert (step.state, step.detail) == (StepState.DONE, f"closed by <@{LEAD_A}>: https://tracker.example/1")
    assert steps(world.announcer.cards[run.id][0])[checklist.FOLLOW_UP] == "done"
    story.do(world.request("close", LEAD_A, run_id=run.id, link="again"))
    assert [error.reference for _, error in world.announcer.refusals.values()] == ["nothing-open"]


def test_a_resume_of_a_run_that_is_not_parked_is_refused(story: Story, world: World) -> None:
    run = story.roll_back()
    story.do(world.request("resume", run_id=run.id))
    assert [error.reference for _, error in world.announcer.refusals.values()] == ["not-parked"]
    assert traffic_faults(world, "v1.2.3") == []


def test_freezing(story: Story, world: World) -> None:
    story.do(world.request("freeze", ENGINEER, environment="prod", reason=""))
    story.do(world.request("unfreeze", ENGINEER, environment="prod"))
    assert refused(world) == ["reason-missing", "not-frozen"]
    story.do(world.request("freeze", ENGINEER, environment="prod", reason="release"))
    story.do(world.rollback())
    assert refused(world)[2:] == ["environment-frozen"]
    story.do(world.request("status", ENGINEER, environment=""))
    assert world.announcer.statuses == [((), {"prod": f"<@{ENGINEER}> froze prod: release"})]
    story.do(world.request("unfreeze", ENGINEER, environment="prod"))
    assert world.announcer.answered["unfreeze-6"] == (ENGINEER, "prod is open for runs again.")
    assert world.journal.freezes.frozen("prod") is None


def test_lifting_a_freeze_is_in_the_log_and_said_wherever_the_process_dies(tmp_path: Path) -> None:
    for after in (False, True):
        for number in range(1, 8):
            world = World(tmp_path)
            world.journal.freezes.freeze("prod", LEAD_A, "billing")
            request = world.request("unfreeze", ENGINEER, environment="prod")
            Story(world, Process("first", number, after=after)).do(request)
            where = f"killed {'after' if after else 'before'} call {number}"
            assert [(event.actor, event.event) for event in world.journal.audit.log] == [(ENGINEER, "unfrozen")], where
            assert world.announcer.answered[request.id] == (ENGINEER, "prod is open for runs again."), where
            assert refused(world) == [], where
