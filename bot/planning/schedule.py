"""Decides what to do with a drill that is due, and when a schedule has been silent for too long."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bot.domain.drills import Drill, Schedule

DEFAULT_WITHIN_S = 3600
"""Latest start of a drill that has no schedule of its own, in seconds after its time."""
LONGEST_POSTPONEMENT = timedelta(days=7)
_GAP = timedelta(seconds=120)
"""The scheduler looks every few seconds: after two minutes without it, it was down."""


class Act(StrEnum):
    """The next act for a planned drill."""

    REST = "rest"
    START = "start"
    WAIT = "wait"
    MISS = "miss"


@dataclass(frozen=True)
class Situation:
    """The situation that a planned drill is judged by.

    Attributes:
        now: UTC.
        hindrance: the reason why none can start in its environment now, as a sentence; "" for none.
        overtaken: a later one of its schedule is due as well.
        last_beat: the last time the scheduler dealt with everything; None: never.
    """

    now: datetime
    hindrance: str = ""
    overtaken: bool = False
    last_beat: datetime | None = None


def act_on(drill: Drill, within_s: int, situation: Situation) -> Act:
    """Decide what to do; `within_s` is the allowed delay of its start."""
    if situation.now < drill.start_at:
        return Act.REST
    if situation.overtaken or situation.now > last_start(drill, within_s):
        return Act.MISS
    return Act.WAIT if situation.hindrance else Act.START


def last_start(drill: Drill, within_s: int) -> datetime:
    """Return its latest start."""
    return drill.start_at + timedelta(seconds=within_s)


def why_missed(drill: Drill, within_s: int, situation: Situation) -> str:
    """Say why it was missed, as a sentence."""
    beat, until = situation.last_beat, last_start(drill, within_s)
    if beat is not None and beat < until and situation.now - beat > _GAP:
        return f"Backstop was down, or kept from working, from {_time(beat)} to {_time(situation.now)}."
    if situation.overtaken:
        return "The next one of its schedule was due before it could start."
    if situation.hindrance:
        return situation.hindrance
    return f"Nothing took it up by {_time(until)}."


def overtaken(drills: Iterable[Drill], now: datetime) -> frozenset[str]:
    """Ids of planned drills whose schedule has a later one that may start, too: of several only the last counts."""
    last: dict[str, Drill] = {}
    for drill in drills:
        if drill.schedule and drill.start_at <= now:
            known = last.get(drill.schedule)
            last[drill.schedule] = drill if known is None or known.due_at < drill.due_at else known
    newest = {drill.id for drill in last.values()}
    return frozenset(
        drill.id for drill in drills if drill.schedule and drill.start_at <= now and drill.id not in newest
    )


def deadline(schedule: Schedule, since: datetime, second_due: datetime | None) -> datetime | None:
    """Until when the schedule must pass again.

    Args:
        schedule: which.
        since: its last pass, or since when it is known.
        second_due: the second due time after that. One may fail; people are called when the next one fails as well,
            whatever the distances between due times are.
    """
    if schedule.overdue_after_s is not None:
        return since + timedelta(seconds=schedule.overdue_after_s)
    late_s = schedule.jitter_s + schedule.start_within_s
    return second_due + timedelta(seconds=late_s) if second_due else None


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
