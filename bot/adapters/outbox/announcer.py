"""Renders what is posted about runs, jobs and drills, and puts it into the outbox.

A message's key makes it idempotent: putting it twice edits it. Keys of a run: ``card:{run}``,
``request:{run}:{digest12}``, ``note:{run}:{key}``, ``report:{run}``, ``file:{run}``; all are in the card's thread.
Alarms: ``alarm:{environment}:{key}``.
Of jobs: ``chore:{request}``. Of drills: ``drill:{drill}``, ``drill-start:{drill}``, ``drill-failed:{drill}``,
``drill-waits:{drill}``, ``drills-missed:{first}``, ``drill-overdue:{episode}``.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.adapters import htmlreport
from bot.domain.approvals import Vote
from bot.domain.backups import Export
from bot.domain.drills import Alert, Drill, DrillState
from bot.domain.environments import Environment
from bot.domain.jobs import Job, JobKind
from bot.domain.runs import Run
from bot.ports import Attachment, AuditEvent, Escalation, Message, Outbox
from bot.views.backups import job as job_view
from bot.views.drills import drill as drill_view
from bot.views.kit.blocks import View, render_sentence
from bot.views.runs import approval_request, card, report, report_model
from bot.views.runs import escalation as escalation_view
from bot.views.runs.html import sheet

_CARD = "card"
_REQUEST = "request"
_SHORT = 12
_UNCONFIGURED = (2, True)
"""Quorum and production of an environment that is no longer configured."""


class SlackRunAnnouncer:
    """Implements `bot.ports.RunAnnouncer`.

    Args:
        outbox: receives the messages.
        environments: by name.
    """

    def __init__(self, outbox: Outbox, environments: Mapping[str, Environment]) -> None:
        self._outbox = outbox
        self._environments = environments

    def card(self, run: Run, votes: Sequence[Vote]) -> None:
        """Put the card, the message that everything else of the run is a reply to."""
        quorum, production = self._policy(run)
        view = card.render(run, votes, quorum, production=production)
        self._outbox.put(Message(_card_key(run.id), run.channel, view.text, view.blocks, run_id=run.id))

    def request(self, run: Run, votes: Sequence[Vote]) -> None:
        """Put the request for approval of the run's current plan."""
        quorum, production = self._policy(run)
        view = approval_request.render(run, votes, quorum, production=production)
        self._reply(run, _request_key(run.id, run.plan.digest), view)

    def note(self, run: Run, key: str, text: str) -> None:
        """Put one line of plain text."""
        self._reply(run, f"note:{run.id}:{key}", render_sentence(text))

    def changed(self, run: Run, old_digest: str, differences: Sequence[str]) -> None:
        """Put what changed; the old request loses its buttons and says that it is void."""
        if run.plan.digest.startswith(old_digest):
            key = f"note:{run.id}:asked-again-{run.plan.short_digest}-{run.fencing_token}"
            self._reply(run, key, approval_request.render_asked_again(run, differences))
            return
        self._reply(run, _request_key(run.id, old_digest), approval_request.render_void(run, old_digest, differences))
        key = f"note:{run.id}:changed-{old_digest[:_SHORT]}-{run.plan.short_digest}"
        self._reply(run, key, approval_request.render_changed(run, old_digest, differences))

    def report(self, run: Run, events: Sequence[AuditEvent], export: Export | None) -> None:
        """Put the closing report."""
        self._reply(run, f"report:{run.id}", report.render(report_model.build(run, events, export)))

    def report_file(self, run: Run, events: Sequence[AuditEvent], export: Export | None) -> None:
        """Put the full report as an HTML file."""
        content = htmlreport.write(sheet.render(report_model.build(run, events, export)))
        attachment = Attachment(f"backstop-{run.id}.html", f"Report of run {run.id}", content)
        text = f"The whole report of run {run.id}, to keep or to print."
        key, thread = f"file:{run.id}", _card_key(run.id)
        self._outbox.put(Message(key, run.channel, text, thread_key=thread, run_id=run.id, attachment=attachment))

    def escalate(self, run: Run, escalation: Escalation) -> None:
        """Put the escalation; repeated at the same step, it brings the message up to date."""
        self._reply(run, f"note:{run.id}:escalation-{run.fencing_token}", escalation_view.render(run, escalation))

    def alarm(self, environment: str, key: str, text: str) -> None:
        """Put an alarm into the incident channel of an environment that is configured."""
        known = self._environments.get(environment)
        if known is not None:
            view = render_sentence(f"🚨 {text} Call: {', '.join(known.escalation_contacts) or 'nobody is named'}.")
            self._outbox.put(Message(f"alarm:{environment}:{key}", known.incident_channel, view.text, view.blocks))

    def find_run(self, channel: str, ts: str) -> tuple[str, str] | None:
        """Find the run of a card or request by the key that it was posted under."""
        posted = self._outbox.posted(channel, ts)
        if posted is None or not posted.run_id:
            return None
        kind, *rest = posted.key.split(":")
        if kind == _CARD:
            return posted.run_id, ""
        return (posted.run_id, rest[-1]) if kind == _REQUEST else None

    def _policy(self, run: Run) -> tuple[int, bool]:
        environment = self._environments.get(run.environment)
        return (environment.approval.quorum, environment.production) if environment else _UNCONFIGURED

    def _reply(self, run: Run, key: str, view: View) -> None:
        thread = _card_key(run.id)
        self._outbox.put(Message(key, run.channel, view.text, view.blocks, thread_key=thread, run_id=run.id))


