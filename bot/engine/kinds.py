"""Holds one row per kind of plan: the preview of its undo, and the check if a run of it has committed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import assert_never

from bot.domain.kinds import rows_of_every_kind
from bot.domain.plans import Plan, PlanKind
from bot.domain.runs import Run
from bot.engine.context import Services
from bot.engine.preview.rollback import preview_chain
from bot.engine.preview.swap import preview_restore, preview_undo_swap
from bot.engine.preview.undo_rollback import preview_undo_rollback
from bot.engine.runs.execution import Execution
from bot.engine.runs.steps.run_chain import has_committed
from bot.engine.runs.steps.swap import has_swapped
from bot.errors import PermanentError
from bot.planning.facts import PlanRequest, RestoreRequest, RollbackRequest, UndoRequest
from bot.planning.refusals import check_not_retired


@dataclass(frozen=True)
class EngineRow:
    """The engine's part in runs of one kind.

    Attributes:
        preview_undo: plans the undo of such a run; (services, request, the run, id of the undo's run).
        has_committed: asks the database if the step of no return has committed. Raises BotError where it cannot say.
        witness: the source that `has_committed` reads, as the subject of a sentence, with its verb.
        committed_event: the audit event of that commit.
    """

    preview_undo: Callable[[Services, UndoRequest, Run, str], Plan]
    has_committed: Callable[[Execution], bool]
    witness: tuple[str, str]
    committed_event: str


_TRACKING_TABLE = ("tracking table", "says")
_NAMES = ("databases' names", "say")


def _refuse_undo(services: Services, request: UndoRequest, undone: Run, run_id: str) -> Plan:
    del services, request, run_id
    check_not_retired(undone)
    raise AssertionError(undone.id)  # pragma: no cover -- refused above


def _refuse_verdict(execution: Execution) -> bool:
    """Refuse to decide: only the release that began a restore in place could tell."""
    run = execution.run
    raise PermanentError(
        "outcome-unknown",
        f"Whether the load of run {run.id} has committed cannot be found out: restores in place were removed.",
        "Compare the database with the bundle and with the emergency backup, then close the run with "
        f"/rollback cancel {run.id}.",
    )


KINDS: Mapping[PlanKind, EngineRow] = rows_of_every_kind(
    PlanKind,
    {
        PlanKind.CHAIN: EngineRow(preview_undo_rollback, has_committed, _TRACKING_TABLE, "chain-committed"),
        PlanKind.RESTORE: EngineRow(preview_undo_swap, has_swapped, _NAMES, "databases-swapped"),
        PlanKind.UNDO_SWAP: EngineRow(preview_undo_swap, has_swapped, _NAMES, "databases-swapped"),
        # decision 14: nothing undoes this undo. `preview_undo_swap` refuses, and names the rollback to type instead.
        PlanKind.UNDO_ROLLBACK: EngineRow(preview_undo_swap, has_committed, _TRACKING_TABLE, "chain-undone"),
        PlanKind.RESTORE_IN_PLACE: EngineRow(_refuse_undo, _refuse_verdict, _TRACKING_TABLE, "content-replaced"),
    },
)


def preview(services: Services, request: PlanRequest, run_id: str, *, drill: bool = False) -> Plan:
    """Plan what was requested from the state of now: before people are asked, and again before the start.

    Args:
        services: the ports.
        request: what was requested.
        run_id: the run it is for; names the databases it makes, and does not stand in its own way.
        drill: it is a drill's own run, of which no earlier drill is demanded.

    Raises:
        BotError: a refusal, or what an observation raised.
    """
    match request:
        case RollbackRequest():
            return preview_chain(services, request, run_id, drill=drill)
        case RestoreRequest():
            return preview_restore(services, request, run_id, drill=drill)
        case UndoRequest():
            # Only the run to be undone knows its kind, and with it how it is undone.
            undone = services.run(request.run_id)
            return KINDS[undone.plan.kind].preview_undo(services, request, undone, run_id)
        case _:
            assert_never(request)
