"""Draws a chart of drills as SVG: one panel below the other, the legend at the bottom."""

from bot.adapters.plots import legend, palette, panels
from bot.adapters.plots.canvas import Canvas, fit
from bot.adapters.plots.panels import MARGIN, WIDTH
from bot.domain.drill_reports import Chart

_HEAD, _TITLE_PX = 52.0, 21.0


def draw(chart: Chart) -> str:
    """Draw an SVG; the same chart returns the same text.

    Raises:
        ValueError: there is no panel.
    """
    if not chart.panels:
        raise ValueError("a chart without a panel")
    height = _HEAD + sum(panels.height(panel) for panel in chart.panels) + legend.height(chart)
    canvas = Canvas(WIDTH, height, chart.title)
    legend.define(canvas)
    card = {"x": 1.0, "y": 1.0, "width": WIDTH - 2, "height": height - 2, "stroke_width": 2.0}
    canvas.add("rect", fill=palette.EDGE, width=WIDTH, height=height)  # opaque up to the corners
    canvas.add("rect", fill=palette.CARD, stroke=palette.EDGE, **card)
    title = fit(chart.title, _TITLE_PX, WIDTH - 2 * MARGIN, bold=True)
    canvas.text(title, MARGIN, 34.0, _TITLE_PX, palette.TEXT, font_weight="bold")
    top = _HEAD
    for panel in chart.panels:
        panels.add(canvas, panel, top)
        top += panels.height(panel)
    legend.add(canvas, chart, MARGIN, top, WIDTH - 2 * MARGIN)
    return canvas.markup()
