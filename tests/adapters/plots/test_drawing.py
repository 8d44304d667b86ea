"""The picture: nothing is cut off, and it is the same for the same drills."""

import io
from itertools import combinations
from xml.etree import ElementTree as ET

import pytest
from PIL import Image

from bot.adapters.plots import drawing, palette, panels, plotter
from bot.domain.drill_reports import Bar, Chart, Panel
from tests.adapters.plots.charts import chart, texts
from tests.fakes.clock import NOON

SIZES = (1, 2, 12, 14, 60, 200)


def pixels(what: Chart) -> Image.Image:
    image = Image.open(io.BytesIO(plotter.SvgPlotter().draw(what)))
    assert image.format == "PNG"
    return image.convert("RGBA")


def rgba(colour: str) -> tuple[int, ...]:
    return (*bytes.fromhex(colour[1:]), 255)


@pytest.mark.parametrize("count", SIZES)
def test_nothing_is_cut_off_and_no_text_runs_into_another(count: int) -> None:
    what = chart(count, failed=(0,))
    root = ET.fromstring(drawing.draw(what))  # noqa: S314 -- ours
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    found = texts(what)

    assert [t.text for t in found if t.x0 < 2 or t.y0 < 2 or t.x1 > width - 2 or t.y1 > height - 2] == []
    assert [(one.text, other.text) for one, other in combinations(found, 2) if one.touches(other)] == []


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


def test_a_drill_that_measured_nothing_is_no_error() -> None:
    assert plotter.SvgPlotter().draw(Chart("t", "s", (Panel("x", (Bar(NOON, failed=True),)),)))
