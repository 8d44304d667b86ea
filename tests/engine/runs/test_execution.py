"""An owner that was replaced commits nothing."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from bot.domain.environments import BackupTarget
from bot.domain.runs import Run, RunState
from bot.engine.runs.execution import Execution
from bot.engine.runs.step_execution import LEASE_S
from tests.engine.runs import restoring
from tests.engine.story import Story, traffic_faults
from tests.fakes.world import World


def test_an_owner_who_was_fenced_off_before_commit_does_not_commit(story: Story, world: World) -> None:
    probe = Story(World(world.scratch))
    probe.roll_back()
    chain = probe.process.calls.index("fence.run_chain")
    number = probe.process.calls.index("journal.leases.renew", chain) + 1
    story.process.at_call[number] = lambda: world.journal.runs.end(
        world.run().id, RunState.FAILED, "by hand", expect=frozenset({RunState.RUNNING})
    )
    story.roll_back()
    assert world.database.commits == []
    assert world.run().problem == "by hand"


def test_a_session_that_cannot_be_ended_does_not_keep_the_lease(world: World, story: Story) -> None:
    """Its heart would keep the run from every other process for as long as this one lives."""
    story.ask()
    run = world.run()
    world.journal.runs.approve(run.id, run.plan.digest, ())
    taken = world.journal.runs.take(run.id, "first", LEASE_S)
    assert taken is not None
    services = world.services(story.process)
    story.process.faults["fence.close"] = [ValueError("a bug")]
    execution = Execution(services, services.env("prod"), taken)
    with pytest.raises(ValueError, match="a bug"), execution:
        execution.session()
    assert not execution._heart.is_alive()


def test_a_lease_is_counted_from_when_its_renewal_was_requested(world: World, story: Story) -> None:
    """The answer may be slow, and the server counts from before it: another process may have the run by then."""
    story.ask()
    run = world.run()
    world.journal.runs.approve(run.id, run.plan.digest, ())
    taken = world.journal.runs.take(run.id, "first", LEASE_S)
    assert taken is not None
    services = world.services(story.process)
    execution = Execution(services, services.env("prod"), taken)
    story.process.before["journal.leases.renew"] = [lambda: world.clock.sleep(LEASE_S - 2)]
    execution.must_own()
    world.clock.sleep(3)
    renewed = story.process.calls.count("journal.leases.renew")
    execution.check()
    assert story.process.calls.count("journal.leases.renew") == renewed + 1


def takes_over_elsewhere(story: Story, move: Callable[[World], None], at: str) -> None:
    """The process dies there; the one that takes over has another configuration."""

    def die() -> None:
        story.process.dead = True
        move(story.world)

    story.process.before[at] = [die]


def other_namespace(world: World) -> None:
    workloads = replace(world.environment.workloads, namespace="physioflow-dev")
    world.environment = replace(world.environment, workloads=workloads)


def other_bucket(world: World) -> None:
    world.environment = replace(world.environment, backups=BackupTarget("backups-dev"))


def other_dsn(world: World) -> None:
    identity = replace(world.database.facts.identity, address="address two")
    world.database.facts = replace(world.database.facts, identity=identity)


@pytest.mark.parametrize(
    "at", ["database.dump", "cluster.scale", "fence.export", "fence.run_chain", "cluster.set_image"]
)
@pytest.mark.parametrize("move", [other_namespace, other_bucket, other_dsn], ids=lambda move: move.__name__)
def test_a_process_with_another_configuration_touches_nothing(
    story: Story, world: World, move: Callable[[World], None], at: str
) -> None:
    was = world.environment, world.database.facts
    takes_over_elsewhere(story, move, at)
    story.roll_back()
    run = world.run()
    assert run.state is RunState.PARKED
    assert "other-place: This process is configured for another place" in run.problem
    calls = [call for call in story.process.calls if call.startswith(("cluster.", "database.", "fence.", "store."))]
    # It reads, to call for help and for the report.
    assert set(calls) <= {"cluster.database_logs", "database.recovery_options", "store.find", "store.open_export"}
    assert run.id in {key[0] for key in world.announcer.escalations}
    world.environment, world.database.facts = was
    ended = resumed(story, run)
    version = "v1.2.3" if ended.state is RunState.SUCCEEDED else "v1.3.0"
    assert traffic_faults(world, version) == []
    assert world.database.open
    assert len(world.database.commits) == (ended.state is RunState.SUCCEEDED)


def resumed(story: Story, run: Run) -> Run:
    story.do(story.world.request("resume", run_id=run.id))
    return story.world.run()


def another_database(world: World) -> None:
    identity = replace(world.database.facts.identity, server="1", oid=7)
    world.database.facts = replace(world.database.facts, identity=identity)


def test_a_chain_stops_where_the_name_leads_to_another_database(story: Story, world: World) -> None:
    story.process.before["database.take_exclusive_access"] = [lambda: another_database(world)]
    run = story.roll_back()
    assert run.state is RunState.FAILED
    assert run.problem.startswith("wrong-database: ")
    assert world.database.commits == []
    assert world.database.closings == 0
    assert traffic_faults(world, "v1.3.0") == []


def test_a_swap_stops_where_the_name_leads_to_another_database(story: Story, world: World) -> None:
    sides = restoring.furnish(world)
    story.process.before["sides.exchange"] = [lambda: another_database(world)]
    run = restoring.restore(story)
    assert run.state is RunState.FAILED
    assert run.problem.startswith("wrong-database: ")
    assert (sides.exchanges, world.database.closings) == ([], 0)
    assert traffic_faults(world, "v1.3.0") == []


def test_a_chain_that_may_have_committed_is_asked_for_at_the_new_primary(story: Story, world: World) -> None:
    """What the server says after a fail-over is what serves, so it decides if the chain has happened."""

    def fail_over() -> None:
        identity = replace(world.database.facts.identity, timeline=2)
        world.database.facts = replace(world.database.facts, identity=identity)

    world.database.lose_answer = True
    world.database.on_commit = fail_over
    run = story.roll_back()
    assert world.database.commits == [(27,)]
    assert run.state is RunState.PARKED
    assert run.problem.startswith("wrong-database: ")
    assert resumed(story, run).state is RunState.SUCCEEDED
    assert traffic_faults(world, "v1.2.3") == []
