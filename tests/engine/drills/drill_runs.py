"""Runs of a drill, and faults of drills that pass."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bot.domain.drills import Drill, DrillKind, DrillState
from bot.domain.plans import PlanKind
from bot.domain.runs import Run, RunState
from bot.planning import checklist
from tests.engine import kills
from tests.engine.drills.drill_world import AGE_S, DRILL_ID, PROD_TABLES, Drilling, faults_in_any, states
from tests.engine.runs.restoring import faults_of
from tests.engine.story import steps, traffic_faults
from tests.fakes.clock import NOON
from tests.fakes.sides import COUNTING_S

LOADED = ["choose", "control", "fetch", "load", "compare"]
ALL = {
    DrillKind.RESTORE: ["backup", "control", "restore", "prove", "undo", "prove-undo", "cleanup"],
    DrillKind.MIGRATION: [*LOADED, "alone", "chain", "cleanup"],
    DrillKind.BUNDLE: [*LOADED, "cleanup"],
}


every_kind = pytest.mark.parametrize("kind", DrillKind)


def runs(story: Drilling) -> list[Run]:
    return list(story.world.journal.runs.table.values())


def faults_in_passed(story: Drilling, kind: DrillKind) -> list[str]:
    drill = story.drill()
    found = faults_in_any(story, DrillState.PASSED)
    found += faults_of({f"steps {states(drill)}": states(drill) == dict.fromkeys(ALL[kind], "done")})
    judge = {DrillKind.RESTORE: _faults_in_restore, DrillKind.MIGRATION: _faults_in_migration}
    return found + judge.get(kind, _faults_in_loaded)(story, drill)


def _faults_in_restore(story: Drilling, drill: Drill) -> list[str]:
    world, measured = story.world, drill.measured
    assert measured is not None
    restored, undone = runs(story)
    again = [n for n, run in world.announcer.notes.items() if n[1] == "started"]
    return faults_of(
        {
            "kinds": (restored.plan.kind, undone.plan.kind) == (PlanKind.RESTORE, PlanKind.UNDO_SWAP),
            f"states {restored.state}, {undone.state}": {restored.state, undone.state} == {RunState.SUCCEEDED},
            "drill's": {restored.drill, undone.drill} == {DRILL_ID},
            f"exchanges {len(story.sides.exchanges)}": len(story.sides.exchanges) == 2,
            "a follow-up": steps(restored)[checklist.FOLLOW_UP] == steps(undone)[checklist.FOLLOW_UP] == "skipped",
            f"starts {again}": len(again) == 2,
            "nobody booked": story.booked > 0,
            f"phases {measured.phases}": [p for p, _ in measured.phases][-6:]
            == ["fetch", "load", "verify", "swap", "app", "undo"],
            f"data loss {measured.data_loss_s}": measured.data_loss_s == _age_s(drill),
            f"{measured}": measured.rows > 0 and measured.database_bytes > 0 and DRILL_ID in measured.bundle,
            f"downtime {measured.downtime_s}": _is_plausible(measured.downtime_s, restored),
            "counting is no part of it": all(dict(measured.phases)[phase] < COUNTING_S for phase in ("swap", "undo")),
            "the app's time is its stopping, too": dict(measured.phases)["app"] == round(_app_s(restored), 3),
            "no estimate": measured.estimated_s == restored.plan.estimate.total_s,
            "bundle not noted": next(b for b in world.store.backups if str(b.name) == measured.bundle).verified
            is not None,
        }
    ) + traffic_faults(world, "v1.3.0")


def _app_s(run: Run) -> float:
    stopping = run.step(checklist.STOP_TRAFFIC).elapsed_s or 0.0
    assert stopping > 0 or run.step(checklist.STOP_TRAFFIC).attempts > 1
    keys = (checklist.START_APP, checklist.SMOKE, checklist.RESTORE_TRAFFIC)
    return stopping + sum(run.step(key).elapsed_s or 0.0 for key in keys)


def _is_plausible(downtime_s: float | None, run: Run) -> bool:
    interrupted = any(step.attempts > 1 for step in run.steps)
    return interrupted if downtime_s is None else 5.0 <= downtime_s < COUNTING_S


def _age_s(drill: Drill) -> float:
    assert drill.started_at is not None
    return AGE_S + (drill.started_at - NOON).total_seconds()


def _faults_in_loaded(story: Drilling, drill: Drill) -> list[str]:
    measured, verified = drill.measured, story.prod.backups[0].verified
    assert measured is not None
    rows = sum(table.rows for table in PROD_TABLES)
    return faults_of(
        {
            "runs": runs(story) == [],
            "exchanges": story.sides.exchanges == [],
            f"phases {measured.phases}": [phase for phase, _ in measured.phases] == ["fetch", "load", "verify"],
            f"{measured}": (measured.rows, measured.data_loss_s, measured.bundle_bytes) == (rows, _age_s(drill), 1000),
            "not noted": verified is not None and (verified.level, verified.problem) == (3, ""),
        }
    )


def _faults_in_migration(story: Drilling, drill: Drill) -> list[str]:
    proofs = {proof.sha256: proof for proof in story.world.drills.proofs}
    scripts = story.world.scripts.scripts
    return _faults_in_loaded(story, drill) + faults_of(
        {
            f"chains {story.script_tests.chains}": set(story.script_tests.chains) == {(27, 26, 25)},
            f"proofs {proofs}": proofs.keys() == {script.sha256 for script in scripts.values()},
            "reversible": [p.reversible for p in sorted(proofs.values(), key=lambda p: -p.version)]
            == [True, None, None],
            "proofs doubled": len(proofs) == len(story.world.drills.proofs),
        }
    )


def kill_everywhere(
    scratch: Path,
    kind: DrillKind,
    play: Callable[[Drilling], None],
    judge: Callable[[Drilling], list[str]],
    *,
    after: bool,
) -> list[str]:
    def perform(story: Drilling) -> None:
        play(story)
        story.perform()

    return kills.kill_everywhere(lambda: Drilling(scratch, kind=kind), perform, judge, after=after)
