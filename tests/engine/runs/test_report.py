"""The report: at the end of every run that had begun, whatever became of it, and whenever people add to it."""

from dataclasses import replace

import pytest

from bot.domain.runs import Run, RunState, StepState
from bot.errors import PermanentError, TemporaryError
from bot.planning import checklist
from tests.engine.runs.test_control import cancel_from_elsewhere
from tests.engine.story import Story, faults_in_success
from tests.fakes.directory import ENGINEER, LEAD_A, LEAD_B, LEAD_C, ONCALL
from tests.fakes.process import Process
from tests.fakes.world import World


def refused(world: World) -> list[str]:
    return [error.reference for _, error in world.announcer.refusals.values()]


def reported(world: World) -> tuple[Run, list[str]]:
    """The run and the events' names as the report in the thread and the last file both have them."""
    run, events, export = world.announcer.reports[world.run().id]
    assert world.announcer.files[run.id][-1] == (run, events, export)
    return run, [event.event for event in events]


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
    assert posted.details["logs"] == {"postgres-0": "LOG:  last 20 lines\n(1 line left out)"}
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


class TestDocumenting:
    def test_what_people_write_is_kept_and_reported(self, story: Story, world: World) -> None:
        run = story.roll_back()
        first = world.request("document", ONCALL, run_id=run.id, wrong="flags", change="")
        story.do(first)
        story.do(world.request("document", LEAD_A, run_id=run.id, wrong="no load test", change="test"))
        story.do(world.request("document", ONCALL, run_id=run.id, wrong="flags, on every request", change=""))

        _, events, _ = world.announcer.reports[run.id]
        wrote = [(event.actor, event.details["wrong"]) for event in events if event.event == "documented"]
        assert wrote == [(ONCALL, "flags"), (LEAD_A, "no load test"), (ONCALL, "flags, on every request")]
        assert events[-1].details["name"] == ONCALL.lower()
        assert len(world.announcer.files[run.id]) == 4
        assert world.announcer.answered[first.id] == (
            ONCALL,
            f"What you wrote about run {run.id} is in its report, in its thread.",
        )

    def test_only_stewards_write_and_only_about_what_is_over(self, story: Story, world: World) -> None:
        story.ask()
        run = world.run()
        story.do(world.request("document", ONCALL, run_id=run.id, wrong="x", change=""))
        story.approve()
        story.do(world.request("document", ENGINEER, run_id=run.id, wrong="x", change=""))
        world.journal.runs.table[run.id] = replace(world.run(), state=RunState.RUNNING)
        story.do(world.request("document", LEAD_A, run_id=run.id, wrong="x", change=""))
        story.do(world.request("document", LEAD_A, run_id="rnone0", wrong="x", change=""))

        assert refused(world) == ["never-started", "not-yours", "still-running", "unknown-run"]
        assert "documented" not in [event.event for event in world.journal.audit.log]

    @pytest.mark.parametrize("kind", ["document", "close"])
    @pytest.mark.parametrize("after", [False, True])
    def test_what_is_added_is_added_once_and_reported_wherever_the_process_dies(
        self, world: World, kind: str, *, after: bool
    ) -> None:
        event = {"document": "documented", "close": "follow-up-closed"}[kind]
        for number in range(1, 100):
            copy = World(world.scratch)
            Story(copy).roll_back()
            late = Story(copy, Process("late", number, after=after))
            words = {"wrong": "flags", "change": ""} if kind == "document" else {"link": "https://fix.example/1"}
            late.do(copy.request(kind, LEAD_A, run_id=copy.run().id, **words))
            if late.deaths == 0:
                assert number > 8
                return
            where = f"killed at call {number}, {late.process.calls}"
            assert [kept.event for kept in copy.journal.audit.log].count(event) == 1, where
            assert reported(copy)[1].count(event) == 1, where
            assert reported(copy)[0] == copy.run(), where


class TestFollowUps:
    def test_status_lists_what_nobody_closed_however_old(self, story: Story, world: World) -> None:
        run = story.roll_back()
        story.do(world.request("status", environment=""))
        story.do(world.request("close", LEAD_A, run_id=run.id, link="https://fix.example/1"))
        story.do(world.request("status", environment="prod"))

        assert [[run.id for run in told] for told in world.announcer.follow_ups] == [[run.id], []]
        assert reported(world)[0].step(checklist.FOLLOW_UP).state is StepState.DONE
        assert reported(world)[1][-1] == "follow-up-closed"
