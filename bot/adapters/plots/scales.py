"""Chooses round ticks for axes and labels them in units that people use."""

from collections.abc import Sequence
from datetime import datetime, timedelta

_MAX_TICKS = 5
_STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200)
_DAY_S = 86_400
_TEN = 10
_UNITS = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1, "B"))
_SPANS = ((_DAY_S, "d"), (3600, "h"), (60, "min"), (1, "s"))
_CLOSE = timedelta(days=3)


def time_ticks(top_s: float, limit: int) -> list[float]:
    """Return round times from 0 up to `top_s`, at most `limit` of them above 0."""
    steps = (*_STEPS_S, *(_DAY_S * step for step in _tens(top_s / _DAY_S)))
    step = next(step for step in steps if top_s / step < limit + 1)
    return [step * place for place in range(int(top_s / step) + 1)]


def size_ticks(top_bytes: float) -> list[float]:
    """Return round sizes from 0 up to `top_bytes`, at most six."""
    step = next(step for step in _tens(top_bytes) if top_bytes / step <= _MAX_TICKS)
    return [step * place for place in range(int(top_bytes / step) + 1)]


def _tens(limit: float) -> list[float]:
    """Return 1, 2, 5, 10, 20, 50 … well past `limit`."""
    steps, power = [], 1
    while power <= max(limit, 1) * 10:
        steps += [power, 2.0 * power, 5.0 * power]
        power *= 10
    return [float(step) for step in steps]


def time_label(seconds: float) -> str:
    """``0``, ``0.5 s``, ``45 s``, ``2 min``, ``1 h 30 min``, ``3 d``: a round amount."""
    if seconds <= 0:
        return "0"
    if seconds < 1:
        return f"{seconds:.1f} s"
    rest, words = round(seconds), []
    for span_s, unit in _SPANS:
        whole, rest = divmod(rest, span_s)
        if whole:
            words.append(f"{whole} {unit}")
    return " ".join(words[:2])


def figure_label(seconds: float) -> str:
    """``0.4 s``, ``46 s``, ``6.8 min``, ``11 min``, ``1.3 h``: short enough to stand over a bar."""
    span_s, unit = next((pair for pair in _SPANS[1:] if seconds >= pair[0]), (1, "s"))
    amount = seconds / span_s
    few = round(amount, 1) < _TEN and (unit != "s" or amount < 1)
    return f"{amount:.1f} {unit}" if few else f"{amount:.0f} {unit}"


def size_label(size_bytes: float) -> str:
    """``0``, ``250 MB``, ``1.5 GB``: a round amount."""
    for factor, unit in _UNITS:
        if size_bytes >= factor:
            return f"{size_bytes / factor:.3g} {unit}"
    return "0"


def date_ticks(times: Sequence[datetime], limit: int) -> list[tuple[int, str]]:
    """Choose at most `limit` drills whose dates are written below them; return their places and their dates.

    The first date of a year has the year; dates of the same few days have the time of day instead.
    """
    every = -(-len(times) // limit) if times else 1
    close = bool(times) and max(times) - min(times) < _CLOSE and len(times) > 1
    ticks, year = [], 0
    for place in range(0, len(times), every):
        at = times[place]
        text = f"{at.day} {_MONTHS[at.month - 1]}"
        if close:
            text += f"\n{at:%H:%M}"
        elif at.year != year:
            text += f"\n{at.year}"
        ticks.append((place, text))
        year = at.year
    return ticks


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
"""In English on every machine: strftime would follow its locale."""
