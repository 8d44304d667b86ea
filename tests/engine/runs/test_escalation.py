"""A call for help names the database that is kept, as long as it is there."""

from bot.errors import PermanentError
from tests.engine.runs.restoring import NAME, furnish, refusals, restore
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


def test_nobody_gets_the_servers_log_for_having_asked(story: Story, world: World) -> None:
    """Any member may ask for a run: only one that has begun, with votes, is a reason to read the log."""
    story.ask()
    for user in (None, LEAD_A):
        story.do(world.request("escalate", *([user] if user else []), run_id=world.run().id))
    assert world.announcer.escalations == {}
    assert refusals(world) == ["not-begun"] * 2
    story.do(world.request("cancel", run_id=world.run().id))
    story.do(world.request("escalate", run_id=world.run().id))
    assert refusals(world)[2:] == ["not-begun"]


def test_what_the_app_may_have_written_is_counted_with_the_command_that_shows_it(story: Story, world: World) -> None:
    world.cluster.further_log = ["ERROR:  patient Ngan has no visit", "LOG:  AUDIT: SESSION,1,SELECT,Ngan"]
    furnish(world).exchange_error = PermanentError("name-taken", "Somebody made it.", "Look.")
    run = restore(story)
    story.do(world.request("escalate", LEAD_A, run_id=run.id))
    logs = next(reversed(world.announcer.escalations.values())).database_logs
    assert "Ngan" not in str(logs)
    assert "1 ERROR" in logs["postgres-0"]
    assert "kubectl -n physioflow-prod logs postgres-0 --tail=200" in logs["postgres-0"]
