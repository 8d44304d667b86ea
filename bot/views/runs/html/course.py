"""How it went: the checklist, the votes, the timeline, the excerpts."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.domain.approvals import Choice
from bot.domain.runs import Run, Step, StepState
from bot.planning.checklist import FOLLOW_UP
from bot.ports import AuditEvent
from bot.views.kit.text import bare_paragraph, count, duration
from bot.views.runs.html.parts import (
    BAD,
    GOOD,
    QUIET,
    WARN,
    Account,
    Bar,
    Cell,
    Facts,
    Note,
    Part,
    Section,
    Steps,
    code,
    excerpt,
    link,
    moment,
    table,
    text,
)
from bot.views.runs.html.persons import Persons
from bot.views.runs.report import HIDDEN, OURSELVES, written

_STATES = {
    StepState.WAITING: ("not reached", QUIET),
    StepState.RUNNING: ("under way", WARN),
    StepState.DONE: ("done", GOOD),
    StepState.FAILED: ("failed", BAD),
    StepState.UNDONE: ("put back", WARN),
    StepState.SKIPPED: ("skipped", QUIET),
    StepState.OPEN: ("open", WARN),
}
_VOTES = frozenset({"voted", "vote-withdrawn", "vote-refused"})
_STEP_EVENTS = {"step": "", "step-failed": BAD, "step-undone": WARN}
_ODD_EVENTS = frozenset({"vote-refused", "vote-withdrawn", "escalated", "plan-changed", "cancel-requested"})
_DIGESTS = frozenset({"digest", "old", "new"})
_TEXT_MOST = 3000
_SHORT = 12


def checklist(run: Run, persons: Persons) -> Section:
    """Every step with its state, its times and its place in the run."""
    times = [at for step in run.steps for at in (step.started_at, _ended_at(step)) if at is not None]
    first, last = (min(times), max(times)) if times else (run.created_at, run.created_at)
    whole_s = max(0.001, (last - first).total_seconds())
    bars = [_bar(step, first, whole_s, persons) for step in run.steps]
    return Section("checklist", "Checklist", [Steps(bars)] if bars else [Note("No step was reached.", QUIET)])


def _ended_at(step: Step) -> datetime | None:
    """When the run had done with it: the follow-up is closed by people, weeks later, and would flatten all others."""
    return step.started_at if step.key == FOLLOW_UP else step.ended_at


def _bar(step: Step, first: datetime, whole_s: float, persons: Persons) -> Bar:
    state, mark = _STATES[step.state]
    elapsed_s = step.elapsed_s if step.key != FOLLOW_UP else None
    tries = f", {count(step.attempts, 'attempt')}" if step.attempts > 1 else ""
    left = (step.started_at - first).total_seconds() / whole_s * 100 if step.started_at else 0.0
    return Bar(
        title=text(step.title, 150).text,
        state=state,
        mark=mark,
        detail=persons.prose(step.detail, 500),
        took=(duration(max(0.0, elapsed_s)) if elapsed_s is not None else "") + tries,
        at=moment(step.started_at, date=False),
        left=round(min(100.0, max(0.0, left)), 2),
        width=round(min(100.0, max(0.0, (elapsed_s or 0.0) / whole_s * 100)), 2),
    )


def consent(run: Run, events: Sequence[AuditEvent], persons: Persons) -> Section:
    """Who said what to which plan, refused and withdrawn votes as well."""
    rows = [_vote(run, event, persons) for event in events if event.event in _VOTES]
    votes = table("Votes", ("When (UTC)", "Who", "What", "How", "On plan"), rows)
    digest = Facts([("Digest of the plan that ran", code(run.plan.digest))])
    return Section("consent", "Who agreed", [digest, *(votes or [Note("Nobody voted.", WARN)])])


def _vote(run: Run, event: AuditEvent, persons: Persons) -> list[Cell]:
    digest = str(event.details.get("digest", ""))
    shown = code(digest[:_SHORT] or "–")
    if digest and digest != run.plan.digest:
        shown = Cell(f"{digest[:_SHORT]}, an earlier plan", mark=WARN)
    who = text(persons.name(str(event.details.get("user") or event.actor)), 200)
    return [moment(event.at), who, _choice(event, persons), text(event.details.get("how", "–"), 40), shown]


def _choice(event: AuditEvent, persons: Persons) -> Cell:
    if event.event == "vote-refused":
        return text(f"did not count: {event.details.get('reason', '')}", 300, mark=WARN)
    if event.event == "vote-withdrawn" and event.details.get("why"):
        return Cell(persons.prose(f"taken out: {event.details['why']}", 300), mark=WARN)
    if event.event == "vote-withdrawn":
        return Cell("took the vote back", mark=WARN)
    return Cell("approved", mark=GOOD) if event.details.get("choice") == Choice.APPROVE else Cell("rejected", mark=BAD)


def timeline(run: Run, events: Sequence[AuditEvent], persons: Persons) -> Section:
    """Every event of the audit log, to the second."""
    titles = {step.key: step.title for step in run.steps}
    rows = [[moment(event.at), text(_who(event, persons), 200), *_event(event, titles, persons)] for event in events]
    heads = ("When (UTC)", "Who", "What", "Details")
    return Section("timeline", "Timeline", table("Audit events of the run", heads, rows) or [Note("No event.", QUIET)])


def _who(event: AuditEvent, persons: Persons) -> str:
    return OURSELVES if event.actor == OURSELVES else persons.name(event.actor)


def _event(event: AuditEvent, titles: Mapping[str, str], persons: Persons) -> list[Cell]:
    mark = _STEP_EVENTS.get(event.event, WARN if event.event in _ODD_EVENTS else "")
    title = titles.get(str(event.details.get("key", "")))
    if title is not None and event.event in _STEP_EVENTS:
        said = str(event.details.get("detail") or event.details.get("problem") or "")
        return [text(title, 150, mark=mark), Cell(persons.prose(said, 600))]
    words = [
        f"{key.replace('_', ' ')}: {_word(value)[:_SHORT] if key in _DIGESTS else _word(value)}"
        for key, value in event.details.items()
        if key not in HIDDEN and value not in ("", None, [])
    ]
    return [text(event.event.replace("-", " "), 60, mark=mark), Cell(persons.prose("; ".join(words), 600))]


def _word(value: object) -> str:
    return ", ".join(str(part) for part in value) if isinstance(value, list | tuple) else str(value)


def accounts(events: Sequence[AuditEvent], persons: Persons) -> Section:
    """What people wrote, each person's newest."""
    parts: list[Part] = [
        Account(
            persons.name(event.actor),
            moment(event.at),
            bare_paragraph(str(event.details.get("wrong") or ""), _TEXT_MOST),
            bare_paragraph(str(event.details.get("change") or ""), _TEXT_MOST),
        )
        for event in written(events).values()
    ]
    return Section("accounts", "What went wrong", parts or [Note("Nobody has written about it yet.", QUIET)])


