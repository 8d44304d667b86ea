"""Buttons: their action ids, what they carry, and which fit a run's state."""

from bot.domain.runs import OPEN, Run, RunState, StepState
from bot.planning.checklist import POINT_OF_NO_RETURN
from bot.views.blocks import Block, button, confirm
from bot.views.plan import impact

APPROVE = "approve"
REJECT = "reject"
CANCEL = "cancel"
RETRY = "retry"
ESCALATE = "escalate"
CLOSE_FOLLOWUP = "close_followup"


def ballot_value(run: Run) -> str:
    """What Approve and Reject carry: the run, and the plan that is voted on."""
    return f"{run.id}:{run.plan.short_digest}"


def read_ballot(value: str) -> tuple[str, str]:
    """Split a ballot's value into run id and short digest."""
    run_id, _, digest = value.partition(":")
    return run_id, digest


def for_ballot(run: Run) -> list[Block]:
    """Approve and Reject, while the request is open."""
    if run.state is not RunState.PENDING:
        return []
    words = f"You consent to plan {run.plan.short_digest}: {impact(run.plan)}."
    return [
        button(
            "Approve",
            APPROVE,
            ballot_value(run),
            style="primary",
            ask=confirm(f"Roll {run.environment} back?", words, "Approve"),
        ),
        button(
            "Reject",
            REJECT,
            ballot_value(run),
            style="danger",
            ask=confirm("Reject this rollback?", "One rejection ends the request.", "Reject"),
        ),
    ]


def for_card(run: Run) -> list[Block]:
    """What a person may do to a run in the state it is in."""
    if run.state is RunState.PARKED:
        return [_retry(run), _escalate(run)]
    if run.state in OPEN:
        return [_cancel(run)] if can_cancel(run) else []
    return [_close(run)] if any(step.state is StepState.OPEN for step in run.steps) else []


def can_cancel(run: Run) -> bool:
    """Whether a cancel still stops it: not once the chain has begun, nor twice."""
    begun = any(step.key == POINT_OF_NO_RETURN and step.state is not StepState.WAITING for step in run.steps)
    return run.state in OPEN and not begun and not run.cancel_requested_by


def _cancel(run: Run) -> Block:
    if run.state is RunState.RUNNING:
        words = (
            "The run stops at the next safe place, undoes what it has done, and traffic returns. No data is touched."
        )
    else:
        words = "Nothing has been done yet, and nothing will be."
    return button("Cancel", CANCEL, run.id, style="danger", ask=confirm("Cancel this rollback?", words, "Cancel it"))


def _retry(run: Run) -> Block:
    words = "The run goes on at the step that stopped. What is already done is not done again."
    return button("Retry", RETRY, run.id, style="primary", ask=confirm("Go on with this run?", words, "Go on"))


def _escalate(run: Run) -> Block:
    words = "Posts the database's log, what can be recovered, and whom to call, in the thread. It changes nothing."
    return button("Escalate", ESCALATE, run.id, ask=confirm("Ask for help?", words, "Escalate"))


def _close(run: Run) -> Block:
    return button("Close follow-up…", CLOSE_FOLLOWUP, run.id)
