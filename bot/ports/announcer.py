"""Defines the ports for everything the bot says, one per topic. None of them waits for Slack (decision 5)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from bot.domain.approvals import Vote
from bot.domain.audit import AuditEvent
from bot.domain.backups import Export
from bot.domain.drill_reports import DrillReport
from bot.domain.drills import Alert, Drill, Standing
from bot.domain.jobs import Job
from bot.domain.runs import Run
from bot.errors import BotError
from bot.ports.answers import (
    Audience,
    BackupDetails,
    BackupListing,
    Escalation,
    HomeFacts,
    KeptDatabase,
    NewestBackups,
    Overview,
)


class RunAnnouncer(Protocol):
    """Posts about runs in the environment's incident channel."""

    def card(self, run: Run, votes: Sequence[Vote]) -> None:
        """Show the run's card: state, plan in short, live checklist."""

    def request(self, run: Run, votes: Sequence[Vote]) -> None:
        """Show the request for approval in the card's thread: the whole plan, votes so far, buttons while pending.

        One message per plan digest: a changed plan has a request of its own, and the old one says it is void.
        """

    def note(self, run: Run, key: str, text: str) -> None:
        """Post a line in the thread, once per `key`. `text` is plain; the announcer escapes it."""

    def changed(self, run: Run, old_digest: str, differences: Sequence[str]) -> None:
        """Report in the thread what changed since the plan was approved, and that the votes are void.

        Where the plan is the same and only votes are missing: report that, and that the others still count.
        """

    def report(self, run: Run, events: Sequence[AuditEvent], export: Export | None) -> None:
        """Post the closing report in the thread: timeline, what was dropped, saved and where, who approved."""

    def report_file(self, run: Run, events: Sequence[AuditEvent], export: Export | None) -> None:
        """Share the full report in the thread as a file that is complete in itself; once per content."""

    def escalate(self, run: Run, escalation: Escalation) -> None:
        """Post in the thread what people need to take over."""

    def alarm(self, environment: str, key: str, text: str) -> None:
        """Post in the environment's incident channel that somebody tampers with the bot, and name whom to call.

        One message per `key`; `text` is plain.
        """

    def find_run(self, channel: str, ts: str) -> tuple[str, str] | None:
        """Find the run that a message belongs to, and the short digest that the message asks approval for.

        The digest is "" for the card; None for a message that is neither a card nor a request.
        """


class JobAnnouncer(Protocol):
    """Posts about jobs in the environment's incident channel."""

    def job(self, job: Job) -> None:
        """Show a job; the message is edited in place from its begin to its outcome."""


class DrillAnnouncer(Protocol):
    """Posts about drills in their environment's incident channel."""

    def drill(self, drill: Drill) -> None:
        """Show a drill; the message is edited in place from the announcement to the result.

        A start more than an hour after the announcement is a message of its own; so is every failure.
        """

    def drill_waits(self, drill: Drill, why: str) -> None:
        """Report in the drill's thread, once, why it does not start yet."""

    def drills_missed(self, drills: Sequence[Drill]) -> None:
        """Report in one message that these drills of one schedule, at least one, were missed, and why."""

    def overdue(self, alert: Alert) -> None:
        """Alert people: one message per episode."""

    def relieved(self, alert: Alert, passed_at: datetime | None) -> None:
        """Edit an alert that has ended: a drill has passed, or (None) no schedule needs one any more."""


class Answers(Protocol):
    """Answers the person who made a request; only they see it, except for the drill report."""

    def refuse(self, audience: Audience, error: BotError) -> None:
        """Explain why not, and what to do instead."""

    def tell(self, audience: Audience, text: str) -> None:
        """Answer with plain text."""

    def status(
        self,
        audience: Audience,
        runs: Sequence[Run],
        frozen: Mapping[str, str],
        kept: Sequence[KeptDatabase] = (),
        follow_ups: Sequence[Run] = (),
    ) -> None:
        """Answer `/rollback status`. `follow_ups` are the runs whose follow-up is open."""

    def overview(self, audience: Audience, overview: Overview) -> None:
        """Answer `/migrations ENV`."""

    def backups(self, audience: Audience, listing: BackupListing, *, replace: bool) -> None:
        """Answer `/backups ENV [FILTER]`; `replace` puts the page in the place of the one that was clicked on."""

    def newest_backups(self, audience: Audience, newest: Sequence[NewestBackups], at: datetime) -> None:
        """Answer `/backups`."""

    def backup(self, audience: Audience, details: BackupDetails) -> None:
        """Answer `/backups ENV show NAME`."""

    def drill_list(self, audience: Audience, standings: Sequence[Standing], drills: Sequence[Drill]) -> None:
        """Answer `/drill list`."""

    def drill_details(self, audience: Audience, drill: Drill) -> None:
        """Answer `/drill show`."""

    def drill_report(self, audience: Audience, report: DrillReport, png: bytes) -> None:
        """Answer `/drill report` with text and a picture, in the channel it was requested in; `png` b"" for none."""

    def forget_answers(self, older_than_s: float) -> None:
        """Delete answers that only one person saw and that are older than that, sent or given up."""


class HomeTabs(Protocol):
    """Publishes people's Home tabs."""

    def home(self, user_id: str, facts: HomeFacts) -> None:
        """Show every environment on a person's Home tab."""

    def no_home(self, user_id: str, error: BotError) -> None:
        """Show on a person's Home tab only why it shows nothing else."""
