"""The closing report: what happened, when, what went, where it was saved, who agreed."""

from collections.abc import Mapping, Sequence

from bot.domain.approvals import Choice
from bot.domain.backups import Export, SavedTable
from bot.domain.plans import ChainPlan
from bot.domain.runs import Run, RunState, StepState
from bot.planning.checklist import EXPORT, RESTORE_TRAFFIC, STOP_TRAFFIC, VERIFY_SIDE
from bot.ports import AuditEvent
from bot.views.buttons import for_report
from bot.views.kit.blocks import Block, View, actions, context, header, listing, page, section
from bot.views.kit.text import code, count, duration, moment, one_line, people, person, prose, size
from bot.views.plans import plan as plan_view
from bot.views.plans.kinds import KINDS

_TIMELINE_MOST = 2800
_WORDS_MOST = 1400
_SAVED_MOST = 1800
_DETAIL_MOST = 160
_VOTES = frozenset({"voted", "vote-withdrawn"})
HIDDEN = frozenset(
    {"bot", "deleted", "guest", "stranger", "owner", "fence", "name", "request", "logs", "recovery", "wrong", "change"}
)
"""Details kept for auditors or shown elsewhere, of no help in a timeline."""
OURSELVES = "backstop"
DOCUMENTED = "documented"
_STEP_SIGNS = {"step": "✓", "step-failed": "✗", "step-undone": "↩"}
_DIGESTS = frozenset({"digest", "old", "new"})


def render(run: Run, events: Sequence[AuditEvent], export: Export | None) -> View:
    """Render the report from the run, its audit events (oldest first) and what was exported."""
    title = f"Report: {plan_view.noun(run.plan)} of {run.environment} to schema {run.plan.to_schema:03d}"
    text = f"Report of run {one_line(run.id, 20)}: {one_line(run.environment, 40)}, {plan_view.headline(run.plan)}"
    approved = _approvers(run, events)
    return page(
        text,
        [
            header(title),
            section(_outcome(run)),
            *(section(part) for part in _changed(run, export)),
            section(_people(run, approved)),
            section(listing("*Timeline*", _timeline(run, events), _TIMELINE_MOST)),
            *_words(events),
            *actions(for_report(run)),
            context(f"Run {code(run.id, 40)} · plan `{run.plan.short_digest}` · the audit log holds every event."),
        ],
    )


def _words(events: Sequence[AuditEvent]) -> list[Block]:
    """What people wrote, each person's newest, newest last."""
    lines = [f"{person(event.actor)}: {_written(event)}" for event in written(events).values()]
    return [section(listing("*What went wrong*", lines, _WORDS_MOST))] if lines else []


def _written(event: AuditEvent) -> str:
    wrong, change = (one_line(str(event.details.get(key) or ""), 400) for key in ("wrong", "change"))
    return wrong + (f" _To change:_ {change}" if change else "")


def written(events: Sequence[AuditEvent]) -> Mapping[str, AuditEvent]:
    """Each person's newest account of what went wrong, by person, in the order of those."""
    newest: dict[str, AuditEvent] = {}
    for event in events:
        if event.event == DOCUMENTED:
            newest.pop(event.actor, None)
            newest[event.actor] = event
    return newest


def _changed(run: Run, export: Export | None) -> list[str]:
    """Describe what changed, or would have; what was saved before is there even where nothing changed."""
    return [*KINDS[run.plan.kind].outcome(run.plan, run), *_saved(run, export), *_odd(run)]


def _odd(run: Run) -> list[str]:
    """What the side database's verification found odd, and what could not be copied to it."""
    data = next((step.data for step in run.steps if step.key == VERIFY_SIDE), {})
    lines = [f"• {one_line(str(line), 300)}" for line in data.get("odd", ())]
    lines += [f"• not copied: {one_line(str(line), 300)}" for line in data.get("not_copied", ())]
    return [listing("*Look at this*", lines, _SAVED_MOST)] if lines else []


