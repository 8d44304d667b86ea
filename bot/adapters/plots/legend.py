"""How things look, and the legend that says so."""

from typing import Any

from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from bot.adapters.plots import palette
from bot.domain.drill_reports import Chart

_MANY = 60
"""Marks on so many bars would run into each other."""
_SOME = 20
_COLUMNS = 4


def look(phase: str) -> dict[str, Any]:
    """A phase's bar."""
    colour = palette.PHASES.get(phase, palette.OTHER)
    return {
        "facecolor": colour,
        "edgecolor": palette.CARD,
        "linewidth": 0.4,
        "hatch": palette.HATCHES.get(phase, "++"),
    }


def size_line(bars: int) -> dict[str, Any]:
    """The line of sizes over that many bars."""
    return {
        "color": palette.SIZE,
        "linewidth": 1.6,
        "marker": "o" if bars <= _MANY else "",
        "markersize": 6 if bars <= _SOME else 3.5,
        "markeredgecolor": palette.CARD if bars <= _SOME else palette.SIZE,
        "zorder": 5,
        "clip_on": False,
    }


def failed_mark(bars: int) -> dict[str, Any]:
    """The mark of a failed drill."""
    return {
        "color": palette.FAILED,
        "linestyle": "",
        "marker": "X",
        "markersize": 10 if bars <= _MANY else 7,
        "markeredgecolor": palette.CARD,
        "zorder": 7,
        "clip_on": False,
    }


def target_line() -> dict[str, Any]:
    """A target."""
    return {"color": palette.TARGET, "linewidth": 1.3, "linestyle": (0, (6, 3))}


def add(figure: Figure, chart: Chart) -> None:
    """Add the legend below everything: only of what is there."""
    shown = chart.panels
    phases = dict.fromkeys(phase for panel in shown for phase in panel.phases)
    entries: list[tuple[Artist, str]] = [(Patch(**look(phase)), palette.WORDS.get(phase, phase)) for phase in phases]
    bars = [bar for panel in shown for bar in panel.bars]
    if any(bar.size_bytes for bar in bars):
        entries.append((Line2D([], [], **size_line(1)), "size of the database"))
    if any(panel.restore_target_s or panel.data_loss_target_s for panel in shown):
        entries.append((Line2D([], [], **target_line()), "target"))
    if any(panel.misses_data_loss for panel in shown):
        entries.append((Patch(facecolor=palette.FAILED), "over its target"))
    if any(bar.failed for bar in bars):
        entries.append((Line2D([], [], **failed_mark(1)), "drill failed"))
    if entries:
        added = figure.legend(
            [artist for artist, _ in entries],
            [words for _, words in entries],
            loc="outside lower left",
            ncols=min(_COLUMNS, len(entries)),
            fontsize=9.5,
            frameon=False,
            labelcolor=palette.TEXT,
            handlelength=1.8,
            columnspacing=1.4,
            title=chart.subtitle,
            title_fontsize=9.5,
            alignment="left",
        )
        added.get_title().set_color(palette.QUIET)
