"""What drills have taught, in words; the picture shows the same."""

from bot.domain.drill_reports import Course, DrillReport, Overdue, RestoreForecast
from bot.domain.drills import Drill, DrillKind
from bot.views.kit.blocks import View, context, header, listing, page, section
from bot.views.kit.text import ago, code, count, duration, one_line, prose
from bot.views.plans import drill_evidence

_COURSES_MOST = 2700
_FORECASTS_MOST = 2400
_OVERDUE_MOST = 1200
_NAME_MOST = 150
_SAME = 0.05
"""A twentieth more or less is no news."""
_KINDS = {
    DrillKind.RESTORE: "Restores of {}",
    DrillKind.BUNDLE: "Backups of {}, loaded aside and compared",
    DrillKind.MIGRATION: "Migrations of {}",
}


def render(report: DrillReport, *, pictured: bool) -> View:
    """Render the text; `pictured` says whether a picture follows."""
    where = f"drills of {one_line(report.environment, 40)}" if report.environment else "drills"
    if not report.tried:
        return _none(report, where)
    parts = [
        _numbers(report),
        *([listing("*Time to restore, data-loss window*", _courses(report), _COURSES_MOST)] if report.courses else []),
        *([listing("*The next restore*", _forecasts(report), _FORECASTS_MOST)] if report.forecasts else []),
        *([_overdue(report)] if report.overdue else []),
    ]
    text = f"What {where} have taught: {report.passed} of {report.tried} passed"
    picture = "The picture follows." if pictured else "No picture: there is nothing to draw, or it could not be drawn."
    return page(text, [header(f"What {where} have taught"), *map(section, parts), context(picture)])


def _none(report: DrillReport, where: str) -> View:
    text = f"There have been no {where} yet."
    way = (
        f"Start one: {code(f'/drill {report.ground} now')}. To have them come round, add {code('[[drills]]')} to the "
        "configuration."
        if report.ground
        else "Drills run in environments that are not production, and there is none: add one to the configuration."
    )
    more = [section(_overdue(report))] if report.overdue else []
    return page(text, [section(f"{text}\n{way}"), *more])


def _numbers(report: DrillReport) -> str:
    known = f"the newest {report.tried:,} drills" if report.truncated else count(report.tried, "drill")
    lines = [f"{known[:1].upper()}{known[1:]}: {report.passed:,} passed, {report.failed:,} failed."]
    lines.append(f"Last passed: {_drill(report.last_passed, report)}." if report.last_passed else "⚠ None has passed.")
    if report.last_failed:
        why = prose(report.last_failed.problem, 250) or "no reason was noted"
        lines.append(f"Last failed: {_drill(report.last_failed, report)}: {why}")
    return "\n".join(lines)


def _drill(drill: Drill, report: DrillReport) -> str:
    when = ago(drill.ended_at or drill.due_at, report.at)
    return f"{when}, {code(drill.id, 20)} ({drill.kind.value} in {one_line(drill.environment, 40)})"


def _courses(report: DrillReport) -> list[str]:
    return [_course(course) for course in report.courses]


def _course(course: Course) -> str:
    title = _KINDS[course.kind].format(one_line(course.source, 40))
    lines = [f"• {title}: {_time(course)}{_trend(course)}"]
    if course.newest_loss_s is not None and course.worst_loss_s is not None:
        held = _held(course.worst_loss_s, course.data_loss_target_s)
        lines.append(
            f"      data-loss window {duration(course.newest_loss_s)} last time, {duration(course.worst_loss_s)} at "
            f"worst{held}"
        )
    return "\n".join(lines)


def _time(course: Course) -> str:
    if course.newest_s is None or course.median_s is None:
        return f"{count(course.failed, 'drill')}, none has passed"
    held = _held(course.newest_s, course.restore_target_s)
    return f"{duration(course.newest_s)} last time, {duration(course.median_s)} as the median of {course.passed}{held}"


def _held(seconds: float, target_s: float | None) -> str:
    if target_s is None:
        return ""
    return (
        f", within the target of {duration(target_s)}"
        if seconds <= target_s
        else (f", ⚠ over the target of {duration(target_s)}")
    )


def _trend(course: Course) -> str:
    if course.newest_s is None or not course.before_s:
        return ""
    change = course.newest_s / course.before_s - 1
    if abs(change) < _SAME:
        return "; as before"
    return f"; {abs(change) * 100:.0f} % {'slower' if change > 0 else 'faster'} than the median of those before"


def _forecasts(report: DrillReport) -> list[str]:
    return [_forecast(forecast) for forecast in report.forecasts]


def _forecast(next_one: RestoreForecast) -> str:
    name = one_line(next_one.environment, 40)
    if next_one.problem or not next_one.backup:
        return f"• {name}: nobody can say. {prose(next_one.problem, 300)}"
    about = (
        f"• {name}, {code(next_one.backup, _NAME_MOST)}: about {duration(next_one.estimate_s)} by the bot's estimate; "
    )
    if next_one.made is None:
        return about + "no restore drill has checked that estimate yet."
    return about + "by the history " + drill_evidence.forecast(next_one.made, "restores")


def _overdue(report: DrillReport) -> str:
    return listing("*⚠ Overdue, or never passed*", [_late(late, report) for late in report.overdue], _OVERDUE_MOST)


def _late(late: Overdue, report: DrillReport) -> str:
    when = f"last passed {ago(late.passed_at, report.at)}" if late.passed_at else "has never passed"
    return f"• {code(late.schedule, 80)} {when}"
