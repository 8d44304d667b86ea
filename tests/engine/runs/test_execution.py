"""An owner that was replaced commits nothing."""

import pytest

from bot.domain.runs import RunState
from bot.engine.runs.execution import Execution
from bot.engine.runs.step_execution import LEASE_S
from tests.engine.story import Story
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
