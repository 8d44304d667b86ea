"""A drill's run is approved by the drill, can be stopped, and never reaches production."""

from dataclasses import replace
from pathlib import Path

from bot.domain.drills import DrillState
from bot.domain.runs import Run, RunState
from bot.engine.approvals.signatures import sign_request
from bot.engine.operations import Operations
from tests.engine.drills.drill_runs import runs
from tests.engine.drills.drill_world import STAGING, Drilling, faults_in_any, states
from tests.fakes.directory import LEAD_A
from tests.fakes.keyring import KEYRING
from tests.fakes.process import Process


def test_a_run_that_parks_is_left_to_people(tmp_path: Path) -> None:
    story = Drilling(tmp_path)
    story.world.cluster.unhealthy.add("api")
    drill = story.perform()
    (run,) = runs(story)
    assert run.state is RunState.PARKED
    assert drill.state is DrillState.FAILED
    assert drill.problem.startswith(f"drill-run-stopped: Run {run.id} of the drill is parked: ")
    assert states(drill) | {"undo": "skipped", "prove-undo": "skipped", "cleanup": "done"} == states(drill)
    assert [name for name in story.sides.databases if "_kept_" in name] == [story.sides.name("kept", run.id)]


def test_people_can_stop_a_drills_run(tmp_path: Path) -> None:
    story = Drilling(tmp_path)
    world, seen = story.world, len(runs(story))
    assert seen == 0
    meanwhile = world.clock.on_sleep

    def cancel_first() -> None:
        for run in runs(story):
            if run.state is RunState.APPROVED and not run.steps[0].attempts:
                Operations(world.services(Process("another"))).handle(_accepted(story, run))
        meanwhile()

    world.clock.on_sleep = cancel_first
    drill = story.perform()
    (run,) = runs(story)
    assert run.state is RunState.CANCELLED
    assert drill.problem.startswith("drill-run-stopped: ")
    assert faults_in_any(story, DrillState.FAILED, "drill-run-stopped") == []


def _accepted(story: Drilling, run: Run) -> str:
    request = story.world.request("cancel", LEAD_A, run_id=run.id)
    story.world.journal.requests.accept(sign_request(KEYRING, request, story.world.clock.now()))
    return request.id


def moving(story: Drilling, times: int) -> list[str]:
    """Have the world move under each plan, right before it is looked at again."""
    seen: list[str] = []
    world, meanwhile = story.world, story.world.clock.on_sleep

    def move() -> None:
        for run in runs(story):
            if run.state is RunState.APPROVED and run.plan.digest not in seen and len(seen) < times:
                seen.append(run.plan.digest)
                world.database.drift = f"public.drift_{len(seen)}"
        meanwhile()

    world.clock.on_sleep = move
    return seen


def test_a_plan_that_moves_is_approved_again_and_not_for_ever(tmp_path: Path) -> None:
    story = Drilling(tmp_path / "some")
    seen = moving(story, 2)
    drill = story.perform()
    assert len(seen) == 2
    assert next(run.state for run in runs(story)) is RunState.SUCCEEDED
    assert drill.problem.startswith(
        "drill-not-equal: "
    )  # somebody has migrated meanwhile, and the backup is from before
    story = Drilling(tmp_path / "ever")
    moving(story, 99)
    drill = story.perform()
    assert drill.problem.startswith("drill-plan-moves: ")
    assert [run.state for run in runs(story)] == [RunState.CANCELLED]


def test_a_run_nobody_takes_is_not_waited_for_without_end(tmp_path: Path) -> None:
    story = Drilling(tmp_path)
    story.world.clock.on_sleep = lambda: None
    assert story.perform().problem.startswith("drill-run-stalls: ")
    (run,) = runs(story)
    assert run.state is RunState.CANCELLED  # the process that took it after all stopped before anything was touched
    assert story.sides.exchanges == []


def test_a_drills_run_is_refused_in_production_even_if_a_person_asked(tmp_path: Path) -> None:
    story = Drilling(tmp_path)
    meanwhile = story.world.clock.on_sleep

    def become_production() -> None:
        story.world.environment = replace(STAGING, production=bool(runs(story)))
        meanwhile()

    story.world.clock.on_sleep = become_production
    drill = story.perform()
    assert drill.problem.startswith("drill-run-stopped: ")
    (run,) = runs(story)
    assert run.state is RunState.VOID
    assert run.problem.startswith("drill-in-production: ")
    assert story.sides.exchanges == []
