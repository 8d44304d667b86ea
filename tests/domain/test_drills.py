"""Schedules: days of rest, whose bundle, and what makes one another."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from bot.domain.drills import Alert, DayRange, DrillKind, Schedule, drill_id_of
from tests.fakes.clock import NOON

HOLIDAYS = DayRange(date(2026, 12, 20), date(2027, 1, 2))
WEEKLY = Schedule("weekly", "staging", DrillKind.BUNDLE, "0 3 * * 1", bundle_of="prod", blackout=(HOLIDAYS,))


@pytest.mark.parametrize(
    ("day", "rests"),
    [
        (date(2026, 12, 19), False),
        (date(2026, 12, 20), True),
        (date(2027, 1, 2), True),
        (date(2027, 1, 3), False),
    ],
)
def test_both_ends_of_a_blackout_are_days_of_rest(day: date, *, rests: bool) -> None:
    assert WEEKLY.rests_on(day) is rests


def test_the_bundle_is_the_environments_own_unless_another_is_named() -> None:
    assert (WEEKLY.source, replace(WEEKLY, bundle_of="").source) == ("prod", "staging")


@pytest.mark.parametrize(
    "change",
    [
        {"environment": "dev"},
        {"kind": DrillKind.MIGRATION},
        {"bundle_of": ""},
        {"cron": "0 4 * * 1"},
        {"timezone": "Europe/Berlin"},
        {"jitter_s": 60},
        {"blackout": ()},
    ],
)
def test_another_time_or_content_makes_another_schedule(change: dict[str, Any]) -> None:
    assert replace(WEEKLY, **change).fingerprint != WEEKLY.fingerprint


def test_a_drill_is_named_by_its_schedule_and_due_time() -> None:
    name = drill_id_of("weekly", "2026-02-16T02:00:00+00:00")

    assert name == drill_id_of("weekly", "2026-02-16T02:00:00+00:00")
    assert name.startswith("d")
    assert len({name, drill_id_of("nightly", "2026-02-16T02:00:00+00:00"), drill_id_of("weekly", "x")}) == 3
    assert drill_id_of("weekly", "2026-02-16T02:00:00+00:00", 1) != name


def test_an_alert_is_the_same_episode_until_something_passes() -> None:
    alert = Alert("schedule:weekly", "staging", NOON, passed=True)

    assert replace(alert, passed=False).key == alert.key
    assert replace(alert, since=NOON + timedelta(days=7)).key != alert.key
