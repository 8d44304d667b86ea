"""Estimates how long a run takes, and predicts it from the history of runs and drills.

Estimates come from sizes and rates, measured on one 2-core machine; they err on the slow side. Sizes differ from one
run to the next, so past times do not carry over, but how far off the estimates were does. The interval assumes nothing
about how these ratios are distributed: of n past ones and the next, if none is special, each is equally likely to be
the smallest, the second smallest and so on. So the next lies between the k-th smallest and the k-th largest with
probability 1 - 2k / (n + 1).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from bot.domain.catalogue import Rehearsal
from bot.domain.drills import Drill, DrillKind, DrillState
from bot.domain.planned import Estimate, Forecast, PlannedRows
from bot.domain.plans import Plan, RestorePlan
from bot.domain.runs import Run, RunState, Step, StepState
from bot.planning import checklist

DUMP_BYTES_PER_S = 40_000_000
"""pg_dump with gzip 1, hashes and upload, of database size on disk."""
EXPORT_BYTES_PER_S = 25_000_000
"""COPY as CSV through gzip, of table size on disk."""
DUMP_START_S = 3.0
PODS_STOP_S = 10.0
PODS_START_S = 20.0
CHECKS_S = 3.0


def chain_estimate(database_bytes: int, rows: Iterable[PlannedRows], rehearsal: Rehearsal) -> Estimate:
    """Estimate a chain's time in all, and the time during which the app is down."""
    saved_bytes = sum(row.size_bytes for row in rows)
    chain_s = sum(statement.elapsed_s for statement in rehearsal.outcome.statements) + 0.5
    down_s = PODS_STOP_S + saved_bytes / EXPORT_BYTES_PER_S + chain_s + PODS_START_S + CHECKS_S
    return Estimate(DUMP_START_S + database_bytes / DUMP_BYTES_PER_S + down_s, down_s)


FETCH_BYTES_PER_S = 60_000_000
"""Download and unpacking, of the bundle's size."""
LOAD_BYTES_PER_S = 8_000_000
"""pg_restore, then counting and hashing, of the bundle's (compressed) size."""
SWAP_S = 0.5


def restore_estimate(bundle_bytes: int) -> Estimate:
    """Estimate a restore's time; how long the app is down does not depend on the size."""
    down_s = swap_estimate().downtime_s
    return Estimate(DUMP_START_S + bundle_bytes / FETCH_BYTES_PER_S + bundle_bytes / LOAD_BYTES_PER_S + down_s, down_s)


def swap_estimate() -> Estimate:
    """Estimate a swap of databases that are both there: all of it is downtime."""
    down_s = PODS_STOP_S + SWAP_S + PODS_START_S + CHECKS_S
    return Estimate(down_s, down_s)


RECREATE_BYTES_PER_S = 10_000_000
"""Rows back from the export, with their indexes and keys, of table size on disk before."""


def recreation_estimate(database_bytes: int, bundle_bytes: int, rows: Iterable[PlannedRows]) -> Estimate:
    """Estimate the undo of a chain in all, and the time during which the app is down."""
    down_s = swap_estimate().downtime_s + sum(row.size_bytes for row in rows) / RECREATE_BYTES_PER_S
    up_s = DUMP_START_S + database_bytes / DUMP_BYTES_PER_S + bundle_bytes / FETCH_BYTES_PER_S
    return Estimate(up_s + down_s, down_s)


FEWEST = 3
"""With two, the next lies between them only one time in three."""
NEWEST = 39
"""Data, versions and machines change, so the newest count most. Of 39, the 90 % interval leaves out one at each end."""
_TAIL = 20
"""One in 20 below and one in 20 above: an interval of 90 %, as soon as there are 19."""


@dataclass(frozen=True)
class Sample:
    """A past run: its end, its environment, and its time divided by its estimate."""

    at: datetime
    place: str
    ratio: float


def forecast(estimate_s: float, samples: Iterable[Sample], own: str) -> Forecast | None:
    """Predict from the newest samples, from those of environment `own` alone where there are enough; None for none."""
    newest = sorted(samples, key=lambda sample: sample.at, reverse=True)
    # decision 24: another environment's server may be faster or slower, so one's own history wins once there is enough.
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
    """Return the narrowest interval that still covers 90 %, or the widest there is; `ratios` ascending."""
    n = len(ratios)
    if n < FEWEST:
        return None, None, 0.0
    k = max(1, (n + 1) // _TAIL)
    return ratios[k - 1], ratios[n - k], 1 - 2 * k / (n + 1)


def restore_samples(drills: Iterable[Drill], runs: Iterable[Run]) -> Iterator[Sample]:
    """Yield whole restores, each against its own estimate; a drill that only loads a bundle is none."""
    for drill in drills:
        measured = drill.measured
        if measured is not None and measured.estimated_s and _is_whole(drill) and drill.ended_at:
            yield from _sample(drill.ended_at, drill.environment, measured.restore_s, measured.estimated_s)
    yield from run_samples(runs, RestorePlan)


def restore_downtimes(drills: Iterable[Drill], runs: Iterable[Run]) -> Iterator[Sample]:
    """Yield the downtimes of whole restores, against the estimate, which does not depend on size."""
    for drill in drills:
        if drill.measured is not None and drill.measured.downtime_s and _is_whole(drill) and drill.ended_at:
            estimated_s = swap_estimate().downtime_s
            yield from _sample(drill.ended_at, drill.environment, drill.measured.downtime_s, estimated_s)
    yield from run_downtimes(runs, RestorePlan)


def run_samples(runs: Iterable[Run], of: type[Plan]) -> Iterator[Sample]:
    """Yield runs of a kind that people requested and that went through, each against its plan's estimate."""
    for run in _through(runs, of):
        worked_s = sum(step.elapsed_s or 0.0 for step in run.steps if _is_work(step))
        if run.ended_at is not None:
            yield from _sample(run.ended_at, run.environment, worked_s, run.plan.estimate.total_s)


def run_downtimes(runs: Iterable[Run], of: type[Plan]) -> Iterator[Sample]:
    """Yield the downtimes of such runs, each against its plan's estimate."""
    for run in _through(runs, of):
        times = {step.key: step for step in run.steps if step.state is StepState.DONE}
        stop, back = times.get(checklist.STOP_TRAFFIC), times.get(checklist.RESTORE_TRAFFIC)
        if stop and back and stop.started_at and back.ended_at and run.ended_at:
            down_s = (back.ended_at - stop.started_at).total_seconds()
            yield from _sample(run.ended_at, run.environment, down_s, run.plan.estimate.downtime_s)


def _is_work(step: Step) -> bool:
    """Tell if a step's time is the run's own: a person closes the follow-up days later."""
    return step.state is StepState.DONE and step.key != checklist.FOLLOW_UP


def _is_whole(drill: Drill) -> bool:
    return drill.kind is DrillKind.RESTORE and drill.state is DrillState.PASSED


def _through(runs: Iterable[Run], of: type[Plan]) -> Iterator[Run]:
    """Yield those that went through without a stop. A drill's own are left out: the drill's measurement has them."""
    for run in runs:
        smooth = all(step.attempts <= 1 for step in run.steps)
        if isinstance(run.plan, of) and run.state is RunState.SUCCEEDED and smooth and not run.drill:
            yield run


def _sample(at: datetime, place: str, took_s: float, estimated_s: float) -> Iterator[Sample]:
    if took_s > 0 and estimated_s > 0:
        yield Sample(at, place, took_s / estimated_s)
