"""The sweep takes up what was left behind."""

from bot.domain.runs import RunState
from bot.engine.maintenance.sweeper import sweep
from bot.errors import TemporaryError
from tests.engine.story import Story
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
