"""Somebody deploys while the database is worked on: what is planned runs afterwards, or the message says what does."""

from collections.abc import Callable

import pytest

from bot.domain.runs import Run, RunState
from bot.domain.workloads import Revision
from bot.errors import PermanentError
from tests.engine.runs.restoring import approve, ask, bundle, furnish, newest
from tests.engine.story import Story, faults_in_success, traffic_faults
from tests.fakes.world import World


def deploy(world: World, version: str = "v1.3.1") -> None:
    """A deployment by CI: a new image, the count as it is."""
    for name, item in world.cluster.deployments.items():
        image = f"registry.example/{name}:{version}"
        if item.image != image:
            item.history.insert(0, Revision(item.history[0].number + 1, image, f"{name}-new"))
            item.image = image


def restore(story: Story, call: str, act: Callable[[], object], *errors: Exception) -> Run:
    """Restore a bundle whose schema the running app can use; before the last such call, something happens."""
    world = story.world
    world.store.backups.append(bundle(schema=27))
    ask(story)
    assert [work.target_image for work in newest(world).plan.workloads] == [
        work.image for work in newest(world).plan.workloads
    ]
    probe = Story(World(world.scratch))
    furnish(probe.world)
    probe.world.store.backups[:] = [bundle(schema=27)]
    ask(probe)
    approve(probe)
    story.process.at_call[len(probe.process.calls) - probe.process.calls[::-1].index(call)] = act
    story.process.faults[call] = list(errors)
    return approve(story)


@pytest.fixture
def story(world: World) -> Story:
    furnish(world).databases.clear()
    world.store.backups.clear()
    return Story(world)


def test_what_was_deployed_gives_way_to_what_was_planned(story: Story, world: World) -> None:
    run = restore(story, "sides.exchange", lambda: deploy(world))
    assert (run.state, run.problem) == (RunState.SUCCEEDED, "")
    assert traffic_faults(world, "v1.3.0") == []


def test_what_is_deployed_while_pods_start_is_named_and_retry_helps(story: Story, world: World) -> None:
    run = restore(story, "cluster.scale", lambda: deploy(world))
    assert run.state is RunState.PARKED
    assert run.problem.startswith(
        "pods-not-ready: 5 pods are ready with an image that is not the planned one, api:v1.3.0 and web:v1.3.0: "
        "api-11 (api:v1.3.1), "
    )
    assert run.problem.endswith("Pause the tool that deploys, then press Retry: it puts the planned image back.")
    story.do(world.request("resume", run_id=run.id))
    assert (newest(world).state, newest(world).problem) == (RunState.SUCCEEDED, "")
    assert traffic_faults(world, "v1.3.0") == []


def test_pods_that_nobody_makes_are_counted(story: Story, world: World) -> None:
    """A quota, say: what is there is ready, and there is too little of it."""
    run = restore(story, "cluster.scale", lambda: setattr(world.cluster.deployments["api"], "gitops", 1))
    assert run.problem.startswith("pods-not-ready: 3 of 5 pods are ready, and no more are made. Look at them")


def test_what_keeps_pods_from_being_made_is_said_in_the_servers_words(story: Story, world: World) -> None:
    words = 'pods "api-1" is forbidden: exceeded quota: small.'

    def limit() -> None:
        world.cluster.deployments["api"].gitops = 1
        world.cluster.deployments["api"].problem = words

    run = restore(story, "cluster.scale", limit)
    assert run.problem.startswith(f"pods-not-ready: No more pods are made. api: {words} Change what stands in the way")


def test_a_failure_before_the_swap_leaves_what_was_deployed_and_says_so(story: Story, world: World) -> None:
    broken = PermanentError("out-of-order", "It is broken.", "Mend it.")
    run = restore(story, "sides.exchange", lambda: deploy(world), broken)
    assert run.state is RunState.FAILED
    (stop,) = [step for step in run.steps if step.key == "stop-traffic"]
    assert stop.detail == "traffic is back as it was, now with api:v1.3.1 and web:v1.3.1, deployed meanwhile"
    assert traffic_faults(world, "v1.3.1") == []


def test_pods_that_do_not_start_are_named_and_the_run_parks(story: Story, world: World) -> None:
    story.ask()
    for item in world.cluster.deployments.values():
        item.broken = True
    story.approve()
    run = world.run()
    assert run.state is RunState.PARKED
    assert run.problem.startswith("pods-not-ready: 5 pods do not become ready: api-6 (CrashLoopBackOff), api-7 (Crash")
    for item in world.cluster.deployments.values():
        item.broken = False
        item.pods.clear()
    story.do(world.request("resume", run_id=run.id))
    assert faults_in_success(world) == []
