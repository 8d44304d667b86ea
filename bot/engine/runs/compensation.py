"""Compensates a run (↺), and finds out whether that is still possible."""

from collections.abc import Mapping

import stamina

from bot.domain.runs import Run, Step, StepState
from bot.engine.kinds import KINDS
from bot.engine.runs.execution import Execution
from bot.engine.runs.steps.step import RETRIED, UNDO_PATIENCE_S, Action
from bot.errors import BotError
from bot.planning.kinds import point_of_no_return

TOUCHED = frozenset({StepState.RUNNING, StepState.DONE, StepState.FAILED})
"""States of a step that may have changed something which has not been put back."""

WAITS_FOR = "waits-for"
"""Key in a step's data: the reference of the error for which it could not be undone, where that may pass by itself."""
_AWAY = frozenset({"cluster-unavailable", "cluster-forbidden"})


def is_away(error: BotError) -> bool:
    """Tell if the cluster was away, so that putting things back may work later."""
    return error.reference in _AWAY


def waits_for_cluster(run: Run) -> bool:
    """Tell if a parked run only waits for the cluster to put things back."""
    return any(WAITS_FOR in step.data and step.state in TOUCHED for step in run.steps)


def must_compensate(execution: Execution) -> bool:
    """Tell if a run that was taken over had begun to compensate: it goes on doing so."""
    run = execution.run
    begun = any(step.state in {StepState.FAILED, StepState.UNDONE} for step in run.steps)
    return (begun or run.cancel_requested_by != "") and not passed_no_return(execution)


def passed_no_return(execution: Execution) -> bool:
    """Tell if the chain or the swap has committed. Where only the database knows, ask it.

    Raises:
        BotError: the database does not say, so nothing may be undone and nothing repeated.
    """
    key = point_of_no_return(execution.run.plan)
    step = execution.run.step(key)
    if step.state is StepState.DONE:
        return True
    if step.state is StepState.UNDONE:  # an owner found, while it compensated, that it had not happened
        return False
    kind = KINDS[execution.run.plan.kind]
    if step.attempts == 0 or not kind.has_committed(execution):
        return False
    # Noted, so that neither a cancel nor a successor takes the run for one that can still turn back.
    witness, says = kind.witness
    execution.record(key, StepState.DONE, f"committed, as the {witness} {says}")
    execution.audit(kind.committed_event, found_by=witness)
    return True


def compensate(execution: Execution, actions: Mapping[str, Action]) -> None:
    """Undo, newest first, every step that may have changed something.

    Raises:
        BotError: something could not be put back; the steps left say what.
        OwnershipLostError: another process has the run.
    """
    execution.compensating = True
    for step in reversed(execution.run.steps):
        action = actions.get(step.key)
        if step.state in TOUCHED and action is not None and action.undoes:
            _undo(execution, step, action)
        elif step.state is StepState.RUNNING:
            execution.record(step.key, StepState.SKIPPED, "stopped")


def _undo(execution: Execution, step: Step, action: Action) -> None:
    failed = step.state is StepState.FAILED
    known = {key: value for key, value in step.data.items() if key != WAITS_FOR}
    if WAITS_FOR in step.data:  # the cluster answers: if this fails for another reason, people are needed
        execution.remember(step.key, known)
    try:
        detail = _insist(execution, action)
    except BotError as error:
        if is_away(error):  # the sweep has it go on when the cluster answers again
            execution.remember(step.key, {**known, WAITS_FOR: error.reference})
        raise
    execution.record(step.key, StepState.UNDONE, f"{step.detail}; {detail}" if failed else detail)
    execution.audit("step-undone", key=step.key, detail=detail)


def _insist(execution: Execution, action: Action) -> str:
    for attempt in stamina.retry_context(on=RETRIED, attempts=None, timeout=UNDO_PATIENCE_S, wait_max=5.0):
        with attempt:
            execution.check()
            return action.undo(execution)
    raise AssertionError  # pragma: no cover -- retry_context returns or raises
