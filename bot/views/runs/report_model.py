"""Builds the model of a run's report, which the Slack message and the HTML file render."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from bot.domain.approvals import Choice
from bot.domain.backups import Export
from bot.domain.runs import Run, RunState, Step, StepState
from bot.planning.checklist import BACKUP, EXPORT, FOLLOW_UP, RESTORE_TRAFFIC, STOP_TRAFFIC, VERIFY_SIDE
from bot.planning.kinds import is_past_return, may_be_past_return
from bot.ports import AuditEvent

BOT = "backstop"
"""The actor of the bot's own audit events."""
STEP_EVENTS = frozenset({"step", "step-failed", "step-undone"})
_VOTE_EVENTS = frozenset({"voted", "vote-withdrawn", "vote-refused"})
_HIDDEN = frozenset(
    {
        "bot",
        "deleted",
        "guest",
        "stranger",
        "owner",
        "fence",
        "fencing_token",
        "name",
        "request",
        "logs",
        "recovery",
        "wrong",
        "change",
    }
)
"""Details kept for auditors or shown elsewhere, of no help in a timeline."""
_DIGESTS = frozenset({"digest", "old", "new"})
SHORT_DIGEST = 12


class Change(Enum):
    """The outcome for the database."""

    NONE = "none"
    UNKNOWN = "unknown"
    MADE = "made"


class Verdict(Enum):
    """The content of a vote, or its fate."""

    APPROVED = "approved"
    REJECTED = "rejected"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    TAKEN_OUT = "taken out"


@dataclass(frozen=True)
class VoteEntry:
    """A vote as the audit log has it; `why` it was refused or taken out, else ""."""

    at: datetime
    voter: str
    verdict: Verdict
    how: str
    digest: str
    why: str = ""


@dataclass(frozen=True)
class TimelineEntry:
    """An audit event.

    Attributes:
        step: the title of the step that the event is about; "" for any other event.
        outcome: of that step: its detail or its problem.
        details: what else the event has that helps people; digests are shortened.
    """

    at: datetime
    actor: str
    event: str
    step: str = ""
    outcome: str = ""
    details: Sequence[tuple[str, Sequence[str]]] = ()


@dataclass(frozen=True)
class Account:
    """A person's account of the run: what went wrong, and what will be changed."""

    author: str
    at: datetime
    wrong: str
    change: str


@dataclass(frozen=True)
class FollowUp:
    """The fix after the run; `closed_by` "" while it is open."""

    title: str
    closed_by: str = ""
    link: str = ""


@dataclass(frozen=True)
class HelpCall:
    """The content of an escalation; server logs by pod."""

    at: datetime
    problem: str
    backup: str
    recovery: Sequence[str]
    logs: Mapping[str, str]


@dataclass(frozen=True)
class RunReport:
    """All that a report says of a run.

    Attributes:
        change: what the run did to the database.
        downtime_s: see `measure_downtime`.
        took_s: from the start to the end; None before the end.
        approvers: people whose approval of the plan that ran still counted, in the order of their votes.
        accounts: each person's newest.
        findings, not_copied: from the side database's verification.
        backup: data of the step that took the emergency backup; empty where there is none.
        export: the saved rows as the bucket has them; None where there are none or the bucket does not answer.
        exported: what the export's step reported; "" where it has not ended.
        names: people's names by Slack id, as they were then.
        last_event: proves the report; None where there is no event.
    """

    run: Run
    change: Change
    downtime_s: float | None
    took_s: float | None
    approvers: Sequence[str]
    votes: Sequence[VoteEntry]
    timeline: Sequence[TimelineEntry]
    accounts: Sequence[Account]
    findings: Sequence[str]
    not_copied: Sequence[str]
    backup: Mapping[str, Any]
    export: Export | None
    exported: str
    follow_up: FollowUp | None
    help_calls: Sequence[HelpCall]
    names: Mapping[str, str]
    last_event: AuditEvent | None


def build(run: Run, events: Sequence[AuditEvent], export: Export | None) -> RunReport:
    """Build the model from the run, its audit events (oldest first) and what it exported.

    The same arguments return the same model: it has no time of making.
    """
    steps = {step.key: step for step in run.steps}
    verified = steps[VERIFY_SIDE].data if VERIFY_SIDE in steps else {}
    backup, exported = _done(steps.get(BACKUP)), _done(steps.get(EXPORT))
    return RunReport(
        run=run,
        change=_change(run),
        downtime_s=measure_downtime(run),
        took_s=(run.ended_at - run.started_at).total_seconds() if run.ended_at and run.started_at else None,
        approvers=_approvers(run, events),
        votes=[_vote(event) for event in events if event.event in _VOTE_EVENTS],
        timeline=[_entry(event, steps) for event in events],
        accounts=_accounts(events),
        findings=[str(line) for line in verified.get("odd", ())],
        not_copied=[str(line) for line in verified.get("not_copied", ())],
        backup=backup.data if backup else {},
        export=export,
        exported=exported.detail if exported else "",
        follow_up=_follow_up(steps.get(FOLLOW_UP), events),
        help_calls=[_help_call(event) for event in events if event.event == "escalated"],
        names={event.actor: str(event.details["name"]) for event in events if event.details.get("name")},
        last_event=events[-1] if events else None,
    )


