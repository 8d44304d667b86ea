"""Keeps what was said as people would see it in the end: one message per key, the newest request wins."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.domain.approvals import Vote
from bot.domain.backups import Export
from bot.domain.drill_reports import DrillReport
from bot.domain.drills import Alert, Drill, Standing
from bot.domain.jobs import Job
from bot.domain.runs import Run
from bot.errors import BotError
from bot.ports import (
    Audience,
    AuditEvent,
    BackupDetails,
    BackupListing,
    Escalation,
    HomeFacts,
    KeptDatabase,
    NewestBackups,
    Overview,
)


class FakeAnnouncer:
    """Every announcer of `bot.ports`, `Answers` and `HomeTabs`.

    The card's ts is ``card:{run}``, a request's ``request:{run}:{digest12}``.
    """

    def __init__(self) -> None:
        self.cards: dict[str, tuple[Run, tuple[Vote, ...]]] = {}
        self.requests: dict[tuple[str, str], tuple[Run, tuple[Vote, ...]]] = {}
        self.alarms: dict[tuple[str, str], str] = {}
        self.notes: dict[tuple[str, str], str] = {}
        self.changes: list[tuple[str, str, tuple[str, ...]]] = []
        self.reports: dict[str, tuple[Run, tuple[AuditEvent, ...], Export | None]] = {}
        self.files: dict[str, list[tuple[Run, tuple[AuditEvent, ...], Export | None]]] = {}
        self.follow_ups: list[tuple[Run, ...]] = []
        self.escalations: dict[tuple[str, int], Escalation] = {}
        self.refusals: dict[str, tuple[str, BotError]] = {}
        self.answered: dict[str, tuple[str, str]] = {}
        self.kept: list[tuple[KeptDatabase, ...]] = []
        self.statuses: list[tuple[tuple[Run, ...], dict[str, str]]] = []
        self.overviews: list[Overview] = []
        self.jobs: dict[str, list[Job]] = {}
        self.listings: list[tuple[BackupListing, bool]] = []
        self.newest: list[tuple[NewestBackups, ...]] = []
        self.details: list[BackupDetails] = []
        self.homes: dict[str, list[HomeFacts | BotError]] = {}
        self.drills: dict[str, list[Drill]] = {}
        self.waits: dict[str, str] = {}
        self.missed: dict[str, tuple[Drill, ...]] = {}
        self.alerts: dict[str, tuple[Alert, str]] = {}
        self.drill_lists: list[tuple[tuple[Standing, ...], tuple[Drill, ...]]] = []
        self.drill_shown: list[Drill] = []
        self.forgotten_s: list[float] = []
        self.drill_reports: list[tuple[DrillReport, bytes]] = []

    def card(self, run: Run, votes: Sequence[Vote]) -> None:
        self.cards[run.id] = (run, tuple(votes))

    def request(self, run: Run, votes: Sequence[Vote]) -> None:
        self.requests[run.id, run.plan.short_digest] = (run, tuple(votes))

    def note(self, run: Run, key: str, text: str) -> None:
        self.notes[run.id, key] = text

    def changed(self, run: Run, old_digest: str, differences: Sequence[str]) -> None:
        change = (run.id, old_digest[:12], tuple(differences))
        if change not in self.changes:  # the adapter's key holds both digests: said once
            self.changes.append(change)

    def report(self, run: Run, events: Sequence[AuditEvent], export: Export | None) -> None:
        self.reports[run.id] = (run, tuple(events), export)

    def report_file(self, run: Run, events: Sequence[AuditEvent], export: Export | None) -> None:
        posted = (run, tuple(events), export)
        if posted not in self.files.setdefault(run.id, []):
            self.files[run.id].append(posted)

    def escalate(self, run: Run, escalation: Escalation) -> None:
        self.escalations[run.id, run.fencing_token] = escalation

    def refuse(self, audience: Audience, error: BotError) -> None:
        self.refusals[audience.request_id] = (audience.user_id, error)

    def tell(self, audience: Audience, text: str) -> None:
        self.answered[audience.request_id] = (audience.user_id, text)

    def status(
        self,
        audience: Audience,
        runs: Sequence[Run],
        frozen: Mapping[str, str],
        kept: Sequence[KeptDatabase] = (),
        follow_ups: Sequence[Run] = (),
    ) -> None:
        del audience
        self.follow_ups.append(tuple(follow_ups))
        self.kept.append(tuple(kept))
        self.statuses.append((tuple(runs), dict(frozen)))

    def overview(self, audience: Audience, overview: Overview) -> None:
        del audience
        self.overviews.append(overview)

    def job(self, job: Job) -> None:
        self.jobs.setdefault(job.id, []).append(job)

    def backups(self, audience: Audience, listing: BackupListing, *, replace: bool) -> None:
        del audience
        self.listings.append((listing, replace))

    def newest_backups(self, audience: Audience, newest: Sequence[NewestBackups], at: datetime) -> None:
        del audience, at
        self.newest.append(tuple(newest))

    def backup(self, audience: Audience, details: BackupDetails) -> None:
        del audience
        self.details.append(details)

    def home(self, user_id: str, facts: HomeFacts) -> None:
        self.homes.setdefault(user_id, []).append(facts)

    def no_home(self, user_id: str, error: BotError) -> None:
        self.homes.setdefault(user_id, []).append(error)

    def drill(self, drill: Drill) -> None:
        said = self.drills.setdefault(drill.id, [])
        if said[-1:] != [drill]:
            said.append(drill)

    def drill_waits(self, drill: Drill, why: str) -> None:
        self.waits[drill.id] = why

    def drills_missed(self, drills: Sequence[Drill]) -> None:
        self.missed[drills[0].id] = tuple(drills)

    def overdue(self, alert: Alert) -> None:
        self.alerts[alert.key] = (alert, "overdue")

    def relieved(self, alert: Alert, passed_at: datetime | None) -> None:
        self.alerts[alert.key] = (alert, f"passed {passed_at:%Y-%m-%d %H:%M}" if passed_at else "given up")

    def drill_list(self, audience: Audience, standings: Sequence[Standing], drills: Sequence[Drill]) -> None:
        del audience
        self.drill_lists.append((tuple(standings), tuple(drills)))

    def forget_answers(self, older_than_s: float) -> None:
        self.forgotten_s.append(older_than_s)

    def drill_details(self, audience: Audience, drill: Drill) -> None:
        del audience
        self.drill_shown.append(drill)

    def drill_report(self, audience: Audience, report: DrillReport, png: bytes) -> None:
        del audience
        self.drill_reports.append((report, png))

    def alarm(self, environment: str, key: str, text: str) -> None:
        self.alarms[environment, key] = text

    def find_run(self, channel: str, ts: str) -> tuple[str, str] | None:
        kind, _, rest = ts.partition(":")
        run_id, _, digest = rest.partition(":")
        card = self.cards.get(run_id)
        if card is None or card[0].channel != channel or kind not in {"card", "request"}:
            return None
        return run_id, digest
