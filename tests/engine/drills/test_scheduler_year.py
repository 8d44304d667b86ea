"""A year of simulated time, DST changes included: what is due is announced once, and run once or reported missed."""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from operator import itemgetter
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.domain.drills import OPEN_DRILLS, DayRange, Drill, DrillKind, DrillState, Schedule
from bot.planning.schedule import last_start
from tests.engine.drills.drill_year import DAY, ROLLOUT, Mischief, Year
from tests.fakes.clock import NOON

BEGIN, END = NOON, NOON + 367 * DAY
CHANGED, REMOVED, ADDED = BEGIN + 140 * DAY, BEGIN + 260 * DAY, BEGIN + 50 * DAY
HOLIDAYS = DayRange(date(2026, 12, 20), date(2027, 1, 2))

WEEKLY = Schedule(
    "weekly", "staging", DrillKind.RESTORE, "0 3 * * 1", "Europe/Berlin", "", 600, announce_before_s=86_400
)
NIGHTLY = Schedule(
    "nightly", "dev", DrillKind.BUNDLE, "30 2 * * *", "Europe/Berlin", "prod", blackout=(HOLIDAYS,), start_within_s=7200
)
TWIN = Schedule("twin", "dev", DrillKind.MIGRATION, "30 2 * * 1", "Europe/Berlin", "prod")
MONTHLY = Schedule(
    "monthly", "dev", DrillKind.MIGRATION, "30 1 1 * *", "America/New_York", "prod", announce_before_s=2 * 86_400
)
PASSING = Schedule("passing", "staging", DrillKind.BUNDLE, "15 6,18 * * *", "UTC", "", 60, announce_before_s=43_200)
PASSING_LATER = replace(PASSING, cron="15 6 * * 1-5", timezone="Australia/Sydney")
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)

WALLS: Mapping[Schedule, tuple[Callable[[date], bool], Sequence[tuple[int, int]]]] = {
    WEEKLY: (lambda day: day.isoweekday() == 1, [(3, 0)]),
    TWIN: (lambda day: day.isoweekday() == 1, [(2, 30)]),
    NIGHTLY: (lambda day: not date(2026, 12, 20) <= day <= date(2027, 1, 2), [(2, 30)]),
    MONTHLY: (lambda day: day.day == 1, [(1, 30)]),
    PASSING: (lambda _: True, [(6, 15), (18, 15)]),
    PASSING_LATER: (lambda day: day.isoweekday() <= 5, [(6, 15)]),
}
"""What clocks on the wall show when each is due, by hand."""


@cache
def dues(schedule: Schedule) -> list[datetime]:
    """Every due time, found without the calendar: a skipped one an hour later, a repeated one the first time."""
    fits, times = WALLS[schedule]
    days = [BEGIN.date() + number * DAY for number in range(-2, 480)]
    walls = [
        datetime(d.year, d.month, d.day, *time, tzinfo=ZoneInfo(schedule.timezone))
        for d in days
        for time in times
        if fits(d)
    ]
    return sorted({wall.astimezone(UTC) for wall in walls})


def must_be_overdue(year: Year, schedule: Schedule) -> bool:
    """Two due times in a row have gone by without a pass."""
    ended = [
        d.ended_at for d in year.book.table.values() if d.schedule == schedule.name and d.state is DrillState.PASSED
    ]
    since = max((at for at in ended if at), default=None)
    since = since or year.book.known[schedule.name, schedule.fingerprint].since
    after = dues(schedule)[bisect_right(dues(schedule), since) :]
    return year.now > after[1] + timedelta(seconds=schedule.jitter_s + schedule.start_within_s)


@dataclass(frozen=True)
class Expected:
    """What must have a drill, and what may have one: around a change of the configuration."""

    must: set[tuple[str, datetime]]
    may: set[tuple[str, datetime]]


def expected() -> Expected:
    phases = [(item, BEGIN, END) for item in (WEEKLY, NIGHTLY, MONTHLY, TWIN)]
    phases += [(PASSING, ADDED, CHANGED), (PASSING_LATER, CHANGED, REMOVED)]
    must, may = set(), set()
    for schedule, first, last in phases:
        ahead = timedelta(seconds=schedule.announce_before_s)
        margin = ROLLOUT if first != BEGIN else timedelta()
        must |= {(schedule.name, due) for due in dues(schedule) if first + margin < due <= last}
        may |= {(schedule.name, due) for due in dues(schedule) if first < due <= last + ahead + ROLLOUT}
    return Expected(must, may)


