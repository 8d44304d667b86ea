"""When drills are due: cron in a time zone, without blackout days, by APScheduler's trigger."""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from apscheduler.triggers.cron import CronTrigger

from bot.domain.drills import Schedule

MOST = 1000
HORIZON = timedelta(days=5 * 366)
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_NAMES = {name: number for number, name in enumerate(_DAYS)}
_FIELDS = 5
_OVERLAP = timedelta(hours=3)
"""More than clocks are ever put back by."""


class CronCalendar:
    """Implements `bot.ports.Calendar`."""

    def due_between(self, schedule: Schedule, after: datetime, until: datetime) -> Sequence[datetime]:
        """See `bot.ports.Calendar.due_between`."""
        return list(_due(schedule, after, until, MOST))

    def next_due(self, schedule: Schedule, after: datetime) -> datetime | None:
        """See `bot.ports.Calendar.next_due`."""
        return next(_due(schedule, after, after + HORIZON, 1), None)

    def jitter_s(self, schedule: Schedule, due_at: datetime) -> float:
        """See `bot.ports.Calendar.jitter_s`: APScheduler's own jitter is another one on every replica."""
        text = f"{schedule.name}|{due_at.astimezone(UTC).isoformat()}"
        share = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") / 2**32
        return round(share * schedule.jitter_s)


def trigger(cron: str) -> CronTrigger:
    """Read five cron fields; 0 and 7 are Sunday, as everywhere but in APScheduler. It ticks in UTC.

    Raises:
        ValueError: it is no cron expression.
    """
    fields = cron.split()
    if len(fields) != _FIELDS:
        raise ValueError(f"{cron} has {len(fields)} fields, not {_FIELDS}")
    minute, hour, day, month, weekday = fields
    days = weekday if weekday == "*" else _weekdays(weekday)
    return CronTrigger(minute=minute, hour=hour, day=day, month=month, day_of_week=days, timezone=UTC)


def zone_of(timezone: str) -> ZoneInfo:
    """Find a time zone by its IANA name.

    Raises:
        ValueError: there is none.
    """
    try:
        return ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{timezone} is no time zone") from error


def _due(schedule: Schedule, after: datetime, until: datetime, most: int) -> Iterator[datetime]:
    found, last = 0, after
    for wall in _walls(schedule, after):
        # A time that the clocks skip is taken an hour later, one that they show twice is taken once.
        due = wall.astimezone(UTC)
        if due > until or found == most:
            return
        if due > last and not any(span.covers(wall.date()) for span in schedule.blackout):
            last, found = due, found + 1
            yield due


def _walls(schedule: Schedule, after: datetime) -> Iterator[datetime]:
    """What the clocks on the wall show whenever the cron ticks, from a little before `after`.

    APScheduler is asked in UTC, as if the wall were there: in a zone of its own it ticks twice in the hour that is
    repeated in autumn, and never gets past it.
    """
    ticking, zone = trigger(schedule.cron), zone_of(schedule.timezone)
    at = after.astimezone(zone).replace(tzinfo=UTC, fold=0) - _OVERLAP
    while (tick := ticking.get_next_fire_time(None, at)) is not None:
        yield tick.replace(tzinfo=zone)
        at = tick + timedelta(seconds=1)


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
    return range(first, last + 1, int(step or 1))


def _day(text: str) -> int:
    day = _NAMES.get(text, int(text) if text.isdigit() else -1)
    if not 0 <= day <= 7:  # noqa: PLR2004 -- 7 is Sunday, too
        raise ValueError(f"{text} is no day of the week")
    return day
