"""One kill suite for everything the step machine carries: a kill at every port call, and the world ends the same."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.domain.drills import DrillKind
from bot.domain.jobs import JobState
from bot.domain.runs import StepState, WorkKind
from bot.ports import Request
from tests.engine.backups.requests import made, take, verify
from tests.engine.backups.test_row_recovery import put_aside
from tests.engine.drills.drill_runs import faults_in_passed
from tests.engine.drills.drill_world import Drilling
from tests.engine.kills import kill_everywhere, killed
from tests.engine.story import Story, faults_in_success
from tests.fakes.sides import FakeSides
from tests.fakes.world import World


@dataclass(frozen=True)
class Case:
    """A story whose process dies at every call, one after the other.

    Attributes:
        begin: makes its world, in which nobody dies yet.
        play: what people do.
        faults: what is wrong in the end.
        calls: how many calls it makes at least.
    """

    begin: Callable[[Path], Story]
    play: Callable[[Story], object]
    faults: Callable[[Story], list[str]]
    calls: int = 30


def a_drill(kind: DrillKind) -> Case:
    def play(story: Story) -> None:
        assert isinstance(story, Drilling)
        story.perform()

    def faults(story: Story) -> list[str]:
        assert isinstance(story, Drilling)
        return faults_in_passed(story, kind)

    return Case(lambda scratch: Drilling(scratch, kind=kind), play, faults)


def a_job(prepare: Callable[[World], None], ask: Callable[[World], Request], results: Callable[[World], int]) -> Case:
    def begin(scratch: Path) -> Story:
        story = Story(World(scratch))
        prepare(story.world)
        return story

    def faults(story: Story) -> list[str]:
        world, (shown,) = story.world, story.world.announcer.jobs.values()
        (owned,) = world.journal.jobs.table.values()
        (key,) = world.journal.requests.kept
        checks = {
            f"shown as {shown[-1].state} {shown[-1].problem}": shown[-1].state is JobState.DONE,
            "the request is left": all(kept.finished for kept in world.journal.requests.kept.values()),
            f"steps {owned.steps}": [step.state for step in owned.steps] == [StepState.DONE],
            f"results {results(world)}": 1 <= results(world) <= 2,  # a second one where the first was not recorded
            f"left {world.sides.databases}": not any("_side_" in name for name in world.sides.databases),
            # Beside the answer, people may hear once that it was interrupted.
            f"answered {[*world.announcer.answered]}": {key}
            <= set(world.announcer.answered)
            <= {key, f"{key}:again:1"},
        }
        return [fault for fault, good in checks.items() if not good]

    return Case(begin, lambda story: story.do(ask(story.world)), faults, calls=15)


def with_a_backup(world: World) -> None:
    world.store.backups = [made(1)]
    world.sides = FakeSides(world.database)


def nothing(world: World) -> None:
    del world


def a_run(story: Story) -> None:
    story.roll_back()


CASES = {
    "run": Case(lambda scratch: Story(World(scratch)), a_run, lambda story: faults_in_success(story.world)),
    **{f"drill {kind}": a_drill(kind) for kind in DrillKind},
    "take": a_job(nothing, take, lambda world: len(world.store.backups)),
    "verify": a_job(
        with_a_backup,
        lambda world: verify(world, level=3),
        lambda world: int(world.store.backups[0].verified is not None),
    ),
    "salvage": a_job(
        put_aside, lambda world: world.request("salvage", run_id="r2abcd"), lambda world: len(world.store.texts)
    ),
}


def test_every_kind_of_work_has_its_case() -> None:
    drills = {f"drill {kind}" for kind in DrillKind}
    assert set(CASES) == {"run", "take", "verify", "salvage"} | drills
    assert {WorkKind.RUN, WorkKind.DRILL, WorkKind.JOB} == set(WorkKind)


@killed
@pytest.mark.parametrize("name", CASES)
def test_it_ends_the_same_wherever_its_process_dies(tmp_path: Path, name: str, *, after: bool) -> None:
    case = CASES[name]
    found = kill_everywhere(lambda: case.begin(tmp_path), case.play, case.faults, after=after, calls=case.calls)
    assert found == []
