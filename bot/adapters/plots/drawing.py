"""Charts of drills, drawn with matplotlib: bars stacked by phase, the database's size over them, targets as lines."""

import io
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure, SubFigure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patheffects import withStroke
from matplotlib.text import Text

from bot.adapters.plots import legend, palette, scales
from bot.domain.drill_reports import Bar, Chart, Panel

DPI = 200
"""Twice what a screen shows."""
WIDTH_IN = 8.0
_MAIN_IN, _LOSS_IN, _FRAME_IN = 3.1, 1.25, 1.45
_LABELLED_MOST = 12
"""How many bars may carry their own figure."""
_DATES_MOST = 8
_ROOM = 6
"""Bars are as wide as if there were that many: a single one is no wall."""
_FAR = 4.0
"""A target further above the highest bar than that is named at the edge, instead of flattening everything below it."""
_OVER_BARS, _OVER_TARGET, _OVER_SIZES = 1.38, 1.25, 1.075
"""Room above the highest bar, the target and the largest size: as a rule the line of sizes runs above the bars."""
_STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "text.color": palette.TEXT,
    "text.parse_math": False,
    "axes.labelcolor": palette.QUIET,
    "axes.edgecolor": palette.EDGE,
    "axes.facecolor": palette.CARD,
    "xtick.color": palette.QUIET,
    "ytick.color": palette.QUIET,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "hatch.linewidth": 0.7,
}


def draw(chart: Chart) -> bytes:
    """Draw a PNG; the same chart gives the same bytes."""
    with mpl.rc_context(_STYLE):
        figure = _figure(chart)
        out = io.BytesIO()
        FigureCanvasAgg(figure)
        figure.savefig(out, format="png", dpi=DPI, edgecolor=palette.EDGE, metadata={"Software": None})
    return out.getvalue()


def _figure(chart: Chart) -> Figure:
    heights = [_MAIN_IN + (_LOSS_IN if panel.tells_data_loss else 0) for panel in chart.panels]
    layout = ConstrainedLayoutEngine(w_pad=0.14, h_pad=0.1)
    figure = Figure(figsize=(WIDTH_IN, sum(heights) + _FRAME_IN), layout=layout)
    figure.patch.set(facecolor=palette.CARD, edgecolor=palette.EDGE, linewidth=3)
    figure.suptitle(chart.title, x=0.025, ha="left", fontsize=15, fontweight="bold", color=palette.TEXT)
    parts = figure.subfigures(len(chart.panels), 1, height_ratios=heights, squeeze=False)[:, 0]
    for part, panel in zip(parts, chart.panels, strict=True):
        part.patch.set_facecolor("none")  # the card's edge would be painted over
        _panel(part, panel)
    legend.add(figure, chart)
    return figure


def _panel(part: SubFigure, panel: Panel) -> None:
    if panel.tells_data_loss:
        main, loss = part.subplots(2, 1, sharex=True, height_ratios=(_MAIN_IN, _LOSS_IN))
        _data_loss(loss, panel)
        main.tick_params(axis="x", labelbottom=False, length=0)
    else:
        main = loss = part.subplots()
    main.set_title(panel.title, loc="left", fontsize=12, color=palette.TEXT, pad=8)
    _time_to_restore(main, panel)
    dates = scales.date_ticks([bar.at for bar in panel.bars], _DATES_MOST)
    loss.set_xticks([place for place, _ in dates], [text for _, text in dates])
    loss.set_xlim(-0.6, max(len(panel.bars), _ROOM) - 0.4)


def _time_to_restore(axes: Axes, panel: Panel) -> None:
    _frame(axes, "time to restore")
    bars, floor = panel.bars, [0.0] * len(panel.bars)
    for phase in panel.phases:
        heights = [dict(bar.phases).get(phase, 0.0) for bar in bars]
        drawn = axes.bar(range(len(bars)), heights, 0.76, floor, zorder=2, **legend.look(phase))
        for patch, bar in zip(drawn, bars, strict=True):
            patch.set_alpha(0.4 if bar.failed else 1.0)
        floor = [below + height for below, height in zip(floor, heights, strict=True)]
    top = _scale(axes, max(floor), panel.restore_target_s, most=5)
    over = _sizes(axes, bars)
    _failures(over, axes, bars)
    if len(bars) <= _LABELLED_MOST:
        _figures(over, axes, bars, top)
    _target(over, axes, panel.restore_target_s)