def faults_in(year: Year) -> list[str]:
    """Everything about a whole year that is not as promised."""
    drills = [drill for drill in year.book.table.values() if drill.schedule]
    found = Counter((drill.schedule, drill.due_at) for drill in drills)
    wanted = expected()
    faults = [*year.faults]
    faults += [f"never planned: {name} {due}" for name, due in sorted(wanted.must - found.keys())]
    faults += [f"not due: {name} {due}" for name, due in sorted(found.keys() - wanted.must - wanted.may)]
    faults += [f"doubled: {key}" for key, times in found.items() if times > 1]
    missed = Counter(drill.id for group in year.world.announcer.missed.values() for drill in group)
    for drill in drills:
        beyond = drill.due_at > END
        must = (drill.schedule, drill.due_at) in wanted.must
        faults += [
            f"{drill.id} {drill.schedule} {drill.due_at}: {fault}"
            for fault in _of_one(year, drill, missed, must=must)
            if not beyond
        ]
    return faults


def _of_one(year: Year, drill: Drill, missed: Counter[str], *, must: bool) -> list[str]:
    tried = drill.state in {DrillState.PASSED, DrillState.FAILED}
    told = drill.state is DrillState.MISSED
    checks = {
        f"left {drill.state}": drill.state in OPEN_DRILLS,
        "started more or less than once": year.book.starts[drill.id] != tried,
        "finished more or less than once": year.book.finishes[drill.id] != tried,
        "said to be missed more or less than once": missed[drill.id] != told,
        "missed and nobody says why": told and not drill.problem,
        "skipped by nobody": must and drill.state is DrillState.SKIPPED and not drill.user_id,
        "its end was not told": drill.told_at is None,
        "started before it was announced": tried and not _announced_first(drill),
        "announced late": must and _announced_late(year, drill),
        "not said in order, or not to its end": not _said_in_order(year, drill),
    }
    return [fault for fault, holds in checks.items() if holds]


def _announced_first(drill: Drill) -> bool:
    return bool(drill.announced_at and drill.started_at and drill.announced_at <= drill.started_at)


def _said_in_order(year: Year, drill: Drill) -> bool:
    """One message, from planned over running to its end, never back; none for what was missed before it was known."""
    said = [seen.state for seen in year.world.announcer.drills.get(drill.id, [])]
    order = [state for number, state in enumerate(said) if state not in said[max(0, number - 1) : number]]
    if drill.announced_at is None:
        return not order or order == [DrillState.PLANNED] or drill.state is DrillState.SKIPPED
    begun = [DrillState.RUNNING] if drill.started_at else []
    return order in ([DrillState.PLANNED, *begun, drill.state], [DrillState.PLANNED, drill.state])


def _announced_late(year: Year, drill: Drill) -> bool:
    """Whether a replica looked in good time, and nobody heard of the drill."""
    ahead = max(item.announce_before_s for item in WALLS if item.name == drill.schedule)
    for at, schedules in year.beats[
        bisect_left(year.beats, drill.due_at - timedelta(seconds=ahead), key=itemgetter(0)) :
    ]:
        schedule = next((item for item in schedules if item.name == drill.schedule), None)
        if schedule is not None and drill.due_at in dues(schedule):
            in_time = at <= last_start(replace(drill, start_at=drill.due_at), schedule.start_within_s)
            return in_time and (drill.announced_at is None or drill.announced_at > at)
    return False


def live(scratch: Path, seed: int, mischief: Mischief) -> Year:
    year = Year(scratch, seed, mischief, must_be_overdue)
    lasting = (WEEKLY, NIGHTLY, MONTHLY, TWIN)
    for begin, schedules in (
        (BEGIN, lasting),
        (ADDED, (*lasting, PASSING)),
        (CHANGED, (*lasting, PASSING_LATER)),
        (REMOVED, lasting),
    ):
        year.live_until(begin)
        year.configure(*schedules)
    year.live_until(END)
    year.settle()
    return year


WILD = Mischief(death=0.15, outage=0.004, freeze=0.01, run=0.02, person=0.15, failure=0.2, hiccup=0.05)


def test_a_calm_year_runs_every_drill(tmp_path: Path) -> None:
    year = live(tmp_path, 1, Mischief())
    assert faults_in(year) == []
    passed = [drill for drill in year.book.table.values() if drill.state is DrillState.PASSED]
    wanted = {key for key in expected().must if key[1] <= END}
    assert {(drill.schedule, drill.due_at) for drill in passed} >= wanted
    assert year.world.announcer.missed == {}
    assert year.world.announcer.alerts == {}


@pytest.mark.parametrize("seed", [2, 3])
def test_a_wild_year_loses_and_doubles_none(tmp_path: Path, seed: int) -> None:
    year = live(tmp_path, seed, WILD)
    assert faults_in(year) == []
    states = Counter(drill.state for drill in year.book.table.values())
    assert min(states[state] for state in DrillState if state not in OPEN_DRILLS) > 5, "the year must be wild enough"
    assert year.world.announcer.alerts
