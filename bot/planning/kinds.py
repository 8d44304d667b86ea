"""Holds one row per kind of plan: its steps, its point of no return, its needs, and how it is planned again."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic

from bot.domain.kinds import rows_of_every_kind
from bot.domain.plans import ChainPlan, P, Plan, PlanKind, RestorePlan, RetiredPlan, SwapPlan
from bot.domain.runs import Run, RunState, Step, StepState
from bot.domain.versions import AppVersion
from bot.planning import checklist
from bot.planning.facts import PlanRequest, RestoreRequest, RollbackRequest, UndoRequest


@dataclass(frozen=True)
class PlanningRow(Generic[P]):
    """The execution of plans of one kind.

    Attributes:
        steps: their keys, in order.
        point_of_no_return: the step whose commit nothing undoes by itself.
        committed: a clause that says so.
        read_request: reads the request back, to plan it again.
        undoable: people are offered ``/rollback undo`` of such a run.
        swaps: a second database replaces the live one. Sessions that Backstop's role cannot end, and prepared
            transactions, then block it: PostgreSQL renames no database that is in use.
        backup_before: the word for the run in the label of its emergency backup; "" where it takes none.
    """

    steps: tuple[str, ...]
    point_of_no_return: str
    committed: str
    read_request: Callable[[P], PlanRequest]
    undoable: bool = True
    swaps: bool = False
    backup_before: str = ""


def _read_rollback(plan: ChainPlan) -> PlanRequest:
    app = AppVersion.parse(plan.requested_app)
    return RollbackRequest(plan.environment, min(plan.versions), app, plan.asked_for)


def _read_restore(plan: RestorePlan) -> PlanRequest:
    """Read the request for the very bundle that was planned: ``latest`` may be another by now."""
    app = AppVersion.parse(plan.requested_app)
    # decision 26: votes are for one bundle, so it is planned again by its name.
    return RestoreRequest(plan.environment, plan.restore.backup, app, plan.asked_for)


def _read_undo(plan: Plan) -> PlanRequest:
    return UndoRequest(plan.environment, plan.undoes, plan.asked_for)


# decision 26: the start is announced after the plan and the votes have been checked again
_BEGIN = (checklist.RECHECK, checklist.NOTIFY)
_END = (
    checklist.START_APP,
    checklist.SMOKE,
    checklist.RESTORE_TRAFFIC,
    checklist.DOCUMENT,
    checklist.FOLLOW_UP,
)
_SWAP = (checklist.STOP_TRAFFIC, checklist.SWAP, checklist.VERIFY_SWAPPED, *_END)

KINDS: Mapping[PlanKind, PlanningRow[Any]] = rows_of_every_kind(
    PlanKind,
    {
        PlanKind.CHAIN: PlanningRow(
            steps=(
                *_BEGIN,
                checklist.BACKUP,
                checklist.STOP_TRAFFIC,
                checklist.EXCLUSIVE_ACCESS,
                checklist.EXPORT,
                checklist.CHAIN,
                checklist.VERIFY,
                *_END,
            ),
            point_of_no_return=checklist.CHAIN,
            committed="the chain has run",
            read_request=_read_rollback,
            backup_before="rollback",
        ),
        PlanKind.RESTORE: PlanningRow(
            steps=(*_BEGIN, checklist.FETCH, checklist.LOAD, checklist.VERIFY_SIDE, *_SWAP),
            point_of_no_return=checklist.SWAP,
            committed="the databases are swapped",
            read_request=_read_restore,
            swaps=True,
        ),
        PlanKind.UNDO_SWAP: PlanningRow(
            steps=(*_BEGIN, *_SWAP),
            point_of_no_return=checklist.SWAP,
            committed="the databases are swapped",
            read_request=_read_undo,
            swaps=True,
        ),
        PlanKind.UNDO_ROLLBACK: PlanningRow(
            steps=(
                *_BEGIN,
                checklist.BACKUP,
                checklist.FETCH,
                checklist.STOP_TRAFFIC,
                checklist.EXCLUSIVE_ACCESS,
                checklist.RECREATE,
                checklist.VERIFY_RECREATED,
                *_END,
            ),
            point_of_no_return=checklist.RECREATE,
            committed="what was dropped is back",
            read_request=_read_undo,
            undoable=False,
            backup_before="undo",
        ),
        # Never planned, approved or started again: see `retired`.
        PlanKind.RESTORE_IN_PLACE: PlanningRow(
            steps=(),
            point_of_no_return=checklist.REPLACE,
            committed="the content is replaced",
            read_request=_read_undo,
            undoable=False,
            backup_before="restore",
        ),
    },
)


def build_checklist(kind: PlanKind) -> tuple[Step, ...]:
    """Build the checklist of such a plan."""
    return tuple(Step(key, position, checklist.TITLES[key]) for position, key in enumerate(KINDS[kind].steps))


def read_request(plan: Plan) -> PlanRequest:
    """Read the request back from a plan, to plan it again."""
    return KINDS[plan.kind].read_request(plan)


def point_of_no_return(plan: Plan) -> str:
    """Return the key of the step that, once it has committed, nothing undoes by itself."""
    return KINDS[plan.kind].point_of_no_return


def is_recheck_ahead(run: Run) -> bool:
    """Tell if the plan is still to be re-checked before anything starts: until then one rejection stops the run."""
    ahead = {StepState.WAITING, StepState.RUNNING}
    is_open = run.state in {RunState.APPROVED, RunState.RUNNING}
    return is_open and any(step.key == checklist.RECHECK and step.state in ahead for step in run.steps)


def is_past_return(run: Run) -> bool:
    """Tell if that step has committed, as far as the journal knows."""
    key = point_of_no_return(run.plan)
    return any(step.key == key and step.state is StepState.DONE for step in run.steps)


def may_be_past_return(run: Run) -> bool:
    """Tell if that step may have committed without the journal knowing: the run parked before it had found out."""
    key, begun = point_of_no_return(run.plan), {StepState.RUNNING, StepState.FAILED}
    return run.state is RunState.PARKED and any(step.key == key and step.state in begun for step in run.steps)


def is_undoable(run: Run) -> bool:
    """Tell if people are offered ``/rollback undo``: it changed a database, is no drill, and its kind can be undone."""
    keeps = not isinstance(run.plan, SwapPlan) or run.plan.restore.outgoing != ""
    return is_past_return(run) and not run.drill and keeps and KINDS[run.plan.kind].undoable


def is_retired(run: Run) -> bool:
    """Tell if it is a restore in place."""
    return isinstance(run.plan, RetiredPlan)


def saved_backup(run: Run) -> str:
    """Return the name of the emergency backup that a run has taken; "" where it has none."""
    done = [step.data for step in run.steps if step.key == checklist.BACKUP and step.state is StepState.DONE]
    return str(done[0].get("backup", "")) if done else ""
