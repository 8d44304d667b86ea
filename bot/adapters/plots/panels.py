"""Draws one panel: bars stacked by phase, the database's size over them, targets as lines, data loss below."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.adapters.plots import legend, palette, scales
from bot.adapters.plots.canvas import NOTE_PX, TICK_PX, Canvas, fit, text_width
from bot.domain.drill_reports import Bar, Panel

WIDTH, MARGIN = 800.0, 20.0
LEFT, RIGHT = 136.0, WIDTH - 100.0
"""The plots' edges, the same in all panels: the longest labels and the axis titles fit beside them."""
_MAIN, _LOSS = 250.0, 84.0
_TITLE, _BETWEEN, _BELOW = 40.0, 38.0, 62.0
_GAP, _LINE, _TITLE_PX = 8.0, 17.0, 17.0
MAX_LABELLED = 16
"""Maximum number of bars that carry their own figure."""
MAX_DATES = 8
MIN_SLOTS = 6
"""Bars are as wide as if there were that many: a single one is no wall."""
BAR = 0.76
_FAR = 4.0
"""A target further above the highest bar than that is named at the edge, instead of flattening everything below it."""
_OVER_BARS, _OVER_TARGET, _OVER_SIZES = 1.38, 1.25, 1.075
"""Room above the highest bar, the target and the largest size: the line of sizes usually runs above the bars."""


@dataclass(frozen=True)
class Axes:
    """One plot: its vertical place, the number of slots and the value at its top."""

    top: float
    height: float
    slots: int
    limit: float

    @property
    def slot(self) -> float:
        """Width per bar, the gap included."""
        return (RIGHT - LEFT) / self.slots

    @property
    def bottom(self) -> float:
        """Return the y of the zero line."""
        return self.top + self.height

    def x(self, place: float) -> float:
        """Return the centre of the bar at a place."""
        return LEFT + (place + 0.5) * self.slot

    def y(self, value: float) -> float:
        """Return where a value lies."""
        return self.bottom - value / self.limit * self.height


def height(panel: Panel) -> float:
    """Return how much room a panel needs."""
    return _TITLE + _MAIN + (_BETWEEN + _LOSS if panel.has_data_loss else 0.0) + _BELOW


def add(canvas: Canvas, panel: Panel, top: float) -> None:
    """Draw a panel whose title begins at `top`."""
    slots = max(len(panel.bars), MIN_SLOTS)
    main = Axes(top + _TITLE, _MAIN, slots, _limit(_highest(panel), panel.restore_target_s))
    target = _target_label(main, panel.restore_target_s)
    room = RIGHT - MARGIN - text_width(target, NOTE_PX) - 2 * _GAP
    canvas.text(fit(panel.title, _TITLE_PX, room), MARGIN, top + 28.0, _TITLE_PX, palette.TEXT)
    _time_to_restore(canvas, panel, main)
    if panel.has_data_loss:
        main = Axes(main.bottom + _BETWEEN, _LOSS, slots, _limit(_worst(panel), panel.data_loss_target_s))
        _data_loss(canvas, panel, main)
    _dates(canvas, panel.bars, main)


def _highest(panel: Panel) -> float:
    return max((bar.total_s for bar in panel.bars), default=0.0) or panel.restore_target_s or 1.0


def _worst(panel: Panel) -> float:
    return max((bar.data_loss_s or 0.0 for bar in panel.bars), default=0.0) or panel.data_loss_target_s or 1.0


def _limit(highest_s: float, target_s: float | None) -> float:
    """Choose the axis: all bars fit, and the target, unless it is far above them."""
    near = target_s if target_s is not None and target_s <= _FAR * highest_s else 0.0
    return max(_OVER_BARS * highest_s, _OVER_TARGET * near)


def _time_to_restore(canvas: Canvas, panel: Panel, axes: Axes) -> None:
    _grid(canvas, axes, scales.time_ticks(axes.limit, limit=5), ["time to restore"])
    _stacks(canvas, axes, panel.bars)
    _base(canvas, axes)
    _target(canvas, axes, panel.restore_target_s)
    _sizes(canvas, panel.bars, axes)
    for place, bar in enumerate(panel.bars):
        if len(panel.bars) <= MAX_LABELLED and bar.total_s > 0:
            _figure(canvas, axes, place, bar)
        if bar.failed:
            legend.failed_mark(canvas, axes.x(place), axes.y(bar.total_s), min(1.0, axes.slot / 16))


def _stacks(canvas: Canvas, axes: Axes, bars: Sequence[Bar]) -> None:
    # decision 30: one path per phase; a box per phase and drill takes seconds, and other threads wait meanwhile.
    paths: dict[tuple[str, bool], str] = {}
    for place, bar in enumerate(bars):
        floor = 0.0
        for phase, seconds in bar.phases:
            box = _box(axes, place, floor, floor + seconds)
            paths[phase, bar.failed] = paths.get((phase, bar.failed), "") + box
            floor += seconds
    for (phase, failed), path in paths.items():
        canvas.add("path", d=path, **legend.fill(phase, axes.slot), opacity=0.4 if failed else 1.0)


