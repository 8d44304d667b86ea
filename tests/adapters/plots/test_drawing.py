"""The picture: it can be read on either theme, nothing is cut off, and it is the same for the same drills."""

import io
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from PIL import Image, ImageFont

from bot.adapters.plots import canvas, drawing, palette, panels, plotter
from bot.domain.drill_reports import PHASES, Bar, Chart, Panel
from tests.fakes.clock import NOON

SIZES = (1, 2, 12, 14, 60, 200)
FONTS = Path(plotter.__file__).parent / "fonts"
SVG = "{http://www.w3.org/2000/svg}"
SLACK_LIGHT = "#ffffff"
SLACK_DARK = "#1a1d21"
TEXTS = (palette.TEXT, palette.QUIET, palette.FAILED)
"""Every colour that text is written in, on the card."""
LONG = "production-eu-central-1-with-a-name-that-nobody-would-type-" * 3


def contrast(one: str, other: str) -> float:
    """Contrast of two colours, 1…21, as WCAG 2 defines it: text needs 4.5, everything else that carries meaning 3."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(int(colour[place : place + 2], 16) / 255) for place in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4


def bars(count: int, *, failed: tuple[int, ...] = (), hours: float = 168.0) -> tuple[Bar, ...]:
    return tuple(
        Bar(
            NOON + timedelta(hours=hours * place),
            tuple((phase, 30.0 * (rank + 1) + place) for rank, phase in enumerate(PHASES)),
            2_400_000_000 + place * 10**7,
            40_000.0 + 900.0 * place,
            place in failed,
        )
        for place in range(count)
    )


def chart(count: int, **more: Any) -> Chart:
    panel = Panel("Restore drills with backups of staging", bars(count, **more), 900, 86_400)
    return Chart("Drills: time to restore", "One bar per drill, oldest left. Times in UTC.", (panel,))


@dataclass(frozen=True)
class Word:
    """A line of text with its colour and the box it takes, measured with the real font."""

    text: str
    colour: str
    x0: float
    y0: float
    x1: float
    y1: float

    def touches(self, other: "Word") -> bool:
        return self.x0 < other.x1 and other.x0 < self.x1 and self.y0 < other.y1 and other.y0 < self.y1


@cache
def font(*, bold: bool) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(FONTS / ("DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"), 100)


def word(element: ET.Element) -> Word:
    text, size, x, y = element.text or "", *(float(element.attrib[key]) for key in ("font-size", "x", "y"))
    width = font(bold="font-weight" in element.attrib).getlength(text) * size / 100
    left = x - width * {"middle": 0.5, "end": 1.0}.get(element.get("text-anchor", ""), 0.0)
    top, bottom = y - 0.76 * size, y + 0.22 * size
    if "transform" in element.attrib:  # turned a quarter to the left around (x, y)
        return Word(text, element.attrib["fill"], x + top - y, y - width / 2, x + bottom - y, y + width / 2)
    return Word(text, element.attrib["fill"], left, top, left + width, bottom)


def texts(what: Chart) -> list[Word]:
    return [word(element) for element in ET.fromstring(drawing.draw(what)).iter(f"{SVG}text")]  # noqa: S314 -- ours


def words(what: Chart) -> set[str]:
    return {text.text for text in texts(what)}


def legend_of(what: Chart) -> list[str]:
    """The words below the subtitle."""
    found = [text.text for text in texts(what)]
    return found[found.index(what.subtitle) + 1 :]


def pixels(what: Chart) -> Image.Image:
    image = Image.open(io.BytesIO(plotter.SvgPlotter().draw(what)))
    assert image.format == "PNG"
    return image.convert("RGBA")


def rgba(colour: str) -> tuple[int, ...]:
    return (*bytes.fromhex(colour[1:]), 255)


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


@pytest.mark.parametrize("count", SIZES)
def test_nothing_is_cut_off_and_no_text_runs_into_another(count: int) -> None:
    what = chart(count, failed=(0,))
    root = ET.fromstring(drawing.draw(what))  # noqa: S314 -- ours
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    found = texts(what)

    assert [t.text for t in found if t.x0 < 2 or t.y0 < 2 or t.x1 > width - 2 or t.y1 > height - 2] == []
    assert [(one.text, other.text) for one, other in combinations(found, 2) if one.touches(other)] == []


def test_long_names_are_shortened_instead_of_running_into_the_target() -> None:
    panel = Panel(f"Backups of {LONG}", (Bar(NOON, ((LONG, 3.0),), 3 * 10**12),), 3600)
    found = texts(Chart(LONG, LONG, (panel, panel)))

    assert all(text.x0 > 2 and text.x1 < panels.WIDTH - 2 for text in found)
    assert [(one.text, other.text) for one, other in combinations(found, 2) if one.touches(other)] == []
    assert sum(text.text.endswith("…") for text in found) == 5


@pytest.mark.parametrize("bold", [False, True])
@pytest.mark.parametrize("text", ["Restore drills with backups of staging", "7.2 min", "GB", "UNDER WAY", "Größe", "…"])
def test_texts_are_not_taken_to_be_narrower_than_they_are(text: str, *, bold: bool) -> None:
    real = font(bold=bold).getlength(text) / 100

    assert real <= canvas.text_width(text, 1.0, bold=bold) <= 1.35 * real


@pytest.mark.parametrize("count", SIZES)
def test_it_is_an_opaque_card_with_something_on_it(count: int) -> None:
    shown = pixels(chart(count))
    colours = {colour: times for times, colour in shown.getcolors(shown.width * shown.height) or ()}

    assert shown.width == panels.WIDTH * plotter.ZOOM
    assert shown.getchannel("A").getextrema() == (255, 255)
    assert shown.getpixel((20, 20)) == rgba(palette.CARD)
    assert 0.3 < colours[rgba(palette.CARD)] / (shown.width * shown.height) < 0.95
    assert colours[rgba(palette.PHASES["load"])] > 1000


def test_the_same_drills_give_the_same_bytes() -> None:
    assert plotter.SvgPlotter().draw(chart(5)) == plotter.SvgPlotter().draw(chart(5))


def test_the_legend_names_what_is_there_and_nothing_else() -> None:
    assert legend_of(chart(12, failed=(3,))) == [
        *palette.WORDS.values(),
        "size of the database",
        "target",
        "drill failed",
    ]
    plain = Panel("x", (Bar(NOON, (("load", 3.0),)),))
    assert legend_of(Chart("t", "s", (plain,))) == ["load"]


def test_units_are_peoples() -> None:
    shown = words(chart(12, failed=(3,)))

    assert {"target 15 min", "target 1 d", "1 GB", "2 GB", "5 min", "10 min", "12 h"} <= shown
    assert {"1 Mar", "2026"} <= shown


def test_a_target_far_above_is_named_and_flattens_nothing() -> None:
    panel = Panel("x", (Bar(NOON, (("load", 3.0),)),), 3600)
    shown = words(Chart("t", "s", (panel,)))

    assert {"target 1 h, far above", "4 s"} <= shown


def test_drills_of_one_day_are_told_apart_by_the_hour() -> None:
    assert {"1 Mar", "12:00", "14:00"} <= words(chart(3, hours=2.0))


def test_a_missed_data_loss_target_is_in_the_legend() -> None:
    bar = Bar(NOON, (("load", 3.0),), data_loss_s=90_000.0)
    assert "over its target" in words(Chart("t", "s", (Panel("x", (bar,), None, 86_400),)))


def test_phases_nobody_foresaw_are_drawn_too() -> None:
    assert "thaw" in words(Chart("t", "s", (Panel("x", (Bar(NOON, (("thaw", 3.0),)),)),)))


def test_a_drill_that_measured_nothing_is_no_error() -> None:
    assert plotter.SvgPlotter().draw(Chart("t", "s", (Panel("x", (Bar(NOON, failed=True),)),)))


def test_text_is_no_formula_and_no_markup() -> None:
    title = "a $\\frac{1}{2$ <b>&amp; \u202eb"
    shown = texts(Chart(title + "\x00", "s", (Panel("x", bars(1)),)))

    assert title + "\ufffd" in {text.text for text in shown}