def _done(step: Step | None) -> Step | None:
    return step if step is not None and step.state is StepState.DONE else None


def _change(run: Run) -> Change:
    if is_past_return(run):
        return Change.MADE
    return Change.UNKNOWN if may_be_past_return(run) else Change.NONE


def measure_downtime(run: Run) -> float | None:
    """Seconds between the start of ``stop-traffic`` and the end of ``restore-traffic``, or of what put traffic back.

    0 where traffic was never stopped; None where it was and is not known to be back.
    """
    times = {step.key: step for step in run.steps}
    stop, start = times.get(STOP_TRAFFIC), times.get(RESTORE_TRAFFIC)
    if stop is None or stop.started_at is None:
        return 0.0 if stop is not None and run.state is not RunState.RUNNING else None
    back = start if start is not None and start.state is StepState.DONE else stop
    known = back is start or stop.state is StepState.UNDONE
    return (back.ended_at - stop.started_at).total_seconds() if known and back.ended_at else None


def _approvers(run: Run, events: Sequence[AuditEvent]) -> list[str]:
    last: dict[str, str] = {}
    for event in events:
        if event.event == "plan-changed" and event.details.get("old") != event.details.get("new"):
            last.clear()  # decision 26: a plan that comes back later does not bring its votes with it
        elif event.event in _VOTE_EVENTS - {"vote-refused"} and _is_about(run, event):
            last[_voter(event)] = str(event.details.get("choice", ""))
    return [voter for voter, choice in last.items() if choice == Choice.APPROVE]


def _is_about(run: Run, event: AuditEvent) -> bool:
    return bool(event.details.get("digest", run.plan.digest) == run.plan.digest)


def _voter(event: AuditEvent) -> str:
    return str(event.details.get("user") or event.actor)  # the re-check takes votes out in its own name


def _vote(event: AuditEvent) -> VoteEntry:
    details = event.details
    verdict, why = _verdict(event), str(details.get("reason" if event.event == "vote-refused" else "why") or "")
    how, digest = str(details.get("how", "–")), str(details.get("digest", ""))
    return VoteEntry(event.at, _voter(event), verdict, how, digest, why)


def _verdict(event: AuditEvent) -> Verdict:
    if event.event == "vote-refused":
        return Verdict.REFUSED
    if event.event == "vote-withdrawn":
        return Verdict.TAKEN_OUT if event.details.get("why") else Verdict.WITHDRAWN
    return Verdict.APPROVED if event.details.get("choice") == Choice.APPROVE else Verdict.REJECTED


def _entry(event: AuditEvent, steps: Mapping[str, Step]) -> TimelineEntry:
    step = steps.get(str(event.details.get("key", "")))
    if step is not None and event.event in STEP_EVENTS:
        outcome = str(event.details.get("detail") or event.details.get("problem") or "")
        return TimelineEntry(event.at, event.actor, event.event, step.title, outcome)
    details = [
        (key, [word[:SHORT_DIGEST] for word in _words(value)] if key in _DIGESTS else _words(value))
        for key, value in event.details.items()
        if key not in _HIDDEN and value not in ("", None, [])
    ]
    return TimelineEntry(event.at, event.actor, event.event, details=details)


def _words(value: object) -> list[str]:
    return [str(part) for part in value] if isinstance(value, list | tuple) else [str(value)]


def _accounts(events: Sequence[AuditEvent]) -> list[Account]:
    """Each person's newest account, in the order of those."""
    newest: dict[str, Account] = {}
    for event in events:
        if event.event == "documented":
            newest.pop(event.actor, None)
            wrong, change = (str(event.details.get(key) or "") for key in ("wrong", "change"))
            newest[event.actor] = Account(event.actor, event.at, wrong, change)
    return list(newest.values())


def _follow_up(step: Step | None, events: Sequence[AuditEvent]) -> FollowUp | None:
    """The follow-up; None for a run that never came so far."""
    if step is None:
        return None
    if step.state is StepState.OPEN:
        return FollowUp(step.title)
    closed = next((event for event in reversed(events) if event.event == "follow-up-closed"), None)
    return FollowUp(step.title, closed.actor, str(closed.details.get("link", ""))) if closed else None


def _help_call(event: AuditEvent) -> HelpCall:
    details = event.details
    recovery, logs = details.get("recovery"), details.get("logs")
    return HelpCall(
        event.at,
        str(details.get("problem", "")),
        str(details.get("backup") or ""),
        [str(line) for line in recovery] if isinstance(recovery, list) else (),
        {str(pod): str(log) for pod, log in logs.items()} if isinstance(logs, Mapping) else {},
    )