def _box(axes: Axes, place: int, low: float, high: float) -> str:
    left, width, top = axes.x(place) - BAR / 2 * axes.slot, BAR * axes.slot, axes.y(high)
    return f"M{left:.2f} {top:.2f}h{width:.2f}V{axes.y(low):.2f}h{-width:.2f}z"


def _figure(canvas: Canvas, axes: Axes, place: int, bar: Bar) -> None:
    """Write a bar's total over it, in two lines where one would touch its neighbours."""
    lines = [scales.figure_label(bar.total_s)]
    if text_width(lines[0], NOTE_PX) > axes.slot:
        lines = lines[0].split(" ")
    bottom = axes.y(bar.total_s) - (14.0 if bar.failed else 5.0)
    for above, line in enumerate(reversed(lines)):
        _say(canvas, line, axes.x(place), bottom - above * 14.0, "middle")


def _data_loss(canvas: Canvas, panel: Panel, axes: Axes) -> None:
    _grid(canvas, axes, scales.time_ticks(axes.limit, limit=3), ["data-loss", "window"])
    target_s = panel.data_loss_target_s
    for place, bar in enumerate(panel.bars):
        lost_s = bar.data_loss_s or 0.0
        colour = palette.FAILED if target_s is not None and lost_s > target_s else palette.OTHER
        canvas.add("path", d=_box(axes, place, 0.0, lost_s), fill=colour)
    _base(canvas, axes)
    _target(canvas, axes, target_s)


def _grid(canvas: Canvas, axes: Axes, ticks: Sequence[float], title: Sequence[str]) -> None:
    for tick in ticks:
        y = axes.y(tick)
        canvas.add("line", x1=LEFT, x2=RIGHT, y1=y, y2=y, stroke=palette.GRID)
        canvas.text(scales.time_label(tick), LEFT - _GAP, y + 5, TICK_PX, palette.QUIET, text_anchor="end")
    for number, line in enumerate(title):
        _upright(canvas, line, 26.0 + number * 16.0 if len(title) > 1 else 34.0, axes)


def _upright(canvas: Canvas, words: str, x: float, axes: Axes) -> None:
    y = axes.top + axes.height / 2
    turned = f"rotate(-90 {x:g} {y:g})"
    canvas.text(words, x, y, TICK_PX, palette.QUIET, text_anchor="middle", transform=turned)


def _base(canvas: Canvas, axes: Axes) -> None:
    canvas.add("line", x1=LEFT, x2=RIGHT, y1=axes.bottom, y2=axes.bottom, stroke=palette.EDGE, stroke_width=1.2)


def _target_label(axes: Axes, target_s: float | None) -> str:
    if target_s is None:
        return ""
    return f"target {scales.time_label(target_s)}" + (", far above" if target_s > axes.limit else "")


def _target(canvas: Canvas, axes: Axes, target_s: float | None) -> None:
    """Draw a target, named above the panel, where nothing runs through it; one beyond the scale lies at its edge."""
    if target_s is not None:
        legend.target_line(canvas, LEFT, RIGHT, axes.y(min(target_s, axes.limit)))
        _say(canvas, _target_label(axes, target_s), RIGHT, axes.top - 12.0, "end")


def _sizes(canvas: Canvas, bars: Sequence[Bar], main: Axes) -> None:
    """Draw the database's size, with a scale of its own at the right."""
    limit = _OVER_SIZES * max((bar.size_bytes for bar in bars), default=0)
    if not limit:
        return
    axes = Axes(main.top, main.height, main.slots, limit)
    ticks = scales.size_ticks(limit)
    for tick in ticks:
        words = scales.size_label(tick)
        canvas.text(words, RIGHT + _GAP, axes.y(tick) + 5, TICK_PX, palette.QUIET)
    _upright(canvas, "size of the database", WIDTH - MARGIN, axes)
    points = [(axes.x(place), axes.y(bar.size_bytes)) for place, bar in enumerate(bars) if bar.size_bytes > 0]
    legend.size_line(canvas, points, len(bars))


def _dates(canvas: Canvas, bars: Sequence[Bar], axes: Axes) -> None:
    for place, words in scales.date_ticks([bar.at for bar in bars], MAX_DATES):
        x = axes.x(place)
        canvas.add("line", x1=x, x2=x, y1=axes.bottom, y2=axes.bottom + 5, stroke=palette.EDGE)
        for below, line in enumerate(words.split("\n")):
            y = axes.bottom + 20.0 + below * _LINE
            canvas.text(line, x, y, TICK_PX, palette.QUIET, text_anchor="middle")


def _say(canvas: Canvas, words: str, x: float, y: float, anchor: str) -> None:
    """Write text that stays legible over bars and lines."""
    halo = {"stroke": palette.CARD, "paint_order": "stroke", "stroke_linejoin": "round"}
    canvas.text(words, x, y, NOTE_PX, palette.TEXT, text_anchor=anchor, stroke_width=4.0, **halo)
