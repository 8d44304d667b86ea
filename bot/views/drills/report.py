"""Renders the text of `/drill report`; the picture shows the same."""

from bot.domain.drill_reports import DrillReport, DrillSeries, Overdue, RestoreForecast
from bot.domain.drills import Drill
from bot.views.drills.kinds import KINDS
from bot.views.kit.blocks import View, context, header, listing, page, section
from bot.views.kit.text import ago, code, count, duration, one_line, prose
from bot.views.plans import drill_evidence

_MAX_SERIES = 2700
_MAX_FORECASTS = 2400
_MAX_OVERDUE = 1200
_MAX_NAME = 150
_SAME = 0.05
"""A smaller change is not worth a word."""


def render(report: DrillReport, *, pictured: bool) -> View:
    """Render the text; `pictured` says whether a picture follows."""
    where = f"drills of {one_line(report.environment, 40)}" if report.environment else "drills"
    if not report.tried:
        return _none(report, where)
    parts = [
        _numbers(report),
        *([listing("*Time to restore, data-loss window*", _all_series(report), _MAX_SERIES)] if report.series else []),
        *([listing("*The next restore*", _forecasts(report), _MAX_FORECASTS)] if report.forecasts else []),
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


def _all_series(report: DrillReport) -> list[str]:
    return [_one_series(series) for series in report.series]


def _one_series(series: DrillSeries) -> str:
    title = KINDS[series.kind].series.format(one_line(series.source, 40))
    lines = [f"• {title}: {_time(series)}{_trend(series)}"]
    if series.newest_loss_s is not None and series.worst_loss_s is not None:
        held = _held(series.worst_loss_s, series.data_loss_target_s)
        lines.append(
            f"      data-loss window {duration(series.newest_loss_s)} last time, {duration(series.worst_loss_s)} at "
            f"worst{held}"
        )
    return "\n".join(lines)


def _time(series: DrillSeries) -> str:
    if series.newest_s is None or series.median_s is None:
        return f"{count(series.failed, 'drill')}, none has passed"
    held = _held(series.newest_s, series.restore_target_s)
    return f"{duration(series.newest_s)} last time, {duration(series.median_s)} as the median of {series.passed}{held}"


def _held(seconds: float, target_s: float | None) -> str:
    if target_s is None:
        return ""
    return (
        f", within the target of {duration(target_s)}"
        if seconds <= target_s
        else (f", ⚠ over the target of {duration(target_s)}")
    )


def _trend(series: DrillSeries) -> str:
    if series.newest_s is None or not series.before_s:
        return ""
    change = series.newest_s / series.before_s - 1
    if abs(change) < _SAME:
        return "; as before"
    return f"; {abs(change) * 100:.0f} % {'slower' if change > 0 else 'faster'} than the median of those before"


def _forecasts(report: DrillReport) -> list[str]:
    return [_forecast(forecast) for forecast in report.forecasts]


def _forecast(next_one: RestoreForecast) -> str:
    name = one_line(next_one.environment, 40)
    if next_one.problem or not next_one.backup:
        return f"• {name}: unknown. {prose(next_one.problem, 300)}"
    about = (
        f"• {name}, {code(next_one.backup, _MAX_NAME)}: about {duration(next_one.estimate_s)} by the bot's estimate; "
    )
    if next_one.made is None:
        return about + "no restore drill has checked that estimate yet."
    return about + "by the history " + drill_evidence.forecast(next_one.made, "restores")


def _overdue(report: DrillReport) -> str:
    return listing("*⚠ Overdue, or never passed*", [_late(late, report) for late in report.overdue], _MAX_OVERDUE)


def _late(late: Overdue, report: DrillReport) -> str:
    when = f"last passed {ago(late.passed_at, report.at)}" if late.passed_at else "has never passed"
    return f"• {code(late.schedule, 80)} {when}"
