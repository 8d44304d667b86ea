"""Reads cron expressions and time zones; 0 and 7 are Sunday, as everywhere except in APScheduler."""

from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from apscheduler.triggers.cron import CronTrigger

_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_NAMES = {name: number for number, name in enumerate(_DAYS)}
_FIELDS = 5
_SOME_LEAP_YEAR = datetime(2028, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=256)
def trigger(cron: str) -> CronTrigger:
    """Read five cron fields into a trigger that ticks in UTC; ValueError when they are none."""
    fields = cron.split()
    if len(fields) != _FIELDS:
        raise ValueError(f"{cron} has {len(fields)} fields, not {_FIELDS}")
    minute, hour, day, month, weekday = fields
    days = weekday if weekday == "*" else _weekdays(weekday)
    return CronTrigger(minute=minute, hour=hour, day=day, month=month, day_of_week=days, timezone=UTC)


def find_zone(timezone: str) -> ZoneInfo:
    """Find a time zone by its IANA name; ValueError when there is none."""
    try:
        return ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{timezone} is no time zone") from error


def check(cron: str) -> str:
    """Check that five cron fields match at some time; the ValueError says ``must be …``."""
    try:
        ticking = trigger(cron)
    except (ValueError, TypeError) as error:
        raise ValueError("must be five cron fields, like 0 3 * * 1") from error
    if ticking.get_next_fire_time(None, _SOME_LEAP_YEAR) is None:
        raise ValueError("must be a time that comes, in any year")
    return cron


def check_zone(timezone: str) -> str:
    """Check a time zone's name; the ValueError says ``must be …``."""
    try:
        find_zone(timezone)
    except ValueError as error:
        raise ValueError("must be a time zone's name, like Europe/Berlin") from error
    return timezone


def _weekdays(field: str) -> str:
    days = sorted({day % 7 for part in field.lower().split(",") for day in _part(part)})
    return ",".join(_DAYS[day] for day in days)


def _part(part: str) -> range:
    span, _, step = part.partition("/")
    low, _, high = span.partition("-")
    if span == "*":
        first, last = 0, 6
    else:
        first = _day(low)
        last = _day(high) if high else (6 if step else first)
    if last < first:
        last += 7
    if step and int(step) < 1:
        raise ValueError(f"{step} is no step")
    return range(first, last + 1, int(step or 1))


def _day(text: str) -> int:
    day = _NAMES.get(text, int(text) if text.isdigit() else -1)
    if not 0 <= day <= 7:  # noqa: PLR2004 -- 7 is Sunday, too
        raise ValueError(f"{text} is no day of the week")
    return day
