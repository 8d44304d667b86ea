"""The report of a run that has begun: told anew whenever something is added to it."""

from bot.domain.backups import Export
from bot.domain.runs import Run, RunState
from bot.engine.context import Services
from bot.errors import BotError

UNDER_WAY = frozenset({RunState.PENDING, RunState.APPROVED, RunState.RUNNING})
"""States in which the report is the owner's: it comes when the run ends or parks, with all that was added by then."""


def report(services: Services, run: Run) -> None:
    """Wish for the report in the thread, as a message and as a file.

    Looked at again afterwards: an older look must not have the last word.
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
    """What the run exported; None when it did not, or when the bucket does not say: a run does not wait for that."""
    try:
        return services.env(run.environment).store.open_export(run.id).existing()
    except BotError:
        return None
