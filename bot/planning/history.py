"""What is over, as samples for a forecast: drills, and what people ran for real."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from bot.domain.drills import Drill, DrillKind, DrillState
from bot.domain.plans import PlanKind
from bot.domain.runs import Run, RunState, Step, StepState
from bot.planning import checklist
from bot.planning.estimate import swap_estimate
from bot.planning.forecast import Sample


def restore_samples(drills: Iterable[Drill], runs: Iterable[Run]) -> Iterator[Sample]:
    """Whole restores, each against its own estimate: a drill that only loads a bundle aside is none."""
    for drill in drills:
        measured = drill.measured
        if measured is not None and measured.estimated_s and _is_whole(drill) and drill.ended_at:
            yield from _sample(drill.ended_at, drill.environment, measured.restore_s, measured.estimated_s)
    yield from run_samples(runs, PlanKind.RESTORE)


def restore_downtimes(drills: Iterable[Drill], runs: Iterable[Run]) -> Iterator[Sample]:
    """For how long they kept the app down, against the estimate, which no size moves."""
    for drill in drills:
        if drill.measured is not None and drill.measured.downtime_s and _is_whole(drill) and drill.ended_at:
            estimated_s = swap_estimate().downtime_s
            yield from _sample(drill.ended_at, drill.environment, drill.measured.downtime_s, estimated_s)
    yield from run_downtimes(runs, PlanKind.RESTORE)


def run_samples(runs: Iterable[Run], kind: PlanKind) -> Iterator[Sample]:
    """Runs of a kind that people asked for and that went through, each against its plan's estimate."""
    for run in _through(runs, kind):
        worked_s = sum(step.elapsed_s or 0.0 for step in run.steps if _is_work(step))
        if run.ended_at is not None:
            yield from _sample(run.ended_at, run.environment, worked_s, run.plan.estimate.total_s)


def run_downtimes(runs: Iterable[Run], kind: PlanKind) -> Iterator[Sample]:
    """For how long such runs kept the app down, each against its plan's estimate."""
    for run in _through(runs, kind):
        times = {step.key: step for step in run.steps if step.state is StepState.DONE}
        stop, back = times.get(checklist.STOP_TRAFFIC), times.get(checklist.RESTORE_TRAFFIC)
        if stop and back and stop.started_at and back.ended_at and run.ended_at:
            down_s = (back.ended_at - stop.started_at).total_seconds()
            yield from _sample(run.ended_at, run.environment, down_s, run.plan.estimate.downtime_s)


def _is_work(step: Step) -> bool:
    """Whether a step's time is the run's own: the follow-up is done when a person closes it, days later."""
    return step.state is StepState.DONE and step.key != checklist.FOLLOW_UP


def _is_whole(drill: Drill) -> bool:
    return drill.kind is DrillKind.RESTORE and drill.state is DrillState.PASSED


def _through(runs: Iterable[Run], kind: PlanKind) -> Iterator[Run]:
    """Those that went through without a stop. A drill's own are left out: the drill's measurement has them."""
    for run in runs:
        smooth = all(step.attempts <= 1 for step in run.steps)
        if run.plan.kind is kind and run.state is RunState.SUCCEEDED and smooth and not run.drill:
            yield run


def _sample(at: datetime, place: str, took_s: float, estimated_s: float) -> Iterator[Sample]:
    if took_s > 0 and estimated_s > 0:
        yield Sample(at, place, took_s / estimated_s)
