"""Scales in units that people read."""

from tests.adapters.plots.charts import chart, words


def test_units_are_peoples() -> None:
    shown = words(chart(12, failed=(3,)))

    assert {"target 15 min", "target 1 d", "1 GB", "2 GB", "5 min", "10 min", "12 h"} <= shown
    assert {"1 Mar", "2026"} <= shown


def test_drills_of_one_day_are_told_apart_by_the_hour() -> None:
    assert {"1 Mar", "12:00", "14:00"} <= words(chart(3, hours=2.0))
