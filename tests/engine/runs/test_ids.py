"""Ids are short enough to be typed, so two may meet: nobody takes another's run or drill for their own."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from bot.domain.drills import Drill, DrillKind, DrillState, drill_id_of
from bot.domain.runs import Run, RunState, run_id_of
from tests.adapters.samples import make_run
from tests.engine.drills.drill_office import DAILY, DAY, FIRST_DUE, HOUR, Office
from tests.engine.drills.drill_world import DRILL_ID, Drilling
from tests.engine.story import Story
from tests.fakes.clock import NOON
from tests.fakes.directory import LEAD_A, ONCALL
from tests.fakes.world import World


def old_run(world: World, wanted: str, environment: str = "prod", drill: str = "") -> Run:
    """A run of long ago, whose id happens to be the one that this would get."""
    run = replace(make_run(run_id_of(wanted), environment, NOON - timedelta(days=300)), drill=drill)
    world.journal.runs.open(run)
    world.journal.runs.end(run.id, RunState.REJECTED, "long ago", expect=frozenset({RunState.PENDING}))
    return run


def test_a_request_whose_id_another_run_has_gets_a_run_of_its_own(story: Story, world: World) -> None:
    request = world.rollback()
    old = old_run(world, request.id)
    story.do(request)
    story.do(request)
    (run,) = (run for run in world.journal.runs.table.values() if run.id != old.id)
    assert (run.state, run.requester) == (RunState.PENDING, ONCALL)
    assert f"run {run.id}" in world.announcer.answered[request.id][1]


def test_a_request_finds_its_own_run_under_the_next_id_when_its_handler_died(story: Story, world: World) -> None:
    request = world.rollback()
    old_run(world, request.id)
    story.do(request)
    kept = world.journal.requests.kept[request.id]
    kept.finished = kept.handled = False
    world.queue.defer_request(request.id)
    world.work(story.process)
    assert len(world.journal.runs.table) == 2
    assert world.announcer.refusals == {}


def test_a_drill_does_not_take_an_old_runs_success_for_its_own(tmp_path: Path) -> None:
    story = Drilling(tmp_path)
    old = old_run(story.world, f"{DRILL_ID}:restore", environment="staging", drill="dother")
    drill = story.perform()
    assert drill.state is DrillState.PASSED
    assert old.id not in {run.id for run in story.world.journal.runs.table.values() if run.drill == DRILL_ID}
    assert sum(run.drill == DRILL_ID for run in story.world.journal.runs.table.values()) == 2


def test_a_due_drill_whose_id_another_has_is_planned_all_the_same(world: World) -> None:
    taken = drill_id_of(DAILY.name, FIRST_DUE.isoformat())
    long_ago = NOON - 300 * DAY
    assert world.drills.plan(Drill(taken, "other", "dev", DrillKind.BUNDLE, "prod", long_ago, long_ago))
    world.drills.close(taken, DrillState.SKIPPED, "long ago")
    office = Office(world, DAILY)
    office.until(timedelta())
    office.until(2.5 * HOUR)
    office.until(3 * HOUR)
    (drill,) = (drill for drill in world.drills.table.values() if drill.schedule == DAILY.name)
    assert (drill.due_at, drill.state) == (FIRST_DUE, DrillState.PASSED)
    assert drill.id == drill_id_of(DAILY.name, FIRST_DUE.isoformat(), 1)


def test_a_drill_somebody_asks_for_is_not_another_with_the_same_id(world: World) -> None:
    office = Office(world)
    request = world.request("drill-now", LEAD_A, environment="staging", drill="restore")
    taken = drill_id_of("", request.id)
    assert world.drills.plan(Drill(taken, "other", "dev", DrillKind.BUNDLE, "prod", NOON - DAY, NOON - DAY))
    world.drills.close(taken, DrillState.SKIPPED, "long ago")
    office.do(request)
    office.do(request)
    assert office.performed == [drill_id_of("", request.id, 1)]
    assert len(world.drills.table) == 2
