"""Renders the answer to `/drill list`: schedules, then planned and recent drills."""

from collections.abc import Sequence

from bot.domain.drills import Drill, DrillState, Schedule, Standing
from bot.views.drills.drill import STATES
from bot.views.drills.kinds import KINDS
from bot.views.kit.blocks import View, context, page, paginate, section
from bot.views.kit.text import code, count, moment, one_line, person, prose

_MAX_SCHEDULES = 5000
_MAX_DRILLS = 4500
_DAY = "{date_short_pretty} {time}"


def render(standings: Sequence[Standing], drills: Sequence[Drill]) -> View:
    """Render each schedule with its due time and its last pass, and drills, newest first."""
    late = sum(standing.overdue for standing in standings)
    text = f"{count(len(standings), 'schedule')}, {late} overdue"
    schedules = [line for standing in standings for line in _schedule(standing)] or ["Nothing is scheduled here."]
    newest = [line for drill in drills for line in _drill(drill)] or ["There has been no drill yet."]
    return page(
        text,
        [
            section("*Schedules*"),
            *paginate(schedules, _MAX_SCHEDULES),
            section("*Drills*"),
            *paginate(newest, _MAX_DRILLS),
            context(f"{code('/drill help')} says what can be done."),
        ],
    )


def _schedule(standing: Standing) -> list[str]:
    item = standing.schedule
    mark = "🚨" if standing.overdue else "🗓"
    first = f"{mark} {code(item.name, 80)} – {KINDS[item.kind].noun} of *{one_line(item.environment, 40)}*"
    if item.source != item.environment:
        first += f", bundles of {one_line(item.source, 40)}"
    passed = f"last passed {moment(standing.last_passed, _DAY)}" if standing.last_passed else "has never passed"
    second = f"      {_next(standing)} · {passed}"
    if standing.overdue:
        second += " · *overdue*"
    return [first, second, *_rest(item)]


def _next(standing: Standing) -> str:
    if standing.next_due is None or standing.next_wall is None:
        return "not due within five years"
    wall = f"{standing.next_wall:%a %Y-%m-%d %H:%M} {one_line(standing.schedule.timezone, 40)}"
    return f"next {moment(standing.next_due, _DAY)} ({wall})"


def _rest(schedule: Schedule) -> list[str]:
    if not schedule.blackout:
        return []
    spans = [str(s.first) if s.first == s.last else f"{s.first} to {s.last}" for s in schedule.blackout]
    more = f" and {len(spans) - 5} more" if len(spans) > 5 else ""  # noqa: PLR2004 -- the slice's length
    return [f"      rests on {', '.join(spans[:5])}{more}"]


def _drill(drill: Drill) -> list[str]:
    when = drill.ended_at or drill.started_at or drill.start_at
    verb = "starts" if drill.state is DrillState.PLANNED else "ended" if drill.ended_at else "started"
    who = code(drill.schedule, 80) if drill.schedule else f"asked for by {person(drill.user_id)}"
    line = (
        f"{STATES[drill.state]} {code(drill.id, 40)} {KINDS[drill.kind].noun} of *{one_line(drill.environment, 40)}* · "
        f"{who} · {verb} {moment(when, _DAY)}"
    )
    return [line, *([f"      {prose(drill.problem, 300)}"] if drill.problem else [])]
