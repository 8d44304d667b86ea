"""A run that parked before the point of no return and cannot be put back: it can be closed all the same."""

from bot.domain.runs import Run, RunState
from bot.domain.workloads import HOLD_LABEL
from bot.errors import PermanentError, TemporaryError
from bot.planning import checklist
from tests.engine.runs.undoing import approve, newest
from tests.engine.story import Story, faults_in, steps, traffic_faults
from tests.fakes.directory import LEAD_A
from tests.fakes.world import World

BROKEN = PermanentError("export-damaged", "It is.")


def parked(story: Story) -> Run:
    """The export fails; meanwhile somebody has renamed a Deployment."""
    world = story.world
    story.ask()
    story.process.faults["fence.export"] = [BROKEN]
    probe = Story(World(world.scratch))
    probe.roll_back()
    at = probe.process.calls.index("fence.export") + 1
    story.process.at_call[at] = lambda: world.cluster.deployments.update({"api2": world.cluster.deployments.pop("api")})
    story.approve()
    run = world.run()
    assert (run.state, steps(run)[checklist.STOP_TRAFFIC]) == (RunState.PARKED, "done")
    assert run.problem.endswith("putting things back failed: workload-not-found: There is no Deployment api.")
    return run


def cancel(story: Story, run: Run) -> str:
    before = set(story.world.announcer.answered)
    story.do(story.world.request("cancel", LEAD_A, run_id=run.id))
    (new,) = set(story.world.announcer.answered) - before
    return str(story.world.announcer.answered[new][1])


def test_what_can_be_put_back_is(story: Story, world: World) -> None:
    """One Deployment is gone: that keeps neither the other one from starting, nor any Service held."""
    parked(story)
    assert world.cluster.deployments["web"].replicas == 2
    assert [labels for labels in world.cluster.services.values() if HOLD_LABEL in labels] == []


def test_a_second_cancel_closes_it_and_says_what_is_left(story: Story, world: World) -> None:
    run = parked(story)
    assert "stops at the next safe place" in cancel(story, run)
    assert world.run().state is RunState.PARKED
    told = cancel(story, run)
    assert "is closed as it stands: it could not put everything back" in told
    assert "Stop incoming traffic (the app is started again as it was and traffic returns)" in told
    closed = world.run()
    assert closed.state is RunState.FAILED
    assert f"Left to people by <@{LEAD_A}>. Not put back: Stop incoming traffic" in closed.problem
    assert faults_in(world) == []

    world.cluster.deployments["api"] = world.cluster.deployments.pop("api2")
    world.cluster.scale("api", 3, run.id)
    story.do(world.rollback())
    assert approve(story).state is RunState.SUCCEEDED
    assert newest(world).id != run.id
    assert traffic_faults(world, "v1.2.3") == []


def test_a_first_cancel_and_a_retry_still_put_things_back(story: Story, world: World) -> None:
    run = parked(story)
    cancel(story, run)
    world.cluster.deployments["api"] = world.cluster.deployments.pop("api2")
    story.do(world.request("resume", run_id=run.id))
    assert world.run().state is RunState.FAILED
    assert traffic_faults(world, "v1.3.0") == []


def test_an_outcome_that_stays_unknown_can_be_left_to_people(story: Story, world: World) -> None:
    story.ask()
    world.database.lose_answer = True
    world.database.on_commit = lambda: world.database.tracking.pop(25)
    story.approve()
    run = world.run()
    assert (run.state, "outcome-unknown" in run.problem) == (RunState.PARKED, True)
    cancel(story, run)
    assert world.run().state is RunState.PARKED
    assert "Fence the database (the database is opened again)" in cancel(story, run)
    assert world.run().state is RunState.FAILED


def test_a_hiccup_is_tried_again_before_a_refusal_is_reported(story: Story, world: World) -> None:
    story.ask()
    story.process.faults["fence.export"] = [BROKEN]
    story.process.faults["cluster.clear_annotation"] = [BROKEN, TemporaryError("shaky", "It does not answer.")]
    story.approve()
    assert world.run().state is RunState.FAILED
    assert traffic_faults(world, "v1.3.0") == []


def test_what_somebody_has_just_resumed_is_not_closed(story: Story, world: World) -> None:
    run = parked(story)
    cancel(story, run)
    story.process.before["journal.runs.end"] = [lambda: world.journal.runs.resume(run.id)]
    request = world.request("cancel", LEAD_A, run_id=run.id)
    story.do(request)
    assert str(world.announcer.refusals[request.id][1]).startswith(f"not-parked: Run {run.id} is no longer parked")
    assert "Left to people" not in world.run().problem