def follow_ups(run: Run, events: Sequence[AuditEvent], persons: Persons) -> list[Section]:
    """What is still to be done, or where it was done; nothing for a run that never came so far."""
    step = next((step for step in run.steps if step.key == FOLLOW_UP), None)
    closed = next((event for event in reversed(events) if event.event == "follow-up-closed"), None)
    if step is not None and step.state is StepState.OPEN:
        row = [text(step.title), Cell("open", mark=WARN), code(f"/rollback close {run.id} LINK")]
    elif step is not None and closed is not None:
        by = text(f"closed by {persons.name(closed.actor)}", 200, mark=GOOD)
        row = [text(step.title), by, link(str(closed.details.get("link", "")))]
    else:
        return []
    heads = ("What", "State", "Where")
    return [Section("follow-ups", "Follow-ups", table("What is to follow", heads, [row]))]


def excerpts(events: Sequence[AuditEvent], persons: Persons) -> list[Section]:
    """What was posted when people were called: the server's last lines, the backup, what could be recovered."""
    parts = [part for event in events if event.event == "escalated" for part in _escalation(event, persons)]
    return [Section("excerpts", "Excerpts", parts)] if parts else []


def _escalation(event: AuditEvent, persons: Persons) -> list[Part]:
    details = event.details
    logs = details.get("logs")
    recovery = details.get("recovery")
    pairs = [
        ("Help was called", moment(event.at)),
        ("Because", Cell(persons.prose(str(details.get("problem", "")), 1500) or "–")),
        ("The backup", text(details.get("backup") or "–", 600)),
    ]
    shown: list[Part] = [Facts(pairs)]
    if isinstance(recovery, list):
        shown += excerpt("What point-in-time recovery could reach", "\n".join(map(str, recovery)))
    if isinstance(logs, Mapping):
        for pod, log in logs.items():
            shown += excerpt(f"Database log of {pod}, last lines, values left out", str(log))
    return shown
