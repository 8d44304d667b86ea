"""When a restore counts as proven, and what a demand for recent drills makes of it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.backups import Backup, BackupName, StoredObject, Verification
from bot.domain.drills import Drill, DrillKind
from bot.domain.environments import DrillDemand
from bot.domain.planned import Estimate
from bot.domain.plans import RestorePlan, UndoSwapPlan
from bot.domain.runs import Run, RunState, Step, StepState
from bot.errors import PermanentError
from bot.planning.drill_evidence import check_restore_drilled, restore_proof, restore_warnings
from bot.planning.facts import Drilled, Facts
from tests.domain.plans import PLAN
from tests.drills import drill_of, ended, took
from tests.fakes.clock import NOON
from tests.planning.case import DEFAULT, facts_of
from tests.views.runs.html.incidents import CAME
from tests.views.samples import recast

ESTIMATE = Estimate(100.0, 33.5)
NAME = BackupName("prod", "nightly", NOON - timedelta(hours=9))
BUNDLE = Backup(NAME, StoredObject("x", 1))


def facts(passes: Sequence[Drill] = (), *, days: int = 30, blocks: bool = False, runs: Sequence[Run] = ()) -> Facts:
    plain = facts_of(DEFAULT)
    environment = replace(plain.environment, drill_demand=DrillDemand(days * 86_400, blocks))
    restores = tuple(drill for drill in passes if drill.kind is DrillKind.RESTORE)
    drilled = Drilled(NOON, NOON, {}, tuple(passes), restores, tuple(runs))
    return replace(plain, environment=environment, drilled=drilled)


def verified(days: float, level: int = 3, problem: str = "") -> Backup:
    return replace(BUNDLE, verified=Verification(level, NOON - timedelta(days=days), problem))


def test_everything_that_is_known_of_a_restore() -> None:
    passes = [drill_of(3), drill_of(5, DrillKind.BUNDLE, of="prod"), drill_of(1, DrillKind.MIGRATION, of="prod")]
    own = drill_of(8, DrillKind.BUNDLE, of="prod")
    proof = restore_proof(facts(passes), verified(9), own, ESTIMATE)

    assert proof is not None
    assert (proof.bundle and proof.bundle.drill, proof.bundle and proof.bundle.at) == (own.id, ended(own))
    assert proof.backups is not None
    assert (proof.backups.at, proof.backups.place) == (ended(passes[1]), "staging")
    assert proof.practice is not None
    assert proof.practice.drill == passes[0].id
    assert (proof.total and proof.total.samples, proof.total and proof.total.low_s) == (1, None)


def test_the_newer_proof_of_a_bundle_counts() -> None:
    proof = restore_proof(facts(), verified(2), drill_of(8), ESTIMATE)

    assert proof is not None
    assert proof.bundle is not None
    assert (proof.bundle.at, proof.bundle.drill) == (NOON - timedelta(days=2), "")


@pytest.mark.parametrize("backup", [BUNDLE, verified(1, level=2), verified(1, problem="bundle-differs: x")])
def test_less_than_a_passed_level_3_proves_nothing(backup: Backup) -> None:
    proof = restore_proof(facts(), backup, None, ESTIMATE)

    assert proof is not None
    assert proof.bundle is None


def test_nobody_looked() -> None:
    assert restore_proof(replace(facts(), drilled=None), BUNDLE, None, ESTIMATE) is None
    assert restore_warnings(replace(facts(), drilled=None), BUNDLE, None) == ()


@pytest.mark.parametrize(
    ("passes", "backup", "restored"),
    [
        ([], verified(30), None),
        ([], BUNDLE, drill_of(30)),
        ([drill_of(30, DrillKind.BUNDLE, of="prod")], BUNDLE, None),
        ([drill_of(30, of="prod")], BUNDLE, None),
    ],
)
def test_one_recent_proof_is_enough_to_the_second(passes: list[Drill], backup: Backup, restored: Drill | None) -> None:
    given = facts(passes, days=30, blocks=True)
    check_restore_drilled(given, backup, restored)

    assert restore_warnings(given, backup, restored) == ()
    assert given.drilled is not None
    late = replace(given, drilled=replace(given.drilled, judged_at=NOON + timedelta(seconds=1)))
    with pytest.raises(PermanentError, match="drill-too-old"):
        check_restore_drilled(late, backup, restored)


def test_drills_of_other_environments_backups_prove_nothing_of_ours() -> None:
    passes = [drill_of(1), drill_of(1, DrillKind.BUNDLE), drill_of(1, DrillKind.MIGRATION, of="prod")]
    with pytest.raises(PermanentError) as refused:
        check_restore_drilled(facts(passes, blocks=True), verified(45), None)

    assert str(refused.value) == (
        "drill-too-old: Within the last 30 days neither this bundle nor any other backup of prod was proven to "
        f"restore: {NAME} last 45 days ago, others never. /backups prod verify {NAME} 3 proves this one; a drill of "
        "kind bundle proves the newest of prod on schedule. People who maintain the configuration can set "
        'environments.prod.require_drill = "warn".'
    )


def test_a_warning_says_the_same_and_stops_nothing() -> None:
    check_restore_drilled(facts(), BUNDLE, None)
    (warning,) = restore_warnings(facts(), BUNDLE, None)

    assert f"{NAME} never, others never." in warning


def test_a_drills_own_run_is_not_asked_for_drills() -> None:
    given = facts(blocks=True)
    assert given.drilled is not None
    check_restore_drilled(replace(given, drilled=replace(given.drilled, judged_at=None)), BUNDLE, None)


def test_real_restores_count_and_those_of_drills_count_once() -> None:
    plan = recast(PLAN, RestorePlan, environment="prod", restore=CAME)
    run = Run("rabcde", "prod", plan, RunState.SUCCEEDED, "U", "", "C", NOON, NOON, NOON, NOON)
    worked = {"started_at": NOON, "ended_at": NOON + timedelta(seconds=180)}
    step = Step("load", 0, "", StepState.DONE, attempts=1, **worked)  # type: ignore[arg-type] # times
    smooth = replace(run, steps=(step,))
    runs = [
        smooth,
        replace(smooth, drill="dabcde"),
        replace(smooth, state=RunState.FAILED),
        replace(smooth, steps=(replace(step, attempts=2),)),
        replace(smooth, plan=recast(plan, UndoSwapPlan)),
    ]
    given = facts([drill_of(3, measured=took(80.0)), drill_of(4, measured=took(60.0, None))], runs=runs)
    proof = restore_proof(given, BUNDLE, None, ESTIMATE)

    assert proof is not None
    assert proof.total is not None
    assert (proof.total.samples, proof.total.expected_s) == (2, 200.0)  # 80 of 40 s, and 180 of 90 s
