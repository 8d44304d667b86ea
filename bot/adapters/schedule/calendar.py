"""When drills are due: cron in a time zone, without blackout days, by APScheduler's trigger."""

import hashlib
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from bot.config.cron import find_zone, trigger
from bot.domain.drills import Schedule

MOST = 1000
HORIZON = timedelta(days=5 * 366)
GAPS_KEPT = 16
_OVERLAP = timedelta(hours=3)
"""More than clocks are ever put back by."""


class CronCalendar:
    """Implements `bot.ports.Calendar`."""

    def __init__(self) -> None:
        self._gaps: dict[Schedule, deque[tuple[datetime, datetime]]] = {}

    def due_between(self, schedule: Schedule, after: datetime, until: datetime) -> Sequence[datetime]:
        """See `bot.ports.Calendar.due_between`."""
        first = self.next_due(schedule, after)
        return list(_due(schedule, after, until, MOST)) if first is not None and first <= until else []

    def next_due(self, schedule: Schedule, after: datetime) -> datetime | None:
        """See `bot.ports.Calendar.next_due`. The scheduler asks much the same every few seconds, so gaps are kept."""
        gaps = self._gaps.setdefault(schedule, deque(maxlen=GAPS_KEPT))
        for begin, end in list(gaps):
            if begin <= after < end:
                return end
        due = next(_due(schedule, after, after + HORIZON, 1), None)
        if due is not None:
            gaps.append((after, due))
        return due

    def jitter_s(self, schedule: Schedule, due_at: datetime) -> float:
        """See `bot.ports.Calendar.jitter_s`: APScheduler's own jitter is another one on every replica."""
        text = f"{schedule.name}|{due_at.astimezone(UTC).isoformat()}"
        share = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") / 2**32
        return round(share * schedule.jitter_s)

    def wall(self, schedule: Schedule, at: datetime) -> datetime:
        """See `bot.ports.Calendar.wall`."""
        return at.astimezone(find_zone(schedule.timezone))


def _due(schedule: Schedule, after: datetime, until: datetime, most: int) -> Iterator[datetime]:
    found, last = 0, after
    for wall in _walls(schedule, after):
        # A time that the clocks skip is taken an hour later, one that they show twice is taken once.
        due = wall.astimezone(UTC)
        if due > until or found == most:
            return
        if due > last and not schedule.rests_on(wall.date()):
            last, found = due, found + 1
            yield due


def _walls(schedule: Schedule, after: datetime) -> Iterator[datetime]:
    """What the clocks on the wall show whenever the cron ticks, from a little before `after`.

    APScheduler is asked in UTC, as if the wall were there: in a zone of its own it ticks twice in the hour that is
    repeated in autumn, and never gets past it.
    """
    ticking, zone = trigger(schedule.cron), find_zone(schedule.timezone)
    at = after.astimezone(zone).replace(tzinfo=UTC, fold=0) - _OVERLAP
    while (tick := ticking.get_next_fire_time(None, at)) is not None:
        yield tick.replace(tzinfo=zone)
        at = tick + timedelta(seconds=1)
