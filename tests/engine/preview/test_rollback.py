"""A chain that fails its rehearsal is refused; one whose undo fails there has no way back, and says so."""

from bot.domain.plans import ChainPlan, narrow
from bot.domain.runs import RunState
from bot.errors import PermanentError
from tests.engine.refused import refused
from tests.engine.runs.undoing import ask
from tests.engine.story import Story
from tests.fakes.world import World


def test_a_chain_that_fails_its_rehearsal_is_refused_at_once(story: Story, world: World) -> None:
    world.database.rehearsal_error = PermanentError("rehearsal-failed", "027, line 8: no such table.", "Mend it.")
    story.ask()
    assert refused(world) == ["rehearsal-failed"]
    assert world.journal.runs.table == {}


def test_the_plan_says_that_a_chain_can_be_taken_back_and_until_when(story: Story, world: World) -> None:
    world.database.without_key = ["public.visits"]

    story.ask()

    undo = narrow(world.run().plan, ChainPlan).undo
    assert undo is not None
    assert undo.possible
    assert undo.down_s > 0.5
    assert undo.limits == (
        "Nobody may write to public.visits until then: without a primary key, rows cannot be matched.",
    )


def test_what_cannot_be_taken_back_is_said_in_the_plan_and_later_refused_in_the_same_words(
    story: Story, world: World
) -> None:
    reason = "The undo would not lead back to what was: column n would be the last one."
    world.database.undo_rehearsal_error = PermanentError("undo-not-exact", reason)

    run = story.roll_back()

    assert run.state is RunState.SUCCEEDED
    undo = narrow(run.plan, ChainPlan).undo
    assert undo is not None
    assert (undo.possible, undo.reason) == (False, reason)
    ask(story, run.id)
    assert refused(world) == ["undo-not-exact"]
    ((_, error),) = world.announcer.refusals.values()
    assert reason in error.message
    assert str(run.step("backup").data["backup"]) in error.hint


def test_a_way_back_that_is_gone_when_the_plan_is_checked_again_voids_the_votes(story: Story, world: World) -> None:
    story.ask()
    before = world.run().plan
    world.database.undo_rehearsal_error = PermanentError("undo-failed", "The undo failed.")

    story.approve()

    run = world.run()
    assert run.state is RunState.PENDING, "people vote again"
    assert before.differences(run.plan) == ("undo: no longer yes; now The undo failed.",)
