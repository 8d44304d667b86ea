"""Plan the undoing of a swap: the kept database takes its place again."""

from dataclasses import replace

from bot.domain.plans import Plan, PlanKind
from bot.domain.runs import Run
from bot.domain.versions import AppVersion, label
from bot.errors import PermanentError
from bot.planning import checklist
from bot.planning.app_version import available_apps, choose_app
from bot.planning.estimate import swap_estimate
from bot.planning.facts import Exchange, Facts, UndoRequest
from bot.planning.refusals import check_environment
from bot.planning.swap import plan_swap


def check_undoable(run: Run) -> str:
    """Give the name of the database that a run has put aside.

    Raises:
        PermanentError: ``undo-not-available`` where an undo was of a chain; ``nothing-to-undo`` where nothing was
            swapped.
    """
    swapped = checklist.is_past_return(run)
    if run.plan.restore is not None and swapped:
        return run.plan.restore.outgoing
    if run.plan.restore is None and swapped:
        raise PermanentError(
            "undo-not-available",
            f"Run {run.id} has itself taken run {run.plan.undoes} back.",
            f"Roll the migrations back again: /rollback {run.environment} "
            f"{label(min((script.version for script in run.plan.scripts), default=0))}.",
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


def _app_before(undone: Run, facts: Facts, to_schema: int) -> AppVersion | None:
    """What served before a run, where it can serve that schema and is still to be had."""
    before = AppVersion.parse(undone.plan.from_app)
    fits = before is not None and facts.matrix.suits(before, to_schema) and before in available_apps(facts.cluster)
    return before if fits else None


def plan_undo(request: UndoRequest, facts: Facts, undone: Run, to_schema: int, exchange: Exchange) -> Plan:
    """Make the plan that people are asked to approve; the app goes back to what served before, where that fits.

    Raises:
        PermanentError: every reference of `check_environment` and `appchoice`.
    """
    check_environment(facts, swaps=True)
    to_app = choose_app(_app_before(undone, facts, to_schema), facts, to_schema)
    plan = plan_swap(PlanKind.UNDO, facts, exchange, to_schema, to_app)
    return replace(plan, asked_for=request.asked_for, undoes=undone.id, estimate=swap_estimate())
