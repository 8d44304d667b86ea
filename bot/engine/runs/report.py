"""Keeps the report of a run that has begun up to date."""

from bot.domain.backups import Export
from bot.domain.runs import Run, RunState
from bot.engine.context import Services
from bot.errors import BotError

UNDER_WAY = frozenset({RunState.PENDING, RunState.APPROVED, RunState.RUNNING})
"""States in which the report is the owner's: it comes when the run ends or parks, with all that was added by then."""


def report(services: Services, run: Run) -> None:
    """Request the report in the thread, as a message and as a file.

    The events are read again afterwards: an older reading must not have the last word.
    """
    shown = -1
    while (events := list(services.journal.audit.events(run.id))) and len(events) != shown:
        export = saved_rows(services, run)
        services.announcer.report(run, events, export)
        services.announcer.report_file(run, events, export)
        shown = len(events)


def report_again(services: Services, run_id: str) -> None:
    """Bring the report of a run that has ended, or waits for people, up to date."""
    run = services.journal.runs.find(run_id)
    if run is not None and run.started_at is not None and run.state not in UNDER_WAY:
        report(services, run)


def saved_rows(services: Services, run: Run) -> Export | None:
    """Find the run's export; None when there is none, or the bucket does not answer: a run does not wait for that."""
    try:
        return services.env(run.environment).store.open_export(run.id).existing()
    except BotError:
        return None
