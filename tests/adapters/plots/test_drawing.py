"""The picture: it can be read on either theme, nothing is cut off, and it is the same for the same drills."""

import io
from datetime import timedelta
from itertools import pairwise
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.text import Text
from PIL import Image

from bot.adapters.plots import drawing, palette
from bot.domain.drill_reports import PHASES, Bar, Chart, Panel
from tests.fakes.clock import NOON

SIZES = (1, 2, 12, 200)


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
    return Chart("Drills: time to restore", "One bar a drill, oldest left. Times in UTC.", (panel,))


def laid_out(what: Chart) -> Figure:
    """The figure as it is drawn."""
    with mpl.rc_context(drawing._STYLE):
        figure = drawing._figure(what)
        FigureCanvasAgg(figure).draw()  # type: ignore[no-untyped-call] # matplotlib types it not
    return figure


def texts(figure: Figure) -> list[Text]:
    return [text for text in figure.findobj(Text) if isinstance(text, Text) and text.get_text().strip()]


def words(what: Chart) -> set[str]:
    return {text.get_text() for text in texts(laid_out(what)) if text.get_visible()}


def pixels(what: Chart) -> np.ndarray[Any, Any]:
    image = Image.open(io.BytesIO(drawing.draw(what)))
    assert image.format == "PNG"
    return np.asarray(image.convert("RGBA"))


@pytest.mark.parametrize("colour", palette.TEXTS)
def test_all_text_stands_out_from_the_card(colour: str) -> None:
    assert palette.contrast(colour, palette.CARD) >= 4.5


@pytest.mark.parametrize("colour", [*palette.PHASES.values(), palette.OTHER, palette.SIZE, palette.TARGET])
def test_bars_and_lines_stand_out_from_the_card(colour: str) -> None:
    assert palette.contrast(colour, palette.CARD) >= 3.0


@pytest.mark.parametrize("theme", [palette.SLACK_LIGHT, palette.SLACK_DARK])
def test_the_card_or_its_edge_stands_out_from_either_theme(theme: str) -> None:
    assert max(palette.contrast(colour, theme) for colour in (palette.CARD, palette.EDGE)) >= 2.5


def test_contrast_is_the_standards() -> None:
    assert palette.contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert palette.contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_no_two_phases_look_alike_without_colour() -> None:
    assert set(palette.HATCHES) == set(palette.PHASES) == set(palette.WORDS) == set(PHASES)
    assert len(set(palette.HATCHES.values())) == len(PHASES)


def test_every_text_is_written_in_one_of_those_colours() -> None:
    assert {to_hex(text.get_color()) for text in texts(laid_out(chart(12, failed=(3,))))} <= set(palette.TEXTS)


@pytest.mark.parametrize("count", SIZES)
def test_nothing_is_cut_off(count: int) -> None:
    figure = laid_out(chart(count, failed=(0,)))
    width, height = figure.bbox.width, figure.bbox.height
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts(figure) if text.get_visible()]

    assert boxes
    assert [t for t, box in boxes if box.x0 < 2 or box.y0 < 2 or box.x1 > width - 2 or box.y1 > height - 2] == []


@pytest.mark.parametrize("count", SIZES)
def test_dates_do_not_run_into_each_other(count: int) -> None:
    axes = laid_out(chart(count)).findobj(Axes)
    below = [[t.get_window_extent() for t in one.get_xticklabels() if t.get_text() and t.get_visible()] for one in axes]

    assert any(below)
    for boxes in below:
        assert all(left.x1 < right.x0 for left, right in pairwise(boxes))


@pytest.mark.parametrize("count", SIZES)
def test_it_is_an_opaque_card_with_something_on_it(count: int) -> None:
    shown = pixels(chart(count))
    card = [int(palette.CARD[place : place + 2], 16) for place in (1, 3, 5)]

    assert shown.shape[1] == drawing.WIDTH_IN * drawing.DPI
    assert (shown[..., 3] == 255).all()
    assert shown[20, 20, :3].tolist() == card
    assert 0.3 < (shown[..., :3] == card).all(axis=-1).mean() < 0.95
    load = [int(palette.PHASES["load"][place : place + 2], 16) for place in (1, 3, 5)]
    assert (shown[..., :3] == load).all(axis=-1).sum() > 1000


def test_the_same_drills_give_the_same_bytes() -> None:
    assert drawing.draw(chart(5)) == drawing.draw(chart(5))


def test_the_legend_names_what_is_there_and_nothing_else() -> None:
    figure = laid_out(chart(12, failed=(3,)))
    (legend,) = figure.findobj(Legend)
    named = [text.get_text() for text in legend.get_texts()]

    assert named == [
        *palette.WORDS.values(),
        "size of the database",
        "target",
        "drill failed",
    ]
    plain = Panel("x", (Bar(NOON, (("load", 3.0),)),))
    (legend,) = laid_out(Chart("t", "s", (plain,))).findobj(Legend)
    assert [text.get_text() for text in legend.get_texts()] == ["load"]


def test_units_are_peoples() -> None:
    shown = words(chart(12, failed=(3,)))

    assert {"target 15 min", "target 1 d", "1 GB", "2 GB", "5 min", "10 min", "12 h"} <= shown
    assert "1 Mar\n2026" in shown


def test_a_target_far_above_is_named_and_flattens_nothing() -> None:
    panel = Panel("x", (Bar(NOON, (("load", 3.0),)),), 3600)
    shown = words(Chart("t", "s", (panel,)))

    assert {"target 1 h, far above", "4 s"} <= shown


def test_drills_of_one_day_are_told_apart_by_the_hour() -> None:
    assert {"1 Mar\n12:00", "1 Mar\n14:00"} <= words(chart(3, hours=2.0))


def test_a_missed_data_loss_target_is_in_the_legend() -> None:
    bar = Bar(NOON, (("load", 3.0),), data_loss_s=90_000.0)
    assert "over its target" in words(Chart("t", "s", (Panel("x", (bar,), None, 86_400),)))


def test_phases_nobody_foresaw_are_drawn_too() -> None:
    assert "thaw" in words(Chart("t", "s", (Panel("x", (Bar(NOON, (("thaw", 3.0),)),)),)))


def test_a_drill_that_measured_nothing_is_no_error() -> None:
    assert drawing.draw(Chart("t", "s", (Panel("x", (Bar(NOON, failed=True),)),)))


def test_text_is_no_formula() -> None:
    assert "a $\\frac{1}{2$ b" in words(Chart("a $\\frac{1}{2$ b", "s", (Panel("x", bars(1)),)))
