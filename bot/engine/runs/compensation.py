"""Putting things back (↺), and knowing whether that is still possible."""

from collections.abc import Mapping

import stamina

from bot.domain.plans import PlanKind
from bot.domain.runs import Step, StepState
from bot.engine.runs.execution import Execution
from bot.engine.runs.steps.load_side import planned
from bot.engine.runs.steps.step import Action
from bot.errors import PermanentError, TemporaryError
from bot.planning.checklist import CHAIN, RECREATE, REPLACE, SWAP, no_return_of
from bot.ports import ExchangeState

UNDO_PATIENCE_S = 120.0
_WITNESSES = {
    CHAIN: ("chain-committed", "tracking table", "says"),
    RECREATE: ("chain-undone", "tracking table", "says"),
    SWAP: ("databases-swapped", "databases' names", "say"),
}
TOUCHED = frozenset({StepState.RUNNING, StepState.DONE, StepState.FAILED})
"""States of a step that may have changed something which has not been put back."""


def must_compensate(execution: Execution) -> bool:
    """Whether a run that was taken up had begun to give up: it goes on doing so."""
    run = execution.run
    begun = any(step.state in {StepState.FAILED, StepState.UNDONE} for step in run.steps)
    return (begun or run.cancel_requested_by != "") and not passed_no_return(execution)


def passed_no_return(execution: Execution) -> bool:
    """Whether the chain or the swap has committed. Where only the database knows, ask it.

    Raises:
        BotError: the database does not say, so nothing may be undone and nothing repeated.
    """
    key = no_return_of(execution.run.plan)
    step = execution.run.step(key)
    if step.state is StepState.DONE:
        return True
    if step.state is StepState.UNDONE:  # found not to have happened by whoever began to put things back
        return False
    if step.attempts == 0 or not _ASKED.get(key, _committed)(execution):
        return False
    # Noted, so that neither a cancel nor a successor takes the run for one that can still turn back.
    event, witness, says = _WITNESSES[key]
    execution.record(key, StepState.DONE, f"committed, as the {witness} {says}")
    execution.audit(event, found_by=witness)
    return True


def _swapped(execution: Execution) -> bool:
    come = planned(execution)
    for attempt in stamina.retry_context(on=TemporaryError, attempts=None, timeout=UNDO_PATIENCE_S, wait_max=5.0):
        with attempt:
            state = execution.env.sides.state(come.incoming, come.outgoing)
    if state is ExchangeState.UNKNOWN:
        raise PermanentError(
            "outcome-unknown",
            f"Of the live database, {come.incoming} and {come.outgoing}, not exactly the two are there that should be.",
            "Look at the names (psql -l) before anything else; no database has been dropped.",
        )
    return state is ExchangeState.AFTER


def _committed(execution: Execution) -> bool:
    plan, database = execution.run.plan, execution.env.database
    execution.end_session()
    # A dead owner's session, or ours whose answer was lost, may still be committing: fencing ends it, so that what the
    # table says afterwards is final.
    for attempt in stamina.retry_context(on=TemporaryError, attempts=None, timeout=UNDO_PATIENCE_S, wait_max=5.0):
        with attempt:
            database.take_exclusive_access(execution.run.id).close()
            database.reopen()
            applied = {migration.version for migration in database.inspect().applied}
    if applied == set(plan.remaining):
        return True
    versions = {script.version for script in plan.scripts}
    before = set(plan.remaining) - versions if plan.kind is PlanKind.RECREATE else set(plan.remaining) | versions
    if applied == before:
        return False
    raise PermanentError(
        "outcome-unknown",
        "The tracking table holds neither what was before the run nor what should be after it.",
        "Look at it by hand before anything else; the emergency backup and the export are in the bucket.",
    )


def _unknown(execution: Execution) -> bool:
    """Of a restore in place only the version that began it could say."""
    run = execution.run
    raise PermanentError(
        "outcome-unknown",
        f"Whether the load of run {run.id} has committed cannot be found out: restores in place were removed.",
        "Compare the database with the bundle and with the emergency backup, then close the run with "
        f"/rollback cancel {run.id}.",
    )


_ASKED = {SWAP: _swapped, REPLACE: _unknown}
"""Who knows whether a step has committed, where it is not the tracking table."""


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
    for attempt in stamina.retry_context(on=TemporaryError, attempts=None, timeout=UNDO_PATIENCE_S, wait_max=5.0):
        with attempt:
            execution.check()
            detail = action.undo(execution)
    execution.record(step.key, StepState.UNDONE, f"{step.detail}; {detail}" if failed else detail)
    execution.audit("step-undone", key=step.key, detail=detail)
