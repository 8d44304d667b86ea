"""The steps of a run. Their titles are the procedure's own words."""

from bot.domain.plans import Plan, PlanKind
from bot.domain.runs import Run, RunState, Step, StepState

NOTIFY = "notify"
RECHECK = "recheck"
BACKUP = "backup"
STOP_TRAFFIC = "stop-traffic"
FENCE = "fence"
EXPORT = "export"
CHAIN = "chain"
FETCH = "fetch"
LOAD = "load"
VERIFY_SIDE = "verify-side"
SWAP = "swap"
VERIFY = "verify"
VERIFY_SWAPPED = "verify-swapped"
RECREATE = "regrow"
VERIFY_RECREATED = "verify-regrown"
REPLACE = "replace"
"""Of a retired kind of run; no checklist has it any more."""
START_APP = "start-app"
SMOKE = "smoke"
RESTORE_TRAFFIC = "restore-traffic"
DOCUMENT = "document"
FOLLOW_UP = "follow-up"

_BEGIN = (
    (NOTIFY, "Notify team of rollback decision"),
    (RECHECK, "Re-check the plan"),
)
_STOP = (STOP_TRAFFIC, "Stop incoming traffic")
_END = (
    (START_APP, "Start the compatible app version, not yet serving"),
    (SMOKE, "Run smoke tests"),
    (RESTORE_TRAFFIC, "Restore traffic"),
    (DOCUMENT, "Document what happened"),
    (FOLLOW_UP, "Plan fix and re-deployment"),
)
_VERIFIED = "Verify database connectivity and schema"
_CHAIN = (
    *_BEGIN,
    (BACKUP, "Create emergency backup"),
    _STOP,
    (FENCE, "Fence the database"),
    (EXPORT, "Export the data that will be dropped"),
    (CHAIN, "Run the rollback chain"),
    (VERIFY, _VERIFIED),
    *_END,
)
_SWAP = (_STOP, (SWAP, "Swap the databases"), (VERIFY_SWAPPED, _VERIFIED), *_END)
_RESTORE = (
    *_BEGIN,
    (FETCH, "Fetch and verify the bundle"),
    (LOAD, "Load it into a side database"),
    (VERIFY_SIDE, "Verify data integrity of the side database"),
    *_SWAP,
)
_RECREATE = (
    *_BEGIN,
    (BACKUP, "Create emergency backup"),
    (FETCH, "Fetch and verify the bundle"),
    _STOP,
    (FENCE, "Fence the database"),
    (RECREATE, "Create and load again what the chain dropped"),
    (VERIFY_RECREATED, _VERIFIED),
    *_END,
)
_STEPS = {
    PlanKind.CHAIN: _CHAIN,
    PlanKind.RESTORE: _RESTORE,
    PlanKind.UNDO: (*_BEGIN, *_SWAP),
    PlanKind.RECREATE: _RECREATE,
}
_NO_RETURN = {PlanKind.CHAIN: CHAIN, PlanKind.RECREATE: RECREATE, PlanKind.RESTORE_IN_PLACE: REPLACE}
_FOR_GOOD = frozenset({PlanKind.RECREATE, PlanKind.RESTORE_IN_PLACE})


def checklist_of(kind: PlanKind) -> tuple[Step, ...]:
    """The checklist of such a plan."""
    return tuple(Step(key, position, title) for position, (key, title) in enumerate(_STEPS[kind]))


def no_return_of(plan: Plan) -> str:
    """The step of a plan that, once it has committed, is not undone by itself."""
    return _NO_RETURN.get(plan.kind, SWAP)


def is_past_return(run: Run) -> bool:
    """Whether that step has committed, as far as the journal knows."""
    key = no_return_of(run.plan)
    return any(step.key == key and step.state is StepState.DONE for step in run.steps)


def may_be_past_return(run: Run) -> bool:
    """Whether that step may have committed without the journal knowing: the run parked before it had found out."""
    key, begun = no_return_of(run.plan), {StepState.RUNNING, StepState.FAILED}
    return run.state is RunState.PARKED and any(step.key == key and step.state in begun for step in run.steps)


def is_undoable(run: Run) -> bool:
    """Whether people are offered `/rollback undo`: it changed a database, is no drill, and its kind can be undone."""
    return is_past_return(run) and not run.drill and run.plan.kind not in _FOR_GOOD
