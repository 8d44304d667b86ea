"""A run of an earlier version goes on once an operator with the key has vouched for it, and not before."""

from dataclasses import replace

import pytest

from bot.domain.runs import Run, RunState
from bot.engine.approvals.adoption import adopt_run, prepare_adoption
from bot.errors import PermanentError
from tests.engine.story import Story, faults_in_success
from tests.fakes.process import Process
from tests.fakes.world import World


def unsign(world: World, run: Run) -> None:
    """Leave the run as an earlier version has written it."""
    steps = tuple(replace(step, signature="") for step in run.steps)
    world.journal.runs.table[run.id] = replace(run, signature="", steps=steps)
    for user, vote in world.journal.runs.ballots[run.id].items():
        world.journal.runs.ballots[run.id][user] = replace(vote, signature="", channel="", ts="", request_id="")


def adopt(story: Story, run: Run) -> None:
    services = story.world.services(Process("the operator"))
    adopt_run(services, prepare_adoption(services, run.id), "cli:ops")


def test_it_parks_until_it_is_adopted_and_goes_on_then(story: Story, world: World) -> None:
    probe = Story(World(world.scratch))
    probe.roll_back()
    number = probe.process.calls.index("fence.run_chain")
    story.process.after_call[number] = lambda: unsign(world, world.run())
    story.roll_back()
    world.clock.sleep(60)
    story.sweep()
    parked = world.run()
    assert (parked.state, parked.problem.partition(":")[0]) == (RunState.PARKED, "consent-forged")
    adopt(story, parked)
    story.do(world.request("resume", run_id=parked.id))
    assert faults_in_success(world) == []
    adopted = [event for event in world.journal.audit.log if event.event == "adopted"]
    assert [event.actor for event in adopted] == ["cli:ops"]


def test_a_pending_one_ends_and_is_asked_for_again(story: Story, world: World) -> None:
    story.ask()
    unsign(world, world.run())
    with pytest.raises(PermanentError, match="not-adoptable"):
        adopt(story, world.run())
    story.sweep()
    run = world.run()
    assert (run.state, run.problem.partition(":")[0]) == (RunState.VOID, "consent-forged")
    assert "ask for the run again" in world.announcer.notes[run.id, "consent"]


def test_a_wrong_signature_is_no_missing_one(story: Story, world: World) -> None:
    story.roll_back()
    world.journal.runs.table[world.run().id] = replace(world.run(), requester="U0EVIL")
    with pytest.raises(PermanentError, match="consent-forged"):
        adopt(story, world.run())


def test_what_the_log_does_not_have_is_not_adopted(story: Story, world: World) -> None:
    story.roll_back()
    run = replace(world.run(), state=RunState.PARKED)
    unsign(world, run)
    world.journal.audit.log[:] = [event for event in world.journal.audit.log if event.event != "requested"]
    with pytest.raises(PermanentError, match="consent-mismatch"):
        adopt(story, run)