def _outcome(run: Run) -> str:
    good = run.state in {RunState.RUNNING, RunState.SUCCEEDED} and not run.problem
    lines = [f"*{KINDS[run.plan.kind].done if good else '⚠️ Not completed'}* – {plan_view.headline(run.plan)}"]
    if run.problem:
        lines.append(f"What stopped it: {prose(run.problem, 600)}")
    down = downtime_s(run)
    if down is not None:
        lines.append(f"The app was down for {duration(down)}; planned were {duration(run.plan.estimate.downtime_s)}.")
    return "\n".join(lines)


def downtime_s(run: Run) -> float | None:
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


def _saved(run: Run, export: Export | None) -> list[str]:
    if not isinstance(run.plan, ChainPlan):
        return []
    if export is None:
        done = next((step.detail for step in run.steps if step.key == EXPORT and step.state is StepState.DONE), "")
        if done:  # the bucket does not say just now
            return [f"*Saved rows* – {one_line(done, 200)}, in {code(run.plan.saves_to, 120)}."]
        return ["*Saved rows* – none were exported." if run.plan.rows else "*Saved rows* – none had to be."]
    title = (
        f"*Saved rows* – {count(export.rows, 'row')} of {count(len(export.tables), 'relation')} "
        f"in {code(run.plan.saves_to, 120)}, under {code(export.prefix, 200)}"
    )
    return [listing(title, [_table(table) for table in export.tables], _SAVED_MOST + len(title))]


def _table(table: SavedTable) -> str:
    return f"• {code(table.table, 120)} {count(table.rows, 'row')}, {size(table.size_bytes)}: {code(table.key, 200)}"


def _people(run: Run, approved: Sequence[str]) -> str:
    lines = [f"Asked for by {person(run.requester)}, {moment(run.created_at, '{date_short_pretty} {time}')}."]
    if approved:
        lines.append(f"Approved by {people(approved)}.")
    return "*People*\n" + " ".join(lines) + (f"\nReason: {one_line(run.reason, 500)}" if run.reason else "")


def _approvers(run: Run, events: Sequence[AuditEvent]) -> list[str]:
    """Whose last vote on the plan that the run has was an approval that still counted, as the audit log has it."""
    last: dict[str, str] = {}
    for event in events:
        if event.event == "plan-changed" and event.details.get("old") != event.details.get("new"):
            last.clear()  # a plan that comes back later does not bring its votes with it
        elif event.event in _VOTES and event.details.get("digest", run.plan.digest) == run.plan.digest:
            voter = str(event.details.get("user") or event.actor)  # the re-check takes votes out in its own name
            last[voter] = str(event.details.get("choice", ""))
    return [voter for voter, choice in last.items() if choice == Choice.APPROVE]


def _timeline(run: Run, events: Sequence[AuditEvent]) -> list[str]:
    titles = {step.key: step.title for step in run.steps}
    return [_line(event, titles) for event in events]


def _line(event: AuditEvent, titles: Mapping[str, str]) -> str:
    at, title = moment(event.at, "{time_secs}"), titles.get(str(event.details.get("key", "")))
    if title is not None and event.event in _STEP_SIGNS:
        said = event.details.get("detail") or event.details.get("problem") or ""
        return f"{at} {_STEP_SIGNS[event.event]} {title}" + (f": {one_line(str(said), _DETAIL_MOST)}" if said else "")
    who = "" if event.actor == OURSELVES else f"{person(event.actor)} "
    details = _details(event.details)
    return f"{at} {who}{one_line(event.event.replace('-', ' '), 60)}" + (f": {details}" if details else "")


def _details(details: Mapping[str, object]) -> str:
    words = [
        f"{key} {_word(value)[:12] if key in _DIGESTS else _word(value)}"
        for key, value in details.items()
        if key not in HIDDEN and value not in ("", None, [])
    ]
    return one_line(", ".join(words), _DETAIL_MOST)


def _word(value: object) -> str:
    return " ".join(str(part) for part in value) if isinstance(value, list | tuple) else str(value)
