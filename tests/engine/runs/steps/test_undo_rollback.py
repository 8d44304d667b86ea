"""The undoing of a chain: approved like any run, and the same wherever the process dies."""

from bot.domain.runs import RunState
from bot.errors import PermanentError
from bot.planning import checklist
from tests.engine.runs.undoing import approve, ask, faults_in_undone, undo
from tests.engine.story import Story, traffic_faults
from tests.fakes.directory import LEAD_A
from tests.fakes.world import World


def test_approved_it_brings_back_what_was_dropped_and_the_app_that_served(story: Story, world: World) -> None:
    run = undo(story, story.roll_back().id)

    assert faults_in_undone(world) == []
    assert [step.key for step in run.steps] == [
        *(checklist.RECHECK, checklist.NOTIFY, checklist.BACKUP, checklist.FETCH, checklist.STOP_TRAFFIC),
        *(
            checklist.EXCLUSIVE_ACCESS,
            checklist.RECREATE,
            checklist.VERIFY_RECREATED,
            checklist.START_APP,
            checklist.SMOKE,
        ),
        *(checklist.RESTORE_TRAFFIC, checklist.DOCUMENT, checklist.FOLLOW_UP),
    ]


def test_a_run_parked_past_the_chain_is_closed_and_then_undone_as_the_refusal_says(story: Story, world: World) -> None:
    world.cluster.unhealthy.add("api")
    parked = story.roll_back()
    world.cluster.unhealthy.clear()

    ask(story, parked.id)

    ((_, refused),) = world.announcer.refusals.values()
    assert refused.reference == "another-run-active"
    assert refused.hint == (
        f"Let it go on to its end: /rollback resume {parked.id}. Or close it as it stands with "
        f"/rollback cancel {parked.id}; then /rollback undo {parked.id} takes it back."
    )

    story.do(world.request("cancel", LEAD_A, run_id=parked.id))
    run = undo(story, parked.id)

    assert (run.state, run.plan.undoes, run.problem) == (RunState.SUCCEEDED, parked.id, "")
    assert max(world.database.tracking) == 27
    assert traffic_faults(world, "v1.3.0") == []


def test_a_lost_answer_to_commit_is_looked_up(story: Story, world: World) -> None:
    run_id = story.roll_back().id
    world.database.lose_answer = True

    undo(story, run_id)

    assert faults_in_undone(world) == []
    (undone,) = [event for event in world.journal.audit.log if event.event == "chain-undone"]
    assert undone.details["restore_point"] == "0/20", "the one before the commit: the chain's is 0/19"


def test_a_failure_leaves_everything_as_the_chain_left_it(story: Story, world: World) -> None:
    run_id = story.roll_back().id
    world.database.recreate_error = PermanentError("undo-failed", "The key is taken.", "Nothing was changed.")

    run = undo(story, run_id)

    assert run.state is RunState.FAILED
    assert "undo-failed: The key is taken." in run.problem
    assert max(world.database.tracking) == 26
    assert world.database.open
    assert traffic_faults(world, "v1.2.3") == []


def test_a_world_that_moves_after_the_votes_voids_them(story: Story, world: World) -> None:
    run_id = story.roll_back().id
    ask(story, run_id)
    world.store.backups.clear()

    run = approve(story)

    assert run.state is RunState.VOID
    assert "undo-expired" in run.problem
    assert max(world.database.tracking) == 26
