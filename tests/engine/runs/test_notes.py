"""People write about a run that has begun; it becomes part of the report."""

from dataclasses import replace

import pytest

from bot.domain.runs import RunState
from tests.engine.runs.reports import reported
from tests.engine.story import Story
from tests.fakes.directory import ENGINEER, LEAD_A, ONCALL
from tests.fakes.process import Process
from tests.fakes.world import World


def refused(world: World) -> list[str]:
    return [error.reference for _, error in world.announcer.refusals.values()]


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
