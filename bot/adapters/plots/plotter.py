"""Rasterises the SVG of a chart to a PNG, with a font of its own."""

from pathlib import Path

import resvg_py

from bot.adapters.plots import canvas, drawing
from bot.domain.drill_reports import Chart
from bot.errors import PermanentError

ZOOM = 2
"""Pixels per unit of the SVG: twice what a screen shows."""
_FONTS = [str(path) for path in sorted(Path(__file__).with_name("fonts").glob("*.ttf"))]


class SvgPlotter:
    """Implements `bot.ports.Plotter`. Threads may share it: it has no state."""

    def draw(self, chart: Chart) -> bytes:
        """See `bot.ports.Plotter.draw`."""
        try:
            return rasterise(drawing.draw(chart))
        except (ValueError, OSError) as error:
            raise _failed(error) from error
        except BaseException as error:
            # The rasteriser's panics derive from BaseException; they must not take a worker with them.
            if type(error).__name__ != "PanicException":
                raise
            raise _failed(error) from error


def rasterise(svg: str) -> bytes:
    """Rasterise an SVG to a PNG; no system font is used, so the result is the same on every machine."""
    return resvg_py.svg_to_bytes(
        svg_string=svg,
        zoom=ZOOM,
        skip_system_fonts=True,  # decision 30: the image has none, and a laptop's would look different
        font_files=_FONTS,
        font_family=canvas.FONT,
    )


def _failed(error: BaseException) -> PermanentError:
    return PermanentError(
        "picture-failed",
        f"The picture could not be drawn: {type(error).__name__}: {str(error)[:200]}.",
        "The figures are in the text. The log has more; see picture-failed in docs/errors.md.",
    )
