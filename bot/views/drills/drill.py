"""Renders a drill's messages: one with its announcement, checklist and result, and those about alerts and failures."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.domain.drills import OPEN_DRILLS, Alert, Drill, DrillState, Measurement
from bot.views.buttons import for_drill
from bot.views.drills.kinds import KINDS
from bot.views.kit.blocks import View, actions, context, header, listing, page, paginate, section
from bot.views.kit.text import code, count, duration, moment, one_line, person, prose, size
from bot.views.runs.card import MAX_CHECKLIST, step_lines

NEWS_AFTER = timedelta(hours=1)
"""An announcement older than that is far up in the channel, and nobody notices an edit."""
STATES = {
    DrillState.PLANNED: "🗓 Planned",
    DrillState.RUNNING: "▶️ Running",
    DrillState.PASSED: "✅ Passed",
    DrillState.FAILED: "❌ Failed",
    DrillState.SKIPPED: "⏭️ Skipped",
    DrillState.MISSED: "⚠️ Missed",
}
_MAX_PROBLEM = 900
_MAX_MISSED = 2000
_DAY = "{date_short_pretty} {time}"


def render(drill: Drill, *, steer: bool = True) -> View:
    """Render a drill as it is; with `steer`, it has buttons while it is planned."""
    text = f"{STATES[drill.state]}: {KINDS[drill.kind].noun} of {one_line(drill.environment, 40)}"
    return page(
        text,
        [
            header(f"{KINDS[drill.kind].noun.capitalize()} of {drill.environment}"),
            section("\n".join(_state(drill))),
            *paginate([line for step in drill.steps for line in step_lines(step)], MAX_CHECKLIST),
            *actions(for_drill(drill) if steer else []),
            context(_facts(drill)),
        ],
    )


def _state(drill: Drill) -> list[str]:
    lines = [f"*{STATES[drill.state]}*"]
    if drill.state is DrillState.PLANNED:
        off = f", postponed by {person(drill.user_id)}" if drill.schedule and drill.user_id else ""
        lines[0] += f": starts {moment(drill.start_at, _DAY)}{off}"
    if drill.state in OPEN_DRILLS:
        lines.append(KINDS[drill.kind].does.format(one_line(drill.environment, 40), one_line(drill.bundle_of, 40)))
    if drill.problem:
        lines.append(prose(drill.problem, _MAX_PROBLEM))
    return lines + (_measured(drill.measured, KINDS[drill.kind].timed) if drill.measured else [])


def _measured(found: Measurement, what: str) -> list[str]:
    lines = []
    if found.phases:
        each = ", ".join(f"{one_line(phase, 30)} {duration(seconds)}" for phase, seconds in found.phases[:12])
        lines.append(f"{what.capitalize()}: *{duration(found.restore_s)}* ({each})")
    if found.bundle:
        of = f" of {size(found.database_bytes)}" if found.database_bytes else ""
        lines.append(f"From {code(found.bundle, 120)}, {size(found.bundle_bytes)}: {count(found.rows, 'row')}{of}")
    if found.downtime_s is not None:
        lines.append(f"The app was down for {duration(found.downtime_s)}.")
    if found.data_loss_s is not None:
        lines.append(f"A disaster at that moment would have cost {duration(found.data_loss_s)} of data.")
    return lines


def _facts(drill: Drill) -> str:
    parts = [f"Drill {code(drill.id, 40)}"]
    parts.append(
        f"of schedule {code(drill.schedule, 80)}" if drill.schedule else f"asked for by {person(drill.user_id)}"
    )
    if drill.bundle_of != drill.environment:
        parts.append(f"bundles of {one_line(drill.bundle_of, 40)}")
    if drill.started_at:
        parts.append(f"started {moment(drill.started_at, _DAY)}")
    elif drill.schedule:
        parts.append(f"due {moment(drill.due_at, _DAY)}")
    if drill.ended_at:
        parts.append(f"ended {moment(drill.ended_at)}")
    if drill.started_at and drill.ended_at:
        parts.append(f"took {duration((drill.ended_at - drill.started_at).total_seconds())}")
    return " · ".join(parts)


def is_news(drill: Drill) -> bool:
    """Tell whether the start deserves a message of its own."""
    return (
        drill.started_at is not None
        and drill.announced_at is not None
        and drill.started_at - drill.announced_at > NEWS_AFTER
    )


def render_start(drill: Drill) -> View:
    """Render the line that announces the start, and later the result."""
    where, noun = one_line(drill.environment, 40), KINDS[drill.kind].noun
    text = f"{STATES[drill.state]}: {noun} {code(drill.id, 40)} of *{where}*"
    if drill.state is DrillState.RUNNING and drill.announced_at:
        text += f", as announced {moment(drill.announced_at, _DAY)}"
    if drill.measured and drill.measured.phases:
        text += f", {KINDS[drill.kind].timed} {duration(drill.measured.restore_s)}"
    return page(text, [section(f"{text}.")])


def render_failure(drill: Drill, contacts: Sequence[str]) -> View:
    """Render the news of a failed drill: a rollback would fail, too."""
    where, noun = one_line(drill.environment, 40), KINDS[drill.kind].noun
    text = f"❌ The {noun} {code(drill.id, 40)} of *{where}* has failed"
    why = prose(drill.problem, _MAX_PROBLEM) or "The log says why."
    return page(text, [section(f"{text}.\n{why}"), context(_call(contacts))])


def render_missed(drills: Sequence[Drill]) -> View:
    """Render the news that drills of one schedule were missed."""
    first = drills[0]
    where = one_line(first.environment, 40)
    of = f" of {code(first.schedule, 80)}" if first.schedule else ""
    verb = "was" if len(drills) == 1 else "were"
    text = f"⚠️ {count(len(drills), 'drill')}{of} in *{where}* {verb} missed"
    lines = [
        f"• {code(drill.id, 40)}, due {moment(drill.due_at, _DAY)}: {prose(drill.problem, 300)}" for drill in drills
    ]
    again = f"{code(f'/drill {first.environment} now {first.kind}', 120)} makes up for it."
    return page(text, [section(listing(f"{text}.", lines, _MAX_MISSED)), context(again)])


def render_overdue(alert: Alert, contacts: Sequence[str]) -> View:
    """Render an alert."""
    text = f"🚨 Overdue: {_waited_for(alert)}"
    since = moment(alert.since, _DAY)
    what = (
        f"The last one passed {since}." if alert.passed else f"No drill has passed since this one is required, {since}."
    )
    todo = f"Nothing proves now that a rollback would work. {code('/drill list')} shows what happened to the last ones."
    return page(text, [section(f"*{text}*\n{what} {todo}"), context(_call(contacts))])


def render_relieved(alert: Alert, passed_at: datetime | None) -> View:
    """Render an alert that no longer holds."""
    how = f"a drill passed {moment(passed_at, _DAY)}" if passed_at else "none is required any more"
    text = f"✅ No longer overdue: {_waited_for(alert)}"
    return page(text, [section(f"{text}\n{how[0].upper()}{how[1:]}.")])


def _waited_for(alert: Alert) -> str:
    kind, _, name = alert.subject.partition(":")
    shown = one_line(name, 80)
    return f"a drill of schedule {shown}" if kind == "schedule" else f"a drill with backups of {shown}"


def _call(contacts: Sequence[str]) -> str:
    return "Call: " + (
        ", ".join(one_line(contact, 120) for contact in contacts[:10]) or "the people who look after backups"
    )
