"""Refusals of a restore in place, and where its undoing takes the old content from."""

from collections.abc import Sequence

from bot.domain.backups import Backup, BackupName
from bot.domain.runs import Run, StepState
from bot.errors import PermanentError
from bot.planning import checklist
from bot.planning.facts import Facts

EMERGENCY = "pre-restore-"
"""Begins the label of an emergency backup; the run's id follows."""
_SHOWN = 5


def check_comparable(backup: Backup) -> None:
    """Refuse a bundle that cannot be compared with anything: there is no second chance after COMMIT.

    Raises:
        PermanentError: ``needs-manifest``.
    """
    if backup.manifest is None:
        raise PermanentError(
            "needs-manifest",
            f"{backup.name} has no manifest, and what is loaded in place must be compared with one before it stays.",
            f"Choose a bundle that Backstop took: /backups {backup.name.environment} lists them. "
            "Or restore this one by hand.",
        )


def check_replaceable(facts: Facts, obstacles: Sequence[str]) -> None:
    """Refuse while something would go that could not be made again.

    Raises:
        PermanentError: ``cannot-replace-in-place`` names it.
    """
    if obstacles:
        raise cannot_replace(facts.environment.name, obstacles)


def cannot_replace(environment: str, obstacles: Sequence[str]) -> PermanentError:
    """Make the refusal that names what is in the way."""
    more = f"; and {len(obstacles) - _SHOWN} more" if len(obstacles) > _SHOWN else ""
    return PermanentError(
        "cannot-replace-in-place",
        f"The content of {environment} cannot be replaced in place: {'; '.join(obstacles[:_SHOWN])}{more}.",
        "Nothing was changed. Give our role what it lacks, or have its owner take that away first "
        "(docs/operations.md).",
    )


def emergency_backup_of(undone: Run) -> str:
    """The name of the bundle that holds what a restore in place has replaced.

    Raises:
        PermanentError: ``nothing-to-undo`` where it has replaced nothing.
    """
    if not checklist.is_past_return(undone):
        raise PermanentError(
            "nothing-to-undo",
            f"Run {undone.id} is {undone.state} and has changed no database.",
            "/rollback status shows what can be undone.",
        )
    return saved_in_place(undone)


def saved_in_place(run: Run) -> str:
    """The name of a run's emergency backup; "" while it has none."""
    done = [step.data for step in run.steps if step.key == checklist.BACKUP and step.state is StepState.DONE]
    return str(done[0].get("backup", "")) if done else ""


def saved_by(name: str) -> str:
    """The id of the run whose emergency backup has that name, if it is one's; "" where it is none's."""
    parsed = BackupName.parse(name)
    return parsed.label.removeprefix(EMERGENCY) if parsed and parsed.label.startswith(EMERGENCY) else ""


def check_still_saved(undone: Run, name: str, backup: Backup | None) -> None:
    """Refuse when that bundle is gone.

    Raises:
        PermanentError: ``undo-expired``.
    """
    if backup is None:
        raise PermanentError(
            "undo-expired",
            f"The emergency backup of run {undone.id} ({name}) is no longer in {undone.plan.saves_to}.",
            f"Restore another one instead: /backups {undone.environment} lists them.",
        )
