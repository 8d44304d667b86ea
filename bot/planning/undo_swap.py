"""Plans the undo of a swap: the kept database takes its place again."""

from dataclasses import replace

from bot.domain.plans import SchemaPlan, SwapPlan, UndoSwapPlan
from bot.domain.runs import Run
from bot.domain.versions import label
from bot.errors import PermanentError
from bot.planning.app_version import choose_app_before
from bot.planning.facts import Exchange, Facts, UndoRequest
from bot.planning.kinds import is_past_return
from bot.planning.refusals import check_environment
from bot.planning.swap import plan_swap


def check_undoable(run: Run) -> str:
    """Give the name of the database that a run has put aside.

    Raises:
        PermanentError: ``undo-not-available`` where an undo was of a chain; ``nothing-to-undo`` where nothing was
            swapped.
    """
    committed = is_past_return(run)
    if committed and isinstance(run.plan, SwapPlan):
        return run.plan.restore.outgoing
    if committed and isinstance(run.plan, SchemaPlan):
        raise PermanentError(
            "undo-not-available",
            f"Run {run.id} has itself taken run {run.plan.undoes} back.",
            f"Roll the migrations back again: /rollback {run.environment} {label(min(run.plan.versions, default=0))}.",
        )
    raise PermanentError(
        "nothing-to-undo",
        f"Run {run.id} is {run.state} and has changed no database.",
        "/rollback status shows what can be undone.",
    )


def check_kept(run: Run, kept: str, *, there: bool) -> None:
    """Refuse when that database is gone.

    Raises:
        PermanentError: ``undo-expired``.
    """
    if not there:
        raise PermanentError(
            "undo-expired",
            f"The database that run {run.id} put aside ({kept}) is gone: dropped after its time, or swapped back.",
            f"Restore a backup instead: /backups {run.environment} lists them.",
        )


def plan_undo(request: UndoRequest, facts: Facts, undone: Run, to_schema: int, exchange: Exchange) -> UndoSwapPlan:
    """Make the plan that people are asked to approve; the app goes back to what served before, where that fits.

    Raises:
        PermanentError: every reference of `check_environment` and `appchoice`.
    """
    check_environment(facts, UndoSwapPlan.kind)
    to_app = choose_app_before(undone, facts, to_schema)
    plan = plan_swap(UndoSwapPlan, facts, exchange, to_schema, to_app)
    return replace(plan, asked_for=request.asked_for, undoes=undone.id)
