"""Panels of bars: targets, long names, phases nobody foresaw."""

from itertools import combinations

from bot.adapters.plots import panels
from bot.domain.drill_reports import Bar, Chart, Panel
from tests.adapters.plots.charts import texts, words
from tests.fakes.clock import NOON

LONG = "production-eu-central-1-with-a-name-that-nobody-would-type-" * 3


def test_long_names_are_shortened_instead_of_running_into_the_target() -> None:
    panel = Panel(f"Backups of {LONG}", (Bar(NOON, ((LONG, 3.0),), 3 * 10**12),), 3600)
    found = texts(Chart(LONG, LONG, (panel, panel)))

    assert all(text.x0 > 2 and text.x1 < panels.WIDTH - 2 for text in found)
    assert [(one.text, other.text) for one, other in combinations(found, 2) if one.touches(other)] == []
    assert sum(text.text.endswith("…") for text in found) == 5


def test_a_target_far_above_is_named_and_flattens_nothing() -> None:
    panel = Panel("x", (Bar(NOON, (("load", 3.0),)),), 3600)
    shown = words(Chart("t", "s", (panel,)))

    assert {"target 1 h, far above", "4 s"} <= shown


def test_phases_nobody_foresaw_are_drawn_too() -> None:
    assert "thaw" in words(Chart("t", "s", (Panel("x", (Bar(NOON, (("thaw", 3.0),)),)),)))
