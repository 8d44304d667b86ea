"""How long the next one takes, by those before it.

Sizes differ from one time to the next, so times do not carry over; how far off the plan's own estimate was, does. The
interval is free of any assumption on how these ratios are spread: of n past ones and the next, if none is special,
each is equally likely to be the smallest, the second smallest and so on. So the next lies between the k-th smallest
and the k-th largest of the past ones with probability 1 - 2k / (n + 1).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from bot.domain.proofs import Forecast

FEWEST = 3
"""Two say nothing: the next lies between them one time in three."""
NEWEST = 39
"""Data, versions and machines change, so the newest say most. Of 39, one freak at each end is left out at 90 %."""
_TAIL = 20
"""One in 20 below and one in 20 above: an interval of 90 %, as soon as there are 19."""


@dataclass(frozen=True)
class Sample:
    """One that is over: when, where, and how many times its estimate it took."""

    at: datetime
    place: str
    ratio: float


def forecast(estimate_s: float, samples: Iterable[Sample], own: str) -> Forecast | None:
    """Make it from the newest samples; those of environment `own` alone where there are enough. None for none."""
    newest = sorted(samples, key=lambda sample: sample.at, reverse=True)
    mine = [sample for sample in newest if sample.place == own]
    used = (mine if len(mine) >= FEWEST else newest)[:NEWEST]
    if not used:
        return None
    ratios = sorted(sample.ratio for sample in used)
    low, high, coverage = _interval(ratios)
    return Forecast(
        expected_s=estimate_s * median(ratios),
        low_s=None if low is None else estimate_s * low,
        high_s=None if high is None else estimate_s * high,
        coverage=coverage,
        samples=len(used),
        places=tuple(sorted({sample.place for sample in used})),
    )


def _interval(ratios: Sequence[float]) -> tuple[float | None, float | None, float]:
    """The narrowest that still covers 90 %, or the widest there is; `ratios` ascending."""
    n = len(ratios)
    if n < FEWEST:
        return None, None, 0.0
    k = max(1, (n + 1) // _TAIL)
    return ratios[k - 1], ratios[n - k], 1 - 2 * k / (n + 1)
