"""Colours that stand out from each other and from either theme."""

import pytest

from bot.adapters.plots import palette
from bot.domain.drill_reports import PHASES
from tests.adapters.plots.charts import chart, texts

SLACK_LIGHT = "#ffffff"
SLACK_DARK = "#1a1d21"
TEXTS = (palette.TEXT, palette.QUIET, palette.FAILED)
"""Every colour that text is written in, on the card."""


def contrast(one: str, other: str) -> float:
    """Contrast of two colours, 1…21, as WCAG 2 defines it: text needs 4.5, everything else that carries meaning 3."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(int(colour[place : place + 2], 16) / 255) for place in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4


@pytest.mark.parametrize("colour", TEXTS)
def test_all_text_stands_out_from_the_card(colour: str) -> None:
    assert contrast(colour, palette.CARD) >= 4.5


@pytest.mark.parametrize("colour", [*palette.PHASES.values(), palette.OTHER, palette.SIZE, palette.TARGET])
def test_bars_and_lines_stand_out_from_the_card(colour: str) -> None:
    assert contrast(colour, palette.CARD) >= 3.0


@pytest.mark.parametrize("theme", [SLACK_LIGHT, SLACK_DARK])
def test_the_card_or_its_edge_stands_out_from_either_theme(theme: str) -> None:
    assert max(contrast(colour, theme) for colour in (palette.CARD, palette.EDGE)) >= 2.5


def test_contrast_is_the_standards() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_no_two_phases_look_alike_without_colour() -> None:
    assert set(palette.HATCHES) == set(palette.PHASES) == set(palette.WORDS) == set(PHASES)
    assert len(set(palette.HATCHES.values())) == len(PHASES)


def test_every_text_is_written_in_one_of_those_colours() -> None:
    assert {text.colour for text in texts(chart(12, failed=(3,)))} <= set(TEXTS)
