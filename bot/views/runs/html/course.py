"""Renders the course of a run in an HTML report: checklist, votes, timeline, accounts, excerpts."""

from collections.abc import Sequence
from datetime import datetime

from bot.domain.runs import Run, Step, StepState
from bot.planning.checklist import FOLLOW_UP
from bot.views.kit.text import bare_paragraph, count, duration
from bot.views.runs.html.parts import (
    BAD,
    GOOD,
    QUIET,
    WARN,
    Bar,
    Cell,
    Facts,
    Note,
    Part,
    Persons,
    Quote,
    Section,
    Steps,
    code,
    excerpt,
    link,
    moment,
    table,
    text,
)
from bot.views.runs.report_model import (
    BOT,
    SHORT_DIGEST,
    Account,
    HelpCall,
    RunReport,
    TimelineEntry,
    Verdict,
    VoteEntry,
)

_STATES = {
    StepState.WAITING: ("not reached", QUIET),
    StepState.RUNNING: ("under way", WARN),
    StepState.DONE: ("done", GOOD),
    StepState.FAILED: ("failed", BAD),
    StepState.UNDONE: ("put back", WARN),
    StepState.SKIPPED: ("skipped", QUIET),
    StepState.OPEN: ("open", WARN),
}
_VERDICTS = {
    Verdict.APPROVED: ("approved", GOOD),
    Verdict.REJECTED: ("rejected", BAD),
    Verdict.REFUSED: ("did not count: {}", WARN),
    Verdict.WITHDRAWN: ("took the vote back", WARN),
    Verdict.TAKEN_OUT: ("taken out: {}", WARN),
}
_MARKS = {
    "step-failed": BAD,
    "step-undone": WARN,
    "vote-refused": WARN,
    "vote-withdrawn": WARN,
    "escalated": WARN,
    "plan-changed": WARN,
    "cancel-requested": WARN,
}
_MAX_TEXT = 3000


def checklist(run: Run, persons: Persons) -> Section:
    """Render every step with its state, its times and its place in the run."""
    times = [at for step in run.steps for at in (step.started_at, _ended_at(step)) if at is not None]
    first, last = (min(times), max(times)) if times else (run.created_at, run.created_at)
    whole_s = max(0.001, (last - first).total_seconds())
    bars = [_bar(step, first, whole_s, persons) for step in run.steps]
    return Section("checklist", "Checklist", [Steps(bars)] if bars else [Note("No step was reached.", QUIET)])


def _ended_at(step: Step) -> datetime | None:
    # People close the follow-up weeks later: its end would flatten all other bars.
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


def votes(report: RunReport, persons: Persons) -> Section:
    """Render who voted on which plan, refused and withdrawn votes included."""
    digest = report.run.plan.digest
    rows = [_vote(vote, digest, persons) for vote in report.votes]
    found = table("Votes", ("When (UTC)", "Who", "What", "How", "On plan"), rows)
    ran = Facts([("Digest of the plan that ran", code(digest))])
    return Section("approvals", "Who agreed", [ran, *(found or [Note("Nobody voted.", WARN)])])


def _vote(vote: VoteEntry, digest: str, persons: Persons) -> list[Cell]:
    shown = code(vote.digest[:SHORT_DIGEST] or "–")
    if vote.digest and vote.digest != digest:
        shown = Cell(f"{vote.digest[:SHORT_DIGEST]}, an earlier plan", mark=WARN)
    words, mark = _VERDICTS[vote.verdict]
    verdict = Cell(persons.prose(words.format(vote.why), 300), mark=mark)
    return [moment(vote.at), text(persons.name(vote.voter), 200), verdict, text(vote.how, 40), shown]


def timeline(entries: Sequence[TimelineEntry], persons: Persons) -> Section:
    """Render every event of the audit log, to the second."""
    rows = [[moment(entry.at), text(_who(entry, persons), 200), *_event(entry, persons)] for entry in entries]
    heads = ("When (UTC)", "Who", "What", "Details")
    return Section("timeline", "Timeline", table("Audit events of the run", heads, rows) or [Note("No event.", QUIET)])


def _who(entry: TimelineEntry, persons: Persons) -> str:
    return BOT if entry.actor == BOT else persons.name(entry.actor)


def _event(entry: TimelineEntry, persons: Persons) -> list[Cell]:
    mark = _MARKS.get(entry.event, "")
    if entry.step:
        return [text(entry.step, 150, mark=mark), Cell(persons.prose(entry.outcome, 600))]
    words = "; ".join(f"{key.replace('_', ' ')}: {', '.join(words)}" for key, words in entry.details)
    return [text(entry.event.replace("-", " "), 60, mark=mark), Cell(persons.prose(words, 600))]


def accounts(found: Sequence[Account], persons: Persons) -> Section:
    """Render what people wrote."""
    parts: list[Part] = [
        Quote(
            persons.name(account.author),
            moment(account.at),
            bare_paragraph(account.wrong, _MAX_TEXT),
            bare_paragraph(account.change, _MAX_TEXT),
        )
        for account in found
    ]
    return Section("accounts", "What went wrong", parts or [Note("Nobody has written about it yet.", QUIET)])


def follow_ups(report: RunReport, persons: Persons) -> list[Section]:
    """Render what is still to be done, or where it was done."""
    found = report.follow_up
    if found is None:
        return []
    state, where = Cell("open", mark=WARN), code(f"/rollback close {report.run.id} LINK")
    if found.closed_by:
        state, where = text(f"closed by {persons.name(found.closed_by)}", 200, mark=GOOD), link(found.link)
    rows = [[text(found.title), state, where]]
    return [Section("follow-ups", "Follow-ups", table("What is to follow", ("What", "State", "Where"), rows))]


def excerpts(calls: Sequence[HelpCall], persons: Persons) -> list[Section]:
    """Render what was posted when people were called: the server's last lines, the backup, reachable points in time."""
    parts = [part for call in calls for part in _help_call(call, persons)]
    return [Section("excerpts", "Excerpts", parts)] if parts else []


def _help_call(call: HelpCall, persons: Persons) -> list[Part]:
    pairs = [
        ("Help was called", moment(call.at)),
        ("Because", Cell(persons.prose(call.problem, 1500) or "–")),
        ("The backup", text(call.backup or "–", 600)),
    ]
    shown: list[Part] = [Facts(pairs)]
    shown += excerpt("What point-in-time recovery could reach", "\n".join(call.recovery))
    for pod, log in call.logs.items():
        shown += excerpt(f"Database log of {pod}, last lines, the server's own only", log)
    return shown
