"""Plan the undoing of a swap: the kept database takes its place again."""

from dataclasses import replace

from bot.domain.plans import Plan, PlanKind
from bot.domain.runs import Run, StepState
from bot.domain.versions import AppVersion
from bot.errors import PermanentError
from bot.planning import checklist
from bot.planning.appchoice import available_apps, choose_app
from bot.planning.estimate import swap_estimate
from bot.planning.facts import Exchange, Facts, UndoRequest
from bot.planning.refusals import check_environment
from bot.planning.swap import plan_swap


def check_undoable(run: Run) -> str:
    """Give the name of the database that a run has put aside.

    Raises:
        PermanentError: ``undo-not-available`` for a chain; ``nothing-to-undo`` where nothing was swapped.
    """
    swapped = checklist.is_past_return(run)
    if run.plan.restore is not None and swapped:
        return run.plan.restore.outgoing
    if run.plan.restore is None and swapped:
        raise PermanentError(
            "undo-not-available",
            f"Run {run.id} undid migrations, and this version cannot take that back by itself.",
            _where_saved(run),
        )
    raise PermanentError(
        "nothing-to-undo",
        f"Run {run.id} is {run.state} and has changed no database.",
        "/rollback status shows what can be undone.",
    )


def _where_saved(run: Run) -> str:
    data = {step.key: step.data for step in run.steps if step.state is StepState.DONE}
    export = data.get(checklist.EXPORT, {}).get("prefix", "")
    backup = data.get(checklist.BACKUP, {}).get("backup", "")
    parts = [f"the rows it dropped are in {run.plan.saves_to} under {export}" if export else ""]
    parts.append(f"the whole database from before is {backup}: /rollback {run.environment} {backup}" if backup else "")
    text = "; ".join(part for part in parts if part)
    return f"{text[0].upper()}{text[1:]}." if text else "Nothing was saved by it."


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


def plan_undo(request: UndoRequest, facts: Facts, undone: Run, to_schema: int, exchange: Exchange) -> Plan:
    """Make the plan that people are asked to approve; the app goes back to what served before, where that fits.

    Raises:
        PermanentError: every reference of `check_environment` and `appchoice`.
    """
    check_environment(facts)
    before = AppVersion.parse(undone.plan.from_app)
    fits = before is not None and facts.matrix.suits(before, to_schema) and before in available_apps(facts.cluster)
    to_app = choose_app(before if fits else None, facts, to_schema)
    plan = plan_swap(PlanKind.UNDO, facts, exchange, to_schema, to_app)
    return replace(plan, asked_for=request.asked_for, undoes=undone.id, estimate=swap_estimate())
