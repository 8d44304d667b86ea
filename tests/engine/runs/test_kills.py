"""A kill at every port call, before and after it took effect: the world ends the same."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bot.domain.runs import RunState
from bot.errors import PermanentError
from tests.engine.story import Story, faults_in, faults_in_success, faults_in_undoing
from tests.fakes.directory import LEAD_A
from tests.fakes.process import Process
from tests.fakes.world import World

Play = Callable[[Story], None]
Judge = Callable[[World], list[str]]


def nothing(story: Story) -> None:
    del story


def kill_everywhere(scratch: Path, play: Play, judge: Judge, *, after: bool, prelude: Play = nothing) -> list[str]:
    """Play it once for each port call, with a kill there; gives every fault with the call it came from.

    Nobody is killed in the prelude: its kills are another test's.
    """
    faults: list[str] = []
    number = 0
    while True:
        number += 1
        process = Process("first", number, after=after)
        world = World(scratch)
        story = Story(world)
        prelude(story)
        story.process = process
        play(story)
        where = f"killed {'after' if after else 'before'} call {number} ({process.calls[-1]})"
        faults += [f"{where}: {fault}" for fault in judge(world)]
        if story.deaths == 0:
            assert number > 30, "the story must be long enough to be worth it"
            return faults


killed = pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
killed_after = pytest.mark.parametrize("after", [True], ids=["after"])
"""For the longer stories: who dies before a call leaves the same world as who dies after the one before it."""


@killed
def test_a_rollback_ends_the_same_wherever_the_process_dies(tmp_path: Path, *, after: bool) -> None:
    def play(story: Story) -> None:
        story.roll_back()

    assert kill_everywhere(tmp_path, play, faults_in_success, after=after) == []


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
