"""Stores what people write about a run: what went wrong, and what they will change."""

from bot.domain.runs import Run
from bot.engine.approvals.authorization import check_steward
from bot.engine.context import Services
from bot.engine.requests import DocumentRun
from bot.engine.runs.report import UNDER_WAY, report_again
from bot.errors import PermanentError
from bot.ports import Audience

MAX_TEXT = 3000


def document(services: Services, audience: Audience, request: DocumentRun) -> str:
    """Keep what somebody writes about a run that has begun, and put it into the report; returns the answer.

    Everything anybody wrote stays in the audit log; the report shows each person's newest.

    Raises:
        PermanentError: ``unknown-run``, ``not-yours``, ``still-running``, ``never-started``.
    """
    run = services.run(request.run_id)
    person = check_steward(services, audience.user_id, run)
    _check_over(run)
    if not _is_kept(services, run, audience.request_id):
        details = {
            "wrong": request.wrong[:MAX_TEXT],
            "change": request.change[:MAX_TEXT],
            "name": person.name,
            "request": audience.request_id,
        }
        services.journal.audit.append(run.id, audience.user_id, "documented", details)
    report_again(services, run.id)
    return f"What you wrote about run {run.id} is in its report, in its thread."


def _check_over(run: Run) -> None:
    if run.started_at is None:
        raise PermanentError(
            "never-started", f"Run {run.id} never began, so it has no report.", "/rollback status lists those that did."
        )
    if run.state in UNDER_WAY:
        raise PermanentError(
            "still-running", f"Run {run.id} is {run.state}.", "Write about it when it has ended, or when it is parked."
        )


def _is_kept(services: Services, run: Run, request_id: str) -> bool:
    """Check whether a predecessor stored it and died before the report was brought up to date."""
    events = services.journal.audit.events(run.id)
    return any(event.event == "documented" and event.details.get("request") == request_id for event in events)