def _data_loss(axes: Axes, panel: Panel) -> None:
    _frame(axes, "data-loss\nwindow")
    lost = [bar.data_loss_s or 0.0 for bar in panel.bars]
    target = panel.data_loss_target_s
    colours = [palette.FAILED if target is not None and loss > target else palette.OTHER for loss in lost]
    axes.bar(range(len(lost)), lost, 0.76, color=colours, zorder=2)
    _scale(axes, max(lost), target, most=3)
    _target(axes, axes, target)


def _frame(axes: Axes, label: str) -> None:
    axes.set_ylabel(label, fontsize=10)
    axes.grid(axis="y", color=palette.GRID, linewidth=0.8, zorder=0)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _scale(axes: Axes, highest_s: float, target_s: float | None, most: int) -> float:
    """Choose the axis: all bars fit, and the target, unless it is far above them. Gives the top.

    There are `most` ticks above 0.
    """
    highest_s = highest_s or target_s or 1.0
    near = target_s is not None and target_s <= _FAR * highest_s
    top = max(_OVER_BARS * highest_s, _OVER_TARGET * target_s if near and target_s is not None else 0.0)
    ticks = scales.time_ticks(top, most)
    axes.set_ylim(0, top)
    axes.set_yticks(ticks, [scales.time_label(tick) for tick in ticks])
    return top


def _sizes(axes: Axes, bars: tuple[Bar, ...]) -> Axes:
    """The database's size, on an axis of its own at the right; gives the axes that lie over the bars."""
    over = axes.twinx()
    over.spines[:].set_visible(False)
    over.tick_params(axis="y", length=0)
    known = [(place, bar.size_bytes) for place, bar in enumerate(bars) if bar.size_bytes > 0]
    top = _OVER_SIZES * max((size for _, size in known), default=1)
    over.set_ylim(0, top)
    over.set_yticks([])
    if known:
        ticks = scales.size_ticks(top)
        over.set_yticks(ticks, [scales.size_label(tick) for tick in ticks])
        over.set_ylabel("size of the database", fontsize=10)
        places, sizes = zip(*known, strict=True)
        over.plot(places, sizes, color=palette.CARD, linewidth=4, zorder=4)
        over.plot(places, sizes, **legend.size_line(len(bars)))
    return over


def _failures(over: Axes, axes: Axes, bars: tuple[Bar, ...]) -> None:
    failed = [(place, bar.total_s) for place, bar in enumerate(bars) if bar.failed]
    if failed:
        places, heights = zip(*failed, strict=True)
        over.plot(places, heights, transform=axes.transData, **legend.failed_mark(len(bars)))


def _figures(over: Axes, axes: Axes, bars: tuple[Bar, ...], top: float) -> None:
    """How long each took, over its bar."""
    for place, bar in enumerate(bars):
        if bar.total_s > 0:
            above = bar.total_s + (0.055 if bar.failed else 0.018) * top
            words = scales.figure_label(bar.total_s)
            said = over.text(place, above, words, transform=axes.transData, ha="center", va="bottom", zorder=6)
            said.set_bbox({"facecolor": palette.CARD, "edgecolor": "none", "pad": 1.0})  # no target runs through it
            _say(said)


def _target(over: Axes, axes: Axes, target_s: float | None) -> None:
    """A target, named above the panel, where nothing runs through it; one beyond the scale lies at its edge."""
    if target_s is None:
        return
    top = axes.get_ylim()[1]
    far = target_s > top
    axes.axhline(top if far else target_s, zorder=4, clip_on=False, **legend.target_line())
    words = f"target {scales.time_label(target_s)}" + (", far above" if far else "")
    _say(over.text(1.0, 1.04, words, transform=over.transAxes, ha="right", va="bottom", zorder=6))


def _say(label: Text) -> None:
    """Text that stays legible over bars and lines."""
    label.set(fontsize=9.5, color=palette.TEXT)
    label.set_path_effects([withStroke(linewidth=3.5, foreground=palette.CARD)])
