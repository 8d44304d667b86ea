"""The rasteriser: its answer, its faults, and that it needs nothing of the machine it is on."""

import subprocess
import sys
import threading

import pytest

from bot.adapters.plots import SvgPlotter, drawing, plotter
from bot.domain.drill_reports import Bar, Chart, Panel
from bot.errors import PermanentError
from tests.fakes.clock import NOON

CHART = Chart("Drills", "UTC", (Panel("Größe", (Bar(NOON, (("load", 3.0),), 10**9, 60.0),), 900, 60),))


def test_the_picture_is_a_png_of_the_drawing() -> None:
    picture = SvgPlotter().draw(CHART)

    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    assert picture == plotter.rasterise(drawing.draw(CHART))


def test_text_is_drawn_with_the_fonts_that_come_along() -> None:
    """No system font is read: without ours, all text would be missing."""
    svg = drawing.draw(CHART)

    assert plotter.rasterise(svg) != plotter.rasterise(svg.replace("Größe", "Grösse"))


def test_threads_share_a_plotter() -> None:
    shared, drawn = SvgPlotter(), list[bytes]()
    threads = [threading.Thread(target=lambda: drawn.append(shared.draw(CHART))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert drawn == [SvgPlotter().draw(CHART)] * 8


def test_the_bot_never_loads_what_only_big_plotting_libraries_need() -> None:
    code = "import sys, bot.app; print([name for name in ('matplotlib', 'numpy', 'PIL') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)  # noqa: S603 -- ours

    assert done.stdout.strip() == "[]"


def test_a_picture_that_cannot_be_drawn_is_named() -> None:
    with pytest.raises(PermanentError, match="picture-failed: The picture could not be drawn: "):
        SvgPlotter().draw(Chart("t", "s", ()))


class PanicException(BaseException):
    """What the rasteriser's Rust side raises when it fails beyond repair."""


@pytest.mark.parametrize("fault", [ValueError("no SVG"), OSError("gone"), PanicException("unreachable")])
def test_a_fault_of_the_rasteriser_is_named(monkeypatch: pytest.MonkeyPatch, fault: BaseException) -> None:
    def fail(**_: object) -> bytes:
        raise fault

    monkeypatch.setattr("resvg_py.svg_to_bytes", fail)
    with pytest.raises(PermanentError, match=f"picture-failed: .*{type(fault).__name__}"):
        SvgPlotter().draw(CHART)


def test_an_interrupt_is_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(**_: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr("resvg_py.svg_to_bytes", interrupt)
    with pytest.raises(KeyboardInterrupt):
        SvgPlotter().draw(CHART)
