"""Computes when drills are due: cron in a time zone, without blackout days, by APScheduler's trigger."""

import hashlib
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from bot.config.cron import find_zone, trigger
from bot.domain.drills import Schedule

MAX_DUE = 1000
HORIZON = timedelta(days=5 * 366)
GAPS_KEPT = 16
_OVERLAP = timedelta(hours=3)  # more than clocks are ever put back by


class CronCalendar:
    """Implements `bot.ports.Calendar`."""

    def __init__(self) -> None:
        self._gaps: dict[Schedule, deque[tuple[datetime, datetime]]] = {}

    def due_between(self, schedule: Schedule, after: datetime, until: datetime) -> Sequence[datetime]:
        """See `bot.ports.Calendar.due_between`."""
        first = self.next_due(schedule, after)
        return list(_due(schedule, after, until, MAX_DUE)) if first is not None and first <= until else []

    def next_due(self, schedule: Schedule, after: datetime) -> datetime | None:
        """See `bot.ports.Calendar.next_due`."""
        # The scheduler asks nearly the same every few seconds, so the gaps between two due times are cached.
        gaps = self._gaps.setdefault(schedule, deque(maxlen=GAPS_KEPT))
        for begin, end in list(gaps):
            if begin <= after < end:
                return end
        due = next(_due(schedule, after, after + HORIZON, 1), None)
        if due is not None:
            gaps.append((after, due))
        return due

    def jitter_s(self, schedule: Schedule, due_at: datetime) -> float:
        """See `bot.ports.Calendar.jitter_s`."""
        # Decision 23: a hash, because APScheduler's own jitter differs from replica to replica.
        text = f"{schedule.name}|{due_at.astimezone(UTC).isoformat()}"
        share = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") / 2**32
        return round(share * schedule.jitter_s)

    def wall(self, schedule: Schedule, at: datetime) -> datetime:
        """See `bot.ports.Calendar.wall`."""
        return at.astimezone(find_zone(schedule.timezone))


def _due(schedule: Schedule, after: datetime, until: datetime, limit: int) -> Iterator[datetime]:
    found, last = 0, after
    for wall in _walls(schedule, after):
        # A time that the clocks skip is due an hour later; a time that they show twice is due once.
        due = wall.astimezone(UTC)
        if due > until or found == limit:
            return
        if due > last and not schedule.rests_on(wall.date()):
            last, found = due, found + 1
            yield due


def _walls(schedule: Schedule, after: datetime) -> Iterator[datetime]:
    """Yield the wall-clock times of the cron's ticks, from a little before `after`."""
    # Decision 23: the trigger runs in UTC, as if the wall clock showed UTC. In a real zone APScheduler ticks twice in
    # autumn's repeated hour, and never gets past it.
    ticking, zone = trigger(schedule.cron), find_zone(schedule.timezone)
    at = after.astimezone(zone).replace(tzinfo=UTC, fold=0) - _OVERLAP
    while (tick := ticking.get_next_fire_time(None, at)) is not None:
        yield tick.replace(tzinfo=zone)
        at = tick + timedelta(seconds=1)
