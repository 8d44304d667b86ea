"""Refuses to start, resume or undo restores in place, which only old releases made; their runs are still shown."""

from bot.domain.plans import RetiredPlan
from bot.domain.runs import Run, RunState, StepState
from bot.errors import PermanentError
from bot.planning.checklist import BACKUP
from bot.planning.kinds import is_past_return


def is_retired(run: Run) -> bool:
    """Tell if it is a restore in place."""
    return isinstance(run.plan, RetiredPlan)


def check_not_retired(run: Run) -> None:
    """Refuse to go on with a restore in place, or to take it back.

    Raises:
        PermanentError: ``restore-in-place-removed``, with what can be done instead.
    """
    if is_retired(run):
        raise PermanentError(
            "restore-in-place-removed",
            f"Run {run.id} is a restore in place, and this version of Backstop has none.",
            _instead(run),
        )


def saved_in_place(run: Run) -> str:
    """Return the name of the emergency backup that such a run has taken; "" where it has none."""
    done = [step.data for step in run.steps if step.key == BACKUP and step.state is StepState.DONE]
    return str(done[0].get("backup", "")) if done else ""


def _instead(run: Run) -> str:
    if run.state in {RunState.PENDING, RunState.APPROVED, RunState.RUNNING}:
        return "Ask for the restore again: it loads the backup beside the live database."
    back = f"/rollback {run.environment} {saved_in_place(run)} restores what it replaced"
    if run.state is RunState.PARKED:
        close = f"Close it with /rollback cancel {run.id}"
        return f"{close}; then {back}." if is_past_return(run) else f"{close}, then ask for the restore again."
    return f"{back}, from its emergency backup." if is_past_return(run) else "It has changed no database."
