"""Draws marks and lines, and the legend that explains those that a chart has."""

from collections.abc import Callable, Sequence
from functools import partial

from bot.adapters.plots import palette
from bot.adapters.plots.canvas import NOTE_PX, Canvas, fit
from bot.domain.drill_reports import Chart

MAX_MARKED = 60
"""Marks on more bars would run into each other."""
MAX_BIG_MARKS = 20
_COLUMNS = 4
_THIN = 5.0
_ROW, _HEAD, _FOOT, _SIGN, _GAP = 22.0, 26.0, 14.0, 26.0, 10.0
Sign = Callable[[Canvas, float, float], None]
"""Draws an entry's sign, whose left end and middle are given."""


def define(canvas: Canvas) -> None:
    """Define the phases' hatches."""
    for phase, path in palette.HATCHES.items():
        if path:
            canvas.pattern(phase, palette.TILE, palette.PHASES[phase], path, palette.CARD)
    canvas.pattern("other", palette.TILE, palette.OTHER, palette.OTHER_HATCH, palette.CARD)


def fill(phase: str, slot: float = 26.0) -> dict[str, str | float]:
    """Return how a phase's bar is painted; `slot` is the room per bar, and thin bars have no edges."""
    paint = f"url(#{phase if phase in palette.PHASES else 'other'})"
    if phase in palette.PHASES and not palette.HATCHES[phase]:
        paint = palette.PHASES[phase]
    if slot < _THIN:
        return {"fill": paint}
    return {"fill": paint, "stroke": palette.CARD, "stroke_width": 0.8}


def size_line(canvas: Canvas, points: Sequence[tuple[float, float]], bars: int) -> None:
    """Draw the line of sizes over that many bars."""
    path = " ".join(f"{x:.2f},{y:.2f}" for x, y in points)
    for colour, width in ((palette.CARD, 6.0), (palette.SIZE, 2.4)):
        canvas.add("polyline", points=path, fill="none", stroke=colour, stroke_width=width, stroke_linejoin="round")
    big = bars <= MAX_BIG_MARKS
    edge = palette.CARD if big else palette.SIZE
    for x, y in points if bars <= MAX_MARKED else ():
        canvas.add("circle", cx=x, cy=y, r=4.6 if big else 2.4, fill=palette.SIZE, stroke=edge, stroke_width=1.2)


def failed_mark(canvas: Canvas, x: float, y: float, scale: float) -> None:
    """Draw the mark of a failed drill."""
    arm = 5.0 * max(scale, 0.7)
    path = f"M{x - arm:.2f} {y - arm:.2f}l{2 * arm:.2f} {2 * arm:.2f}m0 {-2 * arm:.2f}l{-2 * arm:.2f} {2 * arm:.2f}"
    for colour, width in ((palette.CARD, 7.0), (palette.FAILED, 4.0)):
        canvas.add("path", d=path, fill="none", stroke=colour, stroke_width=width * max(scale, 0.7))


def target_line(canvas: Canvas, left: float, right: float, y: float) -> None:
    """Draw a target."""
    look = {"stroke": palette.TARGET, "stroke_dasharray": "11 6"}
    canvas.add("line", x1=left, x2=right, y1=y, y2=y, stroke_width=2.0, **look)


def height(chart: Chart) -> float:
    """Return how much room the legend needs."""
    return _HEAD + _ROW * -(-len(entries(chart)) // _COLUMNS) + _FOOT


def add(canvas: Canvas, chart: Chart, left: float, top: float, width: float) -> None:
    """Draw the legend: only of what the chart has."""
    canvas.text(fit(chart.subtitle, NOTE_PX, width), left, top + 12.0, NOTE_PX, palette.QUIET)
    column = width / _COLUMNS
    for number, (words, sign) in enumerate(entries(chart)):
        x, y = left + number % _COLUMNS * column, top + _HEAD + (number // _COLUMNS + 0.5) * _ROW
        sign(canvas, x, y)
        shown = fit(words, NOTE_PX, column - _SIGN - _GAP)
        canvas.text(shown, x + _SIGN + _GAP, y + 4.5, NOTE_PX, palette.TEXT)


def entries(chart: Chart) -> list[tuple[str, Sign]]:
    """Return the words and the sign of each entry."""
    shown = chart.panels
    bars = [bar for panel in shown for bar in panel.bars]
    phases = dict.fromkeys(phase for panel in shown for phase in panel.phases)
    found: list[tuple[str, Sign]] = [(palette.WORDS.get(phase, phase), partial(_box, fill(phase))) for phase in phases]
    if any(bar.size_bytes for bar in bars):
        found.append(("size of the database", _size_sign))
    if any(panel.restore_target_s or panel.data_loss_target_s for panel in shown):
        found.append(("target", lambda canvas, x, y: target_line(canvas, x, x + _SIGN + 2, y)))
    if any(panel.misses_data_loss for panel in shown):
        found.append(("over its target", partial(_box, {"fill": palette.FAILED})))
    if any(bar.failed for bar in bars):
        found.append(("drill failed", lambda canvas, x, y: failed_mark(canvas, x + _SIGN / 2, y, 1.0)))
    return found


def _box(look: dict[str, str | float], canvas: Canvas, x: float, y: float) -> None:
    canvas.add("rect", x=x, y=y - 6, width=_SIGN, height=12.0, **look)


def _size_sign(canvas: Canvas, x: float, y: float) -> None:
    size_line(canvas, [(x, y), (x + _SIGN, y)], MAX_MARKED + 1)
    size_line(canvas, [(x + _SIGN / 2, y)], 1)
