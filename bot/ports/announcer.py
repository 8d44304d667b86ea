"""Everything the bot says."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from bot.domain.approvals import Vote
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
from bot.ports.journal import AuditEvent


class Announcer(Protocol):
    """Everything the bot says. Nothing here waits for Slack; the newest wish for a message wins."""

    def card(self, run: Run, votes: Sequence[Vote]) -> None:
        """The run's card in the incident channel: state, plan in short, live checklist."""

    def request(self, run: Run, votes: Sequence[Vote]) -> None:
        """The request for approval in the card's thread: the whole plan, votes so far, buttons while pending.

        One message a plan digest: a changed plan gets a request of its own, and the old one says it is void.
        """

    def note(self, run: Run, key: str, text: str) -> None:
        """A line in the thread, once per `key`. `text` is plain; escaping is the announcer's."""

    def changed(self, run: Run, old_digest: str, differences: Sequence[str]) -> None:
        """Say in the thread that the world moved and the votes are void, and how it moved.

        Where the plan is the same, and only votes are missing, say that, and that the others still count.
        """

    def report(self, run: Run, events: Sequence[AuditEvent], export: Export | None) -> None:
        """The closing report in the thread: timeline, what was dropped, saved and where, who approved."""

    def report_file(self, run: Run, events: Sequence[AuditEvent], export: Export | None) -> None:
        """The same at length, as a file in the thread that needs nothing else to be read; once per content."""

    def escalate(self, run: Run, escalation: Escalation) -> None:
        """Post what people need to take over, in the thread."""

    def refuse(self, audience: Audience, key: str, error: BotError) -> None:
        """Tell one person why not, and what to do instead."""

    def tell(self, audience: Audience, key: str, text: str) -> None:
        """Tell one person something, plainly."""

    def status(
        self,
        audience: Audience,
        key: str,
        runs: Sequence[Run],
        frozen: Mapping[str, str],
        kept: Sequence[KeptDatabase] = (),
        follow_ups: Sequence[Run] = (),
    ) -> None:
        """Answer `/rollback status`. `follow_ups` are the runs with one that nobody has closed."""

    def overview(self, audience: Audience, key: str, overview: Overview) -> None:
        """Answer `/migrations ENV`."""

    def job(self, job: Job) -> None:
        """A message in the environment's incident channel, edited in place from the chore's begin to its outcome."""

    def backups(self, audience: Audience, key: str, listing: BackupListing, *, replace: bool) -> None:
        """Answer `/backups ENV [FILTER]`; `replace` puts the page in the place of the one that was clicked on."""

    def newest_backups(self, audience: Audience, key: str, newest: Sequence[NewestBackups], at: datetime) -> None:
        """Answer `/backups`."""

    def backup(self, audience: Audience, key: str, details: BackupDetails) -> None:
        """Answer `/backups ENV show NAME`."""

    def home(self, user_id: str, facts: HomeFacts) -> None:
        """A person's Home tab."""

    def no_home(self, user_id: str, error: BotError) -> None:
        """A person's Home tab with nothing on it but why."""

    def drill_report(self, audience: Audience, key: str, report: DrillReport, png: bytes) -> None:
        """Answer `/drill report`: a text and a picture in the channel it was asked in; `png` b"" for no picture."""

    def run_of(self, channel: str, ts: str) -> tuple[str, str] | None:
        """Which run a message (its card or a request of its) belongs to, and the short digest it asks consent for
        ("" for the card); None for any other message.
        """

    def drill(self, drill: Drill) -> None:
        """A message in its environment's channel, edited in place from the announcement to the result.

        Beyond an hour after the announcement, its start is a message of its own; so is a failure, always.
        """

    def drill_waits(self, drill: Drill, why: str) -> None:
        """Say in its thread, once, why it does not start yet."""

    def drills_missed(self, drills: Sequence[Drill]) -> None:
        """Say in one message that these of one schedule, at least one, were missed, and why."""

    def overdue(self, alert: Alert) -> None:
        """Alert people: a message an episode."""

    def relieved(self, alert: Alert, passed_at: datetime | None) -> None:
        """Edit an alert: it holds no more, because a drill has passed, or (None) because nobody waits for one."""

    def drill_list(self, audience: Audience, key: str, standings: Sequence[Standing], drills: Sequence[Drill]) -> None:
        """Answer `/drill list`."""

    def forget_answers(self, older_than_s: float) -> None:
        """Forget answers that only one person saw and that are older than that, sent or given up."""

    def drill_details(self, audience: Audience, key: str, drill: Drill) -> None:
        """Answer `/drill show`."""
