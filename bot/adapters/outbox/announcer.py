"""Everything the bot says: rendered, addressed, and put in the outbox. Nothing here waits for Slack."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.adapters import htmlreport
from bot.domain.approvals import Vote
from bot.domain.backups import Export
from bot.domain.drill_reports import DrillReport
from bot.domain.drills import Alert, Drill, DrillState, Standing
from bot.domain.environments import Environment
from bot.domain.jobs import Job, JobKind
from bot.domain.runs import Run
from bot.errors import BotError
from bot.ports import (
    Attachment,
    Audience,
    AuditEvent,
    BackupDetails,
    BackupListing,
    Escalation,
    HomeFacts,
    KeptDatabase,
    Message,
    NewestBackups,
    Outbox,
    Overview,
)
from bot.views.backups import backups as backups_view
from bot.views.backups import job as job_view
from bot.views.drills import drill as drill_view
from bot.views.drills import drill_list as drill_list_view
from bot.views.drills import report as drillreport
from bot.views.kit import error_message
from bot.views.kit.blocks import View
from bot.views.runs import approval_request, card, report, report_model
from bot.views.runs import escalation as escalation_view
from bot.views.runs.html import sheet
from bot.views.status import home as home_view
from bot.views.status import migrations as overview_view
from bot.views.status import status

_CARD = "card"
_REQUEST = "request"
_SHORT = 12


class SlackAnnouncer:
    """Implements `bot.ports.Announcer`.

    Message keys: ``card:{run}``, ``request:{run}:{digest12}``, ``note:{run}:{key}``, ``report:{run}``, ``file:{run}``,
    ``answer:{request}``, ``chore:{request}``, ``home:{user}``. Everything but the card, answers, chores, Home tabs
    and what is about drills is in the card's thread.
    Of drills ``drill:{drill}``, ``drill-start:{drill}``, ``drill-failed:{drill}``, ``drill-waits:{drill}``,
    ``drills-missed:{first}``, ``drill-overdue:{episode}``, ``drill-report:{request}``, ``drill-picture:{request}``.

    Args:
        outbox: where messages are put.
        environments: by name; a run of an environment that is no longer configured is shown with a quorum of 2.
    """

    def __init__(self, outbox: Outbox, environments: Mapping[str, Environment]) -> None:
        self._outbox = outbox
        self._environments = environments

    def card(self, run: Run, votes: Sequence[Vote]) -> None:
        """See `bot.ports.Announcer.card`."""
        quorum, production = self._policy(run)
        view = card.render(run, votes, quorum, production=production)
        self._outbox.put(Message(card_key(run.id), run.channel, view.text, view.blocks, run_id=run.id))

    def request(self, run: Run, votes: Sequence[Vote]) -> None:
        """See `bot.ports.Announcer.request`."""
        quorum, production = self._policy(run)
        view = approval_request.render(run, votes, quorum, production=production)
        self._reply(run, _request_key(run.id, run.plan.digest), view)

    def note(self, run: Run, key: str, text: str) -> None:
        """See `bot.ports.Announcer.note`."""
        self._reply(run, f"note:{run.id}:{key}", error_message.note(text))

    def changed(self, run: Run, old_digest: str, differences: Sequence[str]) -> None:
        """See `bot.ports.Announcer.changed`. The old request loses its buttons and says that it is void."""
        if run.plan.digest.startswith(old_digest):
            key = f"note:{run.id}:asked-again-{run.plan.short_digest}-{run.fence}"
            self._reply(run, key, approval_request.render_asked_again(run, differences))
            return
        self._reply(run, _request_key(run.id, old_digest), approval_request.render_void(run, old_digest, differences))
        key = f"note:{run.id}:changed-{old_digest[:_SHORT]}-{run.plan.short_digest}"
        self._reply(run, key, approval_request.render_changed(run, old_digest, differences))

    def report(self, run: Run, events: Sequence[AuditEvent], export: Export | None) -> None:
        """See `bot.ports.Announcer.report`."""
        self._reply(run, f"report:{run.id}", report.render(report_model.build(run, events, export)))

    def report_file(self, run: Run, events: Sequence[AuditEvent], export: Export | None) -> None:
        """See `bot.ports.Announcer.report_file`."""
        content = htmlreport.write(sheet.render(report_model.build(run, events, export)))
        attachment = Attachment(f"backstop-{run.id}.html", f"Report of run {run.id}", content)
        text = f"The whole report of run {run.id}, to keep or to print."
        key, thread = f"file:{run.id}", card_key(run.id)
        self._outbox.put(Message(key, run.channel, text, thread_key=thread, run_id=run.id, attachment=attachment))

    def escalate(self, run: Run, escalation: Escalation) -> None:
        """See `bot.ports.Announcer.escalate`. Asked for again in the same place, the message is brought up to date."""
        self._reply(run, f"note:{run.id}:escalation-{run.fence}", escalation_view.render(run, escalation))

    def refuse(self, audience: Audience, key: str, error: BotError) -> None:
        """See `bot.ports.Announcer.refuse`."""
        self._answer(audience, key, error_message.render(error))

    def tell(self, audience: Audience, key: str, text: str) -> None:
        """See `bot.ports.Announcer.tell`."""
        self._answer(audience, key, error_message.plain(text))

    def status(
        self,
        audience: Audience,
        key: str,
        runs: Sequence[Run],
        frozen: Mapping[str, str],
        kept: Sequence[KeptDatabase] = (),
        follow_ups: Sequence[Run] = (),
    ) -> None:
        """See `bot.ports.Announcer.status`."""
        self._answer(audience, key, status.render(runs, frozen, kept, follow_ups))

    def overview(self, audience: Audience, key: str, overview: Overview) -> None:
        """See `bot.ports.Announcer.overview`."""
        self._answer(audience, key, overview_view.render(overview))

    def job(self, job: Job) -> None:
        """See `bot.ports.Announcer.chore`. An environment that is no longer configured has no channel to tell."""
        environment = self._environments.get(job.environment)
        if environment is not None:
            view = job_view.render(job)
            thread = card_key(job.subject) if job.kind is JobKind.SALVAGE else ""
            self._outbox.put(
                Message(f"chore:{job.id}", environment.incident_channel, view.text, view.blocks, thread_key=thread)
            )

    def backups(self, audience: Audience, key: str, listing: BackupListing, *, replace: bool) -> None:
        """See `bot.ports.Announcer.backups`."""
        self._answer(audience, key, backups_view.render(listing), replace=replace)

    def newest_backups(self, audience: Audience, key: str, newest: Sequence[NewestBackups], at: datetime) -> None:
        """See `bot.ports.Announcer.newest_backups`."""
        self._answer(audience, key, backups_view.render_newest(newest, at))

    def backup(self, audience: Audience, key: str, details: BackupDetails) -> None:
        """See `bot.ports.Announcer.backup`."""
        self._answer(audience, key, backups_view.render_details(details))

    def home(self, user_id: str, facts: HomeFacts) -> None:
        """See `bot.ports.Announcer.home`."""
        self._publish(user_id, home_view.render(facts))

    def no_home(self, user_id: str, error: BotError) -> None:
        """See `bot.ports.Announcer.no_home`."""
        self._publish(user_id, home_view.render_refusal(error))

    def drill(self, drill: Drill) -> None:
        """See `bot.ports.Announcer.drill`."""
        self._say(drill.environment, _drill_key(drill), drill_view.render(drill))
        if drill_view.is_news(drill):
            self._say(drill.environment, f"drill-start:{drill.id}", drill_view.render_start(drill))
        if drill.state is DrillState.FAILED:
            view = drill_view.render_failure(drill, self._contacts(drill.environment))
            self._say(drill.environment, f"drill-failed:{drill.id}", view)

    def drill_waits(self, drill: Drill, why: str) -> None:
        """See `bot.ports.Announcer.drill_waits`."""
        view = error_message.note(f"{why} Drill {drill.id} is due and waits.")
        self._say(drill.environment, f"drill-waits:{drill.id}", view, _drill_key(drill))

    def drills_missed(self, drills: Sequence[Drill]) -> None:
        """See `bot.ports.Announcer.drills_missed`."""
        first = drills[0]
        self._say(first.environment, f"drills-missed:{first.id}", drill_view.render_missed(drills))

    def overdue(self, alert: Alert) -> None:
        """See `bot.ports.Announcer.overdue`."""
        view = drill_view.render_overdue(alert, self._contacts(alert.environment))
        self._say(alert.environment, f"drill-overdue:{alert.key}", view)

    def relieved(self, alert: Alert, passed_at: datetime | None) -> None:
        """See `bot.ports.Announcer.relieved`."""
        self._say(alert.environment, f"drill-overdue:{alert.key}", drill_view.render_relieved(alert, passed_at))

    def drill_list(self, audience: Audience, key: str, standings: Sequence[Standing], drills: Sequence[Drill]) -> None:
        """See `bot.ports.Announcer.drill_list`."""
        self._answer(audience, key, drill_list_view.render(standings, drills))

    def drill_details(self, audience: Audience, key: str, drill: Drill) -> None:
        """See `bot.ports.Announcer.drill_details`."""
        self._answer(audience, key, drill_view.render(drill, steer=False))

    def _say(self, environment: str, key: str, view: View, thread: str = "") -> None:
        """Put a message into an environment's channel; one that is no longer configured has none."""
        known = self._environments.get(environment)
        if known is not None:
            self._outbox.put(Message(key, known.incident_channel, view.text, view.blocks, thread_key=thread))

    def _contacts(self, environment: str) -> Sequence[str]:
        known = self._environments.get(environment)
        return known.escalation_contacts if known else ()

    def drill_report(self, audience: Audience, key: str, report: DrillReport, png: bytes) -> None:
        """See `bot.ports.Announcer.drill_report`. A picture cannot have blocks: it is a message of its own."""
        view = drillreport.render(report, pictured=bool(png))
        self._outbox.put(Message(f"drill-report:{key}", audience.channel, view.text, view.blocks))
        if png:
            # Two reports must not share a file's name: see `bot.ports.Attachment`.
            name = f"backstop-drills-{report.at:%Y%m%d}-{hashlib.sha256(key.encode()).hexdigest()[:8]}.png"
            picture = Attachment(name, "Drills: time to restore", png)
            words = f"Time to restore by phase, size of the database, data-loss window. {view.text}."
            self._outbox.put(Message(f"drill-picture:{key}", audience.channel, words, attachment=picture))

    def forget_answers(self, older_than_s: float) -> None:
        """See `bot.ports.Announcer.forget_answers`."""
        self._outbox.forget_ephemerals(older_than_s)

    def run_of(self, channel: str, ts: str) -> tuple[str, str] | None:
        """See `bot.ports.Announcer.run_of`."""
        posted = self._outbox.posted(channel, ts)
        if posted is None or not posted.run_id:
            return None
        kind, *rest = posted.key.split(":")
        if kind == _CARD:
            return posted.run_id, ""
        return (posted.run_id, rest[-1]) if kind == _REQUEST else None

    def _policy(self, run: Run) -> tuple[int, bool]:
        environment = self._environments.get(run.environment)
        return (environment.approval.quorum, environment.production) if environment else (2, True)

    def _reply(self, run: Run, key: str, view: View) -> None:
        thread = card_key(run.id)
        self._outbox.put(Message(key, run.channel, view.text, view.blocks, thread_key=thread, run_id=run.id))

    def _publish(self, user_id: str, view: View) -> None:
        self._outbox.put(Message(f"home:{user_id}", user_id, view.text, view.blocks, surface="home"))

    def _answer(self, audience: Audience, key: str, view: View, *, replace: bool = False) -> None:
        self._outbox.put(
            Message(
                f"answer:{key}",
                audience.channel,
                view.text,
                view.blocks,
                user=audience.user_id,
                response_url=audience.response_url,
                replace=replace,
            )
        )


def card_key(run_id: str) -> str:
    """The card's message key, which its thread hangs on."""
    return f"{_CARD}:{run_id}"


def _drill_key(drill: Drill) -> str:
    return f"drill:{drill.id}"


def _request_key(run_id: str, digest: str) -> str:
    return f"{_REQUEST}:{run_id}:{digest[:_SHORT]}"
