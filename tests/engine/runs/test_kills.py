"""Runs that fail, park, are rejected or expire end the same wherever their process dies."""

from collections.abc import Callable
from pathlib import Path

from bot.domain.runs import RunState
from bot.errors import PermanentError
from tests.engine import kills
from tests.engine.kills import killed, killed_after
from tests.engine.story import Story, faults_in, faults_in_success, faults_in_undoing
from tests.fakes.directory import LEAD_A
from tests.fakes.world import World

__all__ = ["kill_everywhere", "killed_after"]

Play = Callable[[Story], None]
Judge = Callable[[World], list[str]]


def nothing(story: Story) -> None:
    del story


def kill_everywhere(scratch: Path, play: Play, judge: Judge, *, after: bool, prelude: Play = nothing) -> list[str]:
    """See `kills.kill_everywhere`. Nobody is killed in the prelude: its kills are another test's."""

    def begin() -> Story:
        story = Story(World(scratch))
        prelude(story)
        return story

    return kills.kill_everywhere(begin, play, lambda story: judge(story.world), after=after)


@killed
def test_a_failing_chain_is_undone_wherever_the_process_dies(tmp_path: Path, *, after: bool) -> None:
    def play(story: Story) -> None:
        story.world.database.chain_error = PermanentError("chain-failed", "027, line 8: no such table.", "Look.")
        story.roll_back()

    def judge(world: World) -> list[str]:
        return faults_in_undoing(world, RunState.FAILED, "chain-failed: 027, line 8: no such table. Look.")

    assert kill_everywhere(tmp_path, play, judge, after=after) == []


@killed
def test_stuck_pods_are_undone_wherever_the_process_dies(tmp_path: Path, *, after: bool) -> None:
    def play(story: Story) -> None:
        story.world.cluster.deployments["web"].stuck = True
        story.roll_back()

    def judge(world: World) -> list[str]:
        return faults_in_undoing(world, RunState.FAILED, "pods-stuck: 2 pods do not stop: web-4 and web-5.")

    assert kill_everywhere(tmp_path, play, judge, after=after) == []


@killed
def test_a_failing_smoke_test_parks_and_a_resume_finishes_wherever_the_process_dies(
    tmp_path: Path, *, after: bool
) -> None:
    parked: list[str] = []

    def play(story: Story) -> None:
        story.world.cluster.unhealthy.add("api")
        run = story.roll_back()
        parked.extend(faults_in(story.world) + ([] if run.state is RunState.PARKED else [f"not parked: {run.state}"]))
        story.world.cluster.unhealthy.clear()
        story.do(story.world.request("resume", run_id=run.id))

    assert kill_everywhere(tmp_path, play, faults_in_success, after=after) == []
    assert parked == []


@killed
def test_a_rejection_survives(tmp_path: Path, *, after: bool) -> None:
    def play(story: Story) -> None:
        story.ask()
        story.do(story.world.vote(LEAD_A, "reject"))

    def judge(world: World) -> list[str]:
        return faults_in_undoing(world, RunState.REJECTED, f"rejected by <@{LEAD_A}>")

    assert kill_everywhere(tmp_path, play, judge, after=after) == []


@killed
def test_an_expiry_survives(tmp_path: Path, *, after: bool) -> None:
    def play(story: Story) -> None:
        story.ask()
        story.world.clock.sleep(1800)
        story.sweep()

    def judge(world: World) -> list[str]:
        return faults_in_undoing(world, RunState.EXPIRED, "nobody decided in time")

    assert kill_everywhere(tmp_path, play, judge, after=after) == []