class _ChannelAnnouncer:
    """Puts messages into the incident channel of an environment; one that is no longer configured has none."""

    def __init__(self, outbox: Outbox, environments: Mapping[str, Environment]) -> None:
        self._outbox = outbox
        self._environments = environments

    def _say(self, environment: str, key: str, view: View, thread: str = "") -> None:
        known = self._environments.get(environment)
        if known is not None:
            self._outbox.put(Message(key, known.incident_channel, view.text, view.blocks, thread_key=thread))


class SlackJobAnnouncer(_ChannelAnnouncer):
    """Implements `bot.ports.JobAnnouncer`."""

    def job(self, job: Job) -> None:
        """Put the job's message; recovered rows are reported in their run's thread."""
        thread = _card_key(job.subject) if job.kind is JobKind.SALVAGE else ""
        self._say(job.environment, f"chore:{job.id}", job_view.render(job), thread)


class SlackDrillAnnouncer(_ChannelAnnouncer):
    """Implements `bot.ports.DrillAnnouncer`."""

    def drill(self, drill: Drill) -> None:
        """Put the drill's message, and with a late start or a failure one more, so that people are notified."""
        self._say(drill.environment, _drill_key(drill), drill_view.render(drill))
        if drill_view.is_news(drill):
            self._say(drill.environment, f"drill-start:{drill.id}", drill_view.render_start(drill))
        if drill.state is DrillState.FAILED:
            view = drill_view.render_failure(drill, self._contacts(drill.environment))
            self._say(drill.environment, f"drill-failed:{drill.id}", view)

    def drill_waits(self, drill: Drill, why: str) -> None:
        """Put the reason why a due drill waits."""
        view = render_sentence(f"{why} Drill {drill.id} is due and waits.")
        self._say(drill.environment, f"drill-waits:{drill.id}", view, _drill_key(drill))

    def drills_missed(self, drills: Sequence[Drill]) -> None:
        """Put one message for all, under the key of the first."""
        first = drills[0]
        self._say(first.environment, f"drills-missed:{first.id}", drill_view.render_missed(drills))

    def overdue(self, alert: Alert) -> None:
        """Put an alert that names the escalation contacts."""
        view = drill_view.render_overdue(alert, self._contacts(alert.environment))
        self._say(alert.environment, f"drill-overdue:{alert.key}", view)

    def relieved(self, alert: Alert, passed_at: datetime | None) -> None:
        """Put the end of an alert in the alert's own place."""
        self._say(alert.environment, f"drill-overdue:{alert.key}", drill_view.render_relieved(alert, passed_at))

    def _contacts(self, environment: str) -> Sequence[str]:
        known = self._environments.get(environment)
        return known.escalation_contacts if known else ()


def _card_key(run_id: str) -> str:
    return f"{_CARD}:{run_id}"


def _drill_key(drill: Drill) -> str:
    return f"drill:{drill.id}"


def _request_key(run_id: str, digest: str) -> str:
    return f"{_REQUEST}:{run_id}:{digest[:_SHORT]}"
