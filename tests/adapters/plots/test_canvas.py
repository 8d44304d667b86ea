"""Texts are as wide as they are taken to be, and never markup."""

import pytest

from bot.adapters.plots import canvas
from bot.domain.drill_reports import Chart, Panel
from tests.adapters.plots.charts import bars, font, texts


@pytest.mark.parametrize("bold", [False, True])
@pytest.mark.parametrize("text", ["Restore drills with backups of staging", "7.2 min", "GB", "UNDER WAY", "Größe", "…"])
def test_texts_are_not_taken_to_be_narrower_than_they_are(text: str, *, bold: bool) -> None:
    real = font(bold=bold).getlength(text) / 100

    assert real <= canvas.text_width(text, 1.0, bold=bold) <= 1.35 * real


def test_text_is_no_formula_and_no_markup() -> None:
    title = "a $\\frac{1}{2$ <b>&amp; \u202eb"
    shown = texts(Chart(title + "\x00", "s", (Panel("x", bars(1)),)))

    assert title + "\ufffd" in {text.text for text in shown}
