"""A call for help names the database that is kept, as long as it is there."""

from tests.engine.runs.restoring import NAME, furnish, restore
from tests.engine.story import Story
from tests.fakes.directory import LEAD_A
from tests.fakes.world import World


def test_a_call_for_help_after_the_kept_database_has_gone_says_so(story: Story, world: World) -> None:
    sides = furnish(world)
    run = restore(story)
    sides.drop(sides.name("kept", run.id))
    story.do(world.request("escalate", LEAD_A, run_id=run.id))
    (escalation,) = world.announcer.escalations.values()
    gone = f"the database from before ({sides.name('kept', run.id)}) is gone: dropped after its time, or swapped back"
    assert escalation.backup == f"{gone}; the bundle is {NAME}"
