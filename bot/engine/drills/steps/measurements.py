"""Measures a drill: times by phase, sizes, and which scripts are proven."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from bot.domain.drills import DrillKind, Measurement, ScriptProof
from bot.domain.runs import Run, StepState
from bot.engine.drills.execution import BACKUP, DrillExecution
from bot.engine.drills.steps import keys
from bot.engine.drills.steps.restore import run_done
from bot.engine.runs.steps import swap
from bot.planning import checklist

_SWAPPED = (checklist.SWAP, checklist.VERIFY_SWAPPED)
_SERVING = (checklist.STOP_TRAFFIC, checklist.START_APP, checklist.SMOKE, checklist.RESTORE_TRAFFIC)
_FROM_RUN = {
    "fetch": (checklist.FETCH,),
    "load": (checklist.LOAD,),
    "verify": (checklist.VERIFY_SIDE,),
    "swap": _SWAPPED,
    "app": _SERVING,
}
_OWN = {"fetch": keys.FETCH, "load": keys.LOAD, "verify": keys.COMPARE}


def measure(execution: DrillExecution) -> Measurement:
    """Add up what a drill that passed has shown.

    Raises:
        OwnershipLostError: the journal stays away.
    """
    if execution.drill.kind is not DrillKind.RESTORE:
        steps = {phase: execution.drill.step(key).elapsed_s for phase, key in _OWN.items()}
        return _measured(execution, keys.CHOOSE, steps)
    restored, undone = run_done(execution, keys.RESTORE), run_done(execution, keys.UNDO)
    phases = {
        "backup": execution.data(keys.TAKE).get(keys.TOOK_S),
        **{phase: _seconds(restored, steps) for phase, steps in _FROM_RUN.items()},
        "undo": _seconds(undone, (*_SWAPPED, *_SERVING)),
    }
    found = _measured(execution, keys.TAKE, phases)
    return replace(found, downtime_s=_downtime_s(restored), estimated_s=restored.plan.estimate.total_s)


def _measured(execution: DrillExecution, chosen_by: str, phases: Mapping[str, float | None]) -> Measurement:
    learnt: dict[str, Any] = {key: value for step in execution.drill.steps for key, value in step.data.items()}
    chosen = execution.data(chosen_by)
    return Measurement(
        bundle=str(chosen[BACKUP]),
        bundle_bytes=int(chosen[keys.BUNDLE_BYTES]),
        database_bytes=int(learnt[keys.DATABASE_BYTES]),
        rows=int(learnt[keys.ROWS]),
        phases=tuple((phase, round(seconds, 3)) for phase, seconds in phases.items() if seconds is not None),
        data_loss_s=chosen[keys.DATA_LOSS_S],
    )


def _seconds(run: Run, steps: Collection[str]) -> float:
    """Add up the seconds of some steps of a run, without the time in which the drill itself counted rows."""
    return sum(run.step(key).elapsed_s or 0.0 for key in steps) - (_counted_s(run) if _SWAPPED[-1] in steps else 0.0)


def _counted_s(run: Run) -> float:
    return float(run.step(checklist.VERIFY_SWAPPED).data[swap.COUNTED_S])


def _downtime_s(run: Run) -> float | None:
    """From traffic stopped to traffic back; None where a step was begun twice and has forgotten the first time."""
    if any(run.step(key).attempts > 1 for key in (*_SWAPPED, *_SERVING)):
        return None
    begun, ended = run.step(checklist.STOP_TRAFFIC).started_at, run.step(checklist.RESTORE_TRAFFIC).ended_at
    if begun is None or ended is None:  # pragma: no cover -- they are done in a run that succeeded
        return None
    return round((ended - begun).total_seconds() - _counted_s(run), 3)


def list_proofs(execution: DrillExecution) -> list[ScriptProof]:
    """The scripts that passed alone and in the chain, by the text they had both times."""
    steps = {step.key: step for step in execution.drill.steps}
    chain = steps.get(keys.CHAIN)
    if chain is None or chain.state is not StepState.DONE:
        return []
    chained = {script["sha256"] for script in chain.data[keys.SCRIPTS]}
    at = chain.ended_at or execution.services.clock.now()
    return [
        ScriptProof(script["version"], script["sha256"], at, execution.drill.id, script["reversible"])
        for script in steps[keys.ALONE].data[keys.SCRIPTS]
        if script["passed"] and script["sha256"] in chained
    ]
