"""The sweep takes up what was left behind."""

import pytest

from bot.domain.runs import RunState
from bot.engine.maintenance.sweeper import MAX_OWN_RESUMES, sweep
from bot.errors import PermanentError, RefusedError, TemporaryError
from tests.engine.story import Story, faults_in_success, traffic_faults
from tests.fakes.world import World


def test_a_queue_that_is_away_delays_a_request_and_loses_none(story: Story, world: World) -> None:
    story.process.faults["queue.defer_request"] = [TemporaryError("queue-away", "It is.")]
    story.ask()
    assert world.journal.runs.table == {}
    story.sweep()
    assert world.journal.runs.table == {}, "it may still be in somebody's hands"
    world.clock.sleep(16)
    story.sweep()
    assert world.run().state is RunState.PENDING


def test_the_sweep_takes_up_what_nobody_owns_first(story: Story, world: World) -> None:
    story.ask()
    run = world.run()
    world.journal.runs.approve(run.id, run.plan.digest, ())
    sweep(world.services(story.process))
    sweep(world.services(story.process))
    assert (world.queue.runs, world.queue.run_deferrals) == ([run.id], 2)


FORBIDDEN = RefusedError("cluster-forbidden", "The API server refused: patch deployments api (Forbidden).")
AWAY = TemporaryError("cluster-unavailable", "The API server does not answer.")


def parked_for_want_of_the_cluster(story: Story) -> None:
    """The export fails with the app at 0, and then the cluster does not let it start again."""
    story.ask()
    story.process.faults["fence.export"] = [PermanentError("export-damaged", "It is.")]
    story.process.faults["cluster.scale"] = [None, None, *[AWAY] * 99]
    story.process.faults["cluster.inspect"] = [None, None]
    story.approve()


def test_a_run_that_waits_for_the_cluster_goes_on_by_itself(story: Story, world: World) -> None:
    parked_for_want_of_the_cluster(story)
    run = world.run()
    assert (run.state, world.cluster.deployments["api"].replicas) == (RunState.PARKED, 0)
    story.process.faults["cluster.inspect"] = [AWAY]
    story.sweep()
    assert world.run().state is RunState.PARKED, "the cluster is still away"
    story.process.faults.clear()
    story.sweep()
    ended = world.run()
    assert ended.state is RunState.FAILED
    assert "export-damaged" in ended.problem
    assert traffic_faults(world, "v1.3.0") == []
    assert any("The cluster answers again" in text for text in world.announcer.notes.values())
    (resumed,) = [event for event in world.journal.audit.log if event.event == "resumed"]
    assert (resumed.actor, resumed.details) == ("backstop", {"why": "the cluster answers again"})


def own_resumes(world: World) -> int:
    return sum((event.event, event.actor) == ("resumed", "backstop") for event in world.journal.audit.log)


def test_a_run_that_then_fails_for_another_reason_waits_for_people(story: Story, world: World) -> None:
    parked_for_want_of_the_cluster(story)
    story.process.faults = {"cluster.scale": [PermanentError("workload-not-found", "It is not there.")]}
    for _ in range(3):
        story.sweep()
    assert (world.run().state, own_resumes(world)) == (RunState.PARKED, 1)


def test_a_cluster_that_answers_and_refuses_every_time_is_left_to_people(story: Story, world: World) -> None:
    parked_for_want_of_the_cluster(story)
    for _ in range(MAX_OWN_RESUMES + 2):
        story.process.faults = {"cluster.scale": [FORBIDDEN] * 99}
        story.sweep()
    assert (world.run().state, own_resumes(world)) == (RunState.PARKED, MAX_OWN_RESUMES)


def test_a_run_that_parked_for_another_reason_waits_for_people(story: Story, world: World) -> None:
    story.ask()
    story.process.faults["fence.export"] = [PermanentError("export-damaged", "It is.")]
    story.process.faults["cluster.scale"] = [None, None, PermanentError("workload-not-found", "It is not there.")]
    story.approve()
    assert world.run().state is RunState.PARKED
    story.sweep()
    assert world.run().state is RunState.PARKED


@pytest.mark.parametrize(
    "call", ["cluster.hold_service", "cluster.scale", "cluster.set_image", "cluster.release_service"]
)
def test_a_refusal_of_a_proven_right_passes_before_and_after_the_commit(story: Story, world: World, call: str) -> None:
    """A server that has just started answers 403 to a good token until it has read its rules."""
    story.ask()
    story.process.faults[call] = [FORBIDDEN, FORBIDDEN]
    story.approve()
    assert world.run().state is RunState.SUCCEEDED
    assert faults_in_success(world) == []
