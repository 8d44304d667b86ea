"""The report: at the end of every run that had begun, whatever became of it, and whenever people add to it."""

from bot.domain.runs import RunState, StepState
from bot.errors import PermanentError, TemporaryError
from bot.planning import checklist
from tests.engine.runs.cancelling import cancel_from_elsewhere
from tests.engine.runs.reports import reported
from tests.engine.story import Story, faults_in_success
from tests.fakes.cluster import SHOWN
from tests.fakes.directory import ENGINEER, LEAD_A, LEAD_B, LEAD_C, ONCALL
from tests.fakes.world import World


def broken(world: World) -> None:
    world.database.chain_error = PermanentError("chain-failed", "027, line 8: no such table.", "Look.")


def test_a_run_that_succeeds_is_reported_as_it_ended_in_one_file(story: Story, world: World) -> None:
    story.roll_back()

    run, events = reported(world)
    assert (run.state, run.step(checklist.FOLLOW_UP).state) == (RunState.SUCCEEDED, StepState.OPEN)
    assert run.ended_at is not None
    assert events[-1] == "run-ended"
    assert len(world.announcer.files[run.id]) == 1


def test_a_run_that_fails_and_puts_everything_back_is_reported(story: Story, world: World) -> None:
    broken(world)
    story.roll_back()

    run, events = reported(world)
    assert (run.state, run.problem) == (RunState.FAILED, "chain-failed: 027, line 8: no such table. Look.")
    assert run.step(checklist.STOP_TRAFFIC).state is StepState.UNDONE
    assert events[-1] == "run-ended"


def test_a_run_that_is_cancelled_half_way_is_reported(story: Story, world: World) -> None:
    probe = Story(World(world.scratch))
    probe.roll_back()
    number = probe.process.calls.index("cluster.scale") + 1
    story.process.at_call[number] = lambda: cancel_from_elsewhere(world)
    story.roll_back()

    assert reported(world)[0].state is RunState.CANCELLED


def test_a_run_that_is_void_when_it_is_looked_at_again_is_reported(story: Story, world: World) -> None:
    story.ask()
    world.journal.freezes.freeze("prod", LEAD_C, "nobody touches it")
    story.approve()

    assert reported(world)[0].state is RunState.VOID


def test_a_request_that_never_began_is_not(story: Story, world: World) -> None:
    story.ask()
    story.do(world.vote(LEAD_A, "reject"))

    assert world.announcer.reports == {}
    assert world.announcer.files == {}


def test_a_parked_run_is_reported_with_what_was_posted_and_again_when_it_ends(story: Story, world: World) -> None:
    world.cluster.unhealthy.add("api")
    world.cluster.further_log = ["DETAIL:  Key (email)=(ngan@example.org) already exists."]
    run = story.roll_back()
    parked, events = reported(world)
    assert (parked.state, events[-2:]) == (RunState.PARKED, ["escalated", "run-ended"])
    posted = next(event for event in world.journal.audit.log if event.event == "escalated")
    shown, counted = posted.details["logs"]["postgres-0"].split("\n")
    assert shown == SHOWN
    assert counted.startswith("(1 other line is not shown, as the app")
    assert posted.details["logs"] == world.announcer.escalations[run.id, run.fencing_token].database_logs
    world.cluster.unhealthy.clear()
    story.do(world.request("resume", run_id=run.id))

    assert reported(world)[0].state is RunState.SUCCEEDED
    assert [told.state for told, _, _ in world.announcer.files[run.id]] == [RunState.PARKED, RunState.SUCCEEDED]


def test_a_parked_run_that_is_left_to_people_is_reported_as_it_stands(story: Story, world: World) -> None:
    world.cluster.unhealthy.add("api")
    run = story.roll_back()
    story.do(world.request("cancel", LEAD_A, run_id=run.id))

    assert reported(world)[0].state is RunState.FAILED


def test_a_bucket_that_is_away_at_the_end_delays_nothing(story: Story, world: World) -> None:
    away = TemporaryError("storage-unreachable", "The bucket does not answer.")
    # Two calls come before: the export itself, and the step that documents.
    story.process.faults["store.open_export"] = [None, None, *[away] * 50]
    story.roll_back()

    assert faults_in_success(world) == []
    assert world.announcer.reports[world.run().id][2] is None


def test_names_are_kept_for_a_file_that_cannot_look_anybody_up(story: Story, world: World) -> None:
    story.ask()
    story.do(world.vote(ENGINEER))
    story.approve()

    named = {event.actor: event.details["name"] for event in world.journal.audit.log if "name" in event.details}
    assert named == {who: who.lower() for who in (ONCALL, ENGINEER, LEAD_A, LEAD_B)}
