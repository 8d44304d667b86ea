"""Performs drills: one step after the other, whatever process it takes, and nothing is left behind."""

import logging
from collections.abc import Sequence

from bot.domain.drills import Drill, DrillState
from bot.domain.runs import Step, StepState
from bot.engine.context import Services
from bot.engine.drills.execution import DrillExecution, DrillStep
from bot.engine.drills.kinds import STEPS
from bot.engine.drills.service import find_drill
from bot.engine.drills.steps.measurements import list_proofs, measure
from bot.engine.runs.interrupts import OwnershipLostError
from bot.engine.runs.step_execution import LEASE_S, Outcome, patiently
from bot.engine.runs.step_machine import as_failure, perform_step, sentence
from bot.errors import BotError, PermanentError
from bot.planning.refusals import drill_in_production

_PROBLEM = "problem"
_log = logging.getLogger(__name__)


def perform(services: Services, drill_id: str) -> None:
    """Perform a planned drill, or go on with one whose process died. Done again after its end, it shows the result.

    Raises:
        PermanentError: ``unknown-drill``.
        TemporaryError: ``journal-unreachable``; tried again, it goes on.
    """
    steps = build_checklist(_known(services, drill_id))
    taken = patiently(lambda: services.drills.take(drill_id, steps, services.owner, LEASE_S))
    if taken is not None:
        try:
            with DrillExecution(services, taken) as execution:
                _carry(execution)
        except OwnershipLostError as error:
            _log.warning("drill %s is left to its next owner: %s", drill_id, error)
            return
    patiently(lambda: services.drill_announcer.drill(_known(services, drill_id)))


def build_checklist(drill: Drill) -> tuple[Step, ...]:
    """List the steps of such a drill."""
    return tuple(Step(drill_step.key, place, drill_step.title) for place, drill_step in enumerate(STEPS[drill.kind]))


def _known(services: Services, drill_id: str) -> Drill:
    return patiently(lambda: find_drill(services, drill_id))


def _carry(execution: DrillExecution) -> None:
    drill = execution.drill
    token = drill.fencing_token
    execution.audit("drill-begun" if token == 1 else "drill-taken-up", kind=drill.kind.value, fencing_token=token)
    execution.insist(execution.refresh)
    # decision 25: production is refused here once more; the configuration may have changed since it was planned
    drill_steps, refused = _permitted(execution)
    if not refused and execution.is_given_up:
        refused = PermanentError("drill-given-up", *execution.explain_giving_up("drill"))
    if refused:
        _refuse(execution, refused)
    for drill_step in drill_steps:
        if execution.drill.step(drill_step.key).state in {StepState.WAITING, StepState.RUNNING}:
            _pass(execution, drill_step)
    _finish(execution)


def _permitted(execution: DrillExecution) -> tuple[Sequence[DrillStep], BotError | None]:
    """Return the steps that are allowed: where no drill may run, not even the cleanup is."""
    try:
        environment = execution.env.environment
        if environment.production:
            raise drill_in_production(environment.name)
        _ = execution.source
    except PermanentError as error:
        return [_Nothing(step) for step in execution.drill.steps], error
    return STEPS[execution.drill.kind], None


class _Nothing(DrillStep):
    """A step of a drill that is refused as a whole."""

    def __init__(self, step: Step) -> None:
        self.key, self.title = step.key, step.title

    def act(self, execution: DrillExecution) -> Outcome:
        """Leave everything as it is."""
        del execution
        return Outcome("not done", state=StepState.SKIPPED)


def _refuse(execution: DrillExecution, error: BotError) -> None:
    """Put it down to the step that a process died in, and is not tried again; else to the one that would be next."""
    begun = next((step for step in execution.drill.steps if step.state is StepState.RUNNING), None)
    following = next((step for step in execution.drill.steps if step.state is StepState.WAITING), None)
    step = begun or (None if _problem(execution) else following)
    if step is not None:
        _fail(execution, step.key, error)


def _pass(execution: DrillExecution, drill_step: DrillStep) -> None:
    """Do a step, or skip it."""
    needed = () if drill_step.needs is None else drill_step.needs
    missing = not all(execution.is_done(key) for key in needed)
    if missing or (drill_step.needs is None and _problem(execution)):
        execution.record(drill_step.key, StepState.SKIPPED, "")
        return
    try:
        perform_step(execution, drill_step)
    except OwnershipLostError:
        raise
    except Exception as error:  # noqa: BLE001 -- a bug must not leave a drill open, nor its databases lying about
        _fail(execution, drill_step.key, as_failure(error))


def _fail(execution: DrillExecution, key: str, error: BotError) -> None:
    whole = f"{sentence(error)} {error.hint}".strip()
    execution.record(key, StepState.FAILED, sentence(error), {**execution.data(key), _PROBLEM: whole})
    execution.audit("drill-step-failed", key=key, problem=sentence(error))


def _problem(execution: DrillExecution) -> str:
    """The first thing that went wrong; "" while nothing has."""
    failed = (step for step in execution.drill.steps if step.state is StepState.FAILED)
    return str(next((step.data.get(_PROBLEM, step.detail) for step in failed), ""))


def _finish(execution: DrillExecution) -> None:
    drill, problem = execution.drill, _problem(execution)
    state = DrillState.FAILED if problem else DrillState.PASSED
    measured = None if problem else measure(execution)
    proofs = list_proofs(execution)
    execution.audit("drill-ended", state=state.value, problem=problem)
    book = execution.services.drills
    execution.insist(lambda: book.finish(drill.lease, state, problem, measured, proofs))
