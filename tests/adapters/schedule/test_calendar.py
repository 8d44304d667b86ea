"""When drills are due: against a brute-force look at what clocks on the wall show."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.adapters.schedule.calendar import MAX_DUE, CronCalendar
from bot.domain.drills import DayRange, DrillKind, Schedule

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


def schedule(cron: str, timezone: str = "UTC", **more: object) -> Schedule:
    return Schedule("name", "staging", DrillKind.BUNDLE, cron, timezone, **more)  # type: ignore[arg-type] # a test's


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc] # year to minute


def by_hand(times: Sequence[tuple[int, int]], timezone: str, first: date, days: int) -> list[datetime]:
    zone = ZoneInfo(timezone)
    walls = [
        datetime(day.year, day.month, day.day, *time, tzinfo=zone)
        for day in (first + number * DAY for number in range(days))
        for time in times
    ]
    return sorted({wall.astimezone(UTC) for wall in walls})


ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Sydney",
    "Asia/Ho_Chi_Minh",
    "America/St_Johns",
    "Africa/Cairo",
]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("hour", [0, 1, 2, 3, 23])
def test_a_year_of_days_has_each_once_whatever_the_clocks_do(zone: str, hour: int) -> None:
    found = CronCalendar().due_between(schedule(f"30 {hour} * * *", zone), utc(2026, 1, 5), utc(2027, 1, 5))
    wanted = [
        at for at in by_hand([(hour, 30)], zone, date(2026, 1, 1), 400) if utc(2026, 1, 5) < at <= utc(2027, 1, 5)
    ]
    assert found == wanted
    assert len(found) == 365
    assert {at.tzinfo for at in found} == {UTC}


def test_a_time_that_the_clocks_skip_is_an_hour_later_that_day() -> None:
    found = CronCalendar().due_between(schedule("30 2 * * *", "Europe/Berlin"), utc(2026, 3, 28), utc(2026, 3, 31))
    assert found == [utc(2026, 3, 28, 1, 30), utc(2026, 3, 29, 1, 30), utc(2026, 3, 30, 0, 30)]


def test_a_time_that_the_clocks_show_twice_is_taken_the_first_time() -> None:
    found = CronCalendar().due_between(schedule("30 2 * * *", "Europe/Berlin"), utc(2026, 10, 24), utc(2026, 10, 27))
    assert found == [utc(2026, 10, 24, 0, 30), utc(2026, 10, 25, 0, 30), utc(2026, 10, 26, 1, 30)]


@pytest.mark.parametrize("day", [utc(2026, 3, 29), utc(2026, 10, 25)])
def test_several_times_a_day_go_on_over_a_change(day: datetime) -> None:
    times = [(hour, minute) for hour in range(24) for minute in (0, 30)]
    found = CronCalendar().due_between(schedule("*/30 * * * *", "Europe/Berlin"), day - DAY, day + 2 * DAY)
    wanted = by_hand(times, "Europe/Berlin", day.date() - 2 * DAY, 6)
    assert found == [at for at in wanted if day - DAY < at <= day + 2 * DAY]


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(ZONES),
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 1)),  # noqa: DTZ001 -- made aware below
    st.integers(1, 20_000),
    st.integers(1, 20_000),
)
def test_no_split_of_a_span_loses_or_doubles_one(zone: str, begin: datetime, one: int, two: int) -> None:
    """The scheduler asks again from where it was: whatever the steps, it must find the same."""
    calendar, item = CronCalendar(), schedule("15,45 */3 * * *", zone)
    first = begin.replace(tzinfo=UTC)
    second, third = first + timedelta(minutes=one), first + timedelta(minutes=one + two)
    whole = calendar.due_between(item, first, third)
    assert [*calendar.due_between(item, first, second), *calendar.due_between(item, second, third)] == whole
    assert len(set(whole)) == len(whole)
    assert CronCalendar().next_due(item, first) == calendar.due_between(item, first, first + 9 * DAY)[0]


def test_the_next_one_is_right_in_any_order_of_asking() -> None:
    asked, item = CronCalendar(), schedule("0 3 * * mon", "Europe/Berlin")
    moments = [utc(2026, 6, 1) + timedelta(hours=37 * number) for number in range(40)]
    for at in [*moments, *reversed(moments), *moments[::7]]:
        assert asked.next_due(item, at) == CronCalendar().next_due(item, at)
    due = asked.next_due(item, utc(2026, 6, 1))
    assert due is not None
    assert asked.next_due(item, due) == due + 7 * DAY
    assert asked.next_due(item, due - timedelta(microseconds=1)) == due


def test_the_ends_of_a_span_belong_to_the_earlier_one() -> None:
    calendar, item = CronCalendar(), schedule("0 3 * * *")
    due = utc(2026, 6, 1, 3)
    assert calendar.due_between(item, due - SECOND, due) == [due]
    assert calendar.due_between(item, due, due + DAY - SECOND) == []


def test_leap_days() -> None:
    calendar, item = CronCalendar(), schedule("0 3 29 2 *")
    assert calendar.next_due(item, utc(2026, 3, 1)) == utc(2028, 2, 29, 3)
    assert calendar.next_due(item, utc(2028, 2, 29, 3)) == utc(2032, 2, 29, 3)
    assert calendar.next_due(item, utc(2096, 3, 1)) is None, "2100 is no leap year, and five years are enough"


def test_day_and_weekday_must_both_match() -> None:
    found = CronCalendar().due_between(schedule("0 3 1-7 * mon"), utc(2026, 1, 1), utc(2026, 7, 1))
    assert [at.day <= 7 and at.isoweekday() == 1 for at in found] == [True] * 6


def test_days_of_rest_across_new_year_are_read_by_the_schedules_own_clocks() -> None:
    rest = (DayRange(date(2026, 12, 20), date(2027, 1, 2)), DayRange(date(2027, 1, 5), date(2027, 1, 5)))
    item = schedule("30 0 * * *", "Asia/Ho_Chi_Minh", blackout=rest)
    found = CronCalendar().due_between(item, utc(2026, 12, 17), utc(2027, 1, 8))
    walls = [at.astimezone(ZoneInfo("Asia/Ho_Chi_Minh")).date() for at in found]
    december = [date(2026, 12, day) for day in (18, 19)]
    assert walls == [*december, *(date(2027, 1, day) for day in (3, 4, 6, 7, 8))]


def test_no_more_than_a_thousand_at_once() -> None:
    calendar, item = CronCalendar(), schedule("* * * * *")
    found = calendar.due_between(item, utc(2026, 1, 1), utc(2027, 1, 1))
    assert len(found) == MAX_DUE
    assert calendar.due_between(item, found[-1], utc(2027, 1, 1))[0] == found[-1] + timedelta(minutes=1)


def test_jitter_is_the_same_everywhere_and_spread() -> None:
    item = schedule("0 3 * * *", jitter_s=600)
    dues = CronCalendar().due_between(item, utc(2026, 1, 1), utc(2026, 7, 1))
    jitters = [CronCalendar().jitter_s(item, due) for due in dues]
    assert jitters == [CronCalendar().jitter_s(item, due.astimezone(ZoneInfo("Asia/Tokyo"))) for due in dues]
    assert min(jitters) >= 0
    assert max(jitters) <= 600
    assert len(set(jitters)) > 100
    assert CronCalendar().jitter_s(schedule("0 3 * * *"), dues[0]) == 0


@pytest.mark.parametrize(
    ("weekday", "days"),
    [
        ("0", {7}),
        ("7", {7}),
        ("sun", {7}),
        ("1-5", {1, 2, 3, 4, 5}),
        ("mon-fri", {1, 2, 3, 4, 5}),
        ("5-7", {5, 6, 7}),
        ("fri-mon", {5, 6, 7, 1}),
        ("0,3", {7, 3}),
        ("*/2", {7, 2, 4, 6}),
        ("1/3", {1, 4}),
        ("MON", {1}),
        ("*", {1, 2, 3, 4, 5, 6, 7}),
    ],
)
def test_weekdays_are_everybody_elses(weekday: str, days: set[int]) -> None:
    found = CronCalendar().due_between(schedule(f"0 3 * * {weekday}"), utc(2026, 6, 1), utc(2026, 6, 29))
    assert {at.isoweekday() for at in found} == days
