"""Builds the buttons that fit a run's state, with their action ids and the values they carry."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from bot.domain.drills import Drill, DrillState
from bot.domain.jobs import DEFAULT_LEVEL
from bot.domain.plans import ChainPlan
from bot.domain.runs import OPEN, Run, RunState, StepState
from bot.planning.kinds import is_past_return, is_retired, is_undoable, may_be_past_return, point_of_no_return
from bot.ports import BackupListing
from bot.views.kit.blocks import Block, button, confirm, overflow
from bot.views.plans.kinds import KINDS
from bot.views.plans.plan import impact

APPROVE = "approve"
REJECT = "reject"
CANCEL = "cancel"
RETRY = "retry"
ESCALATE = "escalate"
CLOSE_FOLLOWUP = "close_followup"
DOCUMENT = "document"
UNDO = "undo"
SHOW_SQL = "show_sql"
VERIFY_BACKUP = "verify_backup"
SHOW_BACKUP = "show_backup"
NEWER_BACKUPS = "newer_backups"
OLDER_BACKUPS = "older_backups"
SKIP_DRILL = "skip_drill"
POSTPONE_DRILL = "postpone_drill"
PAGE_OF_BACKUPS = 10
_HOUR = timedelta(hours=1)
_POSTPONE = {"Postpone by 1 hour": _HOUR, "Postpone by 4 hours": 4 * _HOUR, "Postpone by 1 day": 24 * _HOUR}


def ballot_value(run: Run) -> str:
    """Write the value of Approve and Reject: the run, and the plan that is voted on."""
    # decision 26: the vote is for the plan on the screen, which may have moved by the time the button is pressed.
    return f"{run.id}:{run.plan.short_digest}"


def read_ballot(value: str) -> tuple[str, str]:
    """Split a ballot's value into run id and short digest."""
    run_id, _, digest = value.partition(":")
    return run_id, digest


def for_ballot(run: Run) -> list[Block]:
    """Build Approve and Reject, and for a chain the way to its SQL, while the request is open."""
    if run.state is not RunState.PENDING or run.drill:
        return []
    return [
        *([] if is_retired(run) else [_approve(run)]),
        button(
            "Reject",
            REJECT,
            ballot_value(run),
            style="danger",
            ask=confirm("Reject this rollback?", "One rejection ends the request.", "Reject"),
        ),
        *([button("Show the SQL…", SHOW_SQL, run.id)] if isinstance(run.plan, ChainPlan) else []),
    ]


def _approve(run: Run) -> Block:
    words = f"You consent to plan {run.plan.short_digest}: {impact(run.plan)}."
    ask = confirm(KINDS[run.plan.kind].question.format(run.environment), words, "Approve")
    return button("Approve", APPROVE, ballot_value(run), style="primary", ask=ask)


def for_card(run: Run) -> list[Block]:
    """Build the buttons for what a person can do to a run in its state."""
    if run.state is RunState.PARKED:
        return [*([] if is_retired(run) else [_retry(run)]), _escalate(run)]
    if run.state in OPEN:
        return [_cancel(run)] if can_cancel(run) else []
    return [*([_undo(run)] if is_undoable(run) else []), *for_follow_up(run)]


def can_cancel(run: Run) -> bool:
    """Tell if a cancel still stops it: not once the step of no return has begun, nor twice."""
    last = point_of_no_return(run.plan)
    begun = any(step.key == last and step.state is not StepState.WAITING for step in run.steps)
    return run.state in OPEN and not begun and not run.cancel_requested_by


def _cancel(run: Run) -> Block:
    if any(step.state is not StepState.WAITING for step in run.steps):
        words = (
            "The run stops at the next safe place, undoes what it has done, and traffic returns. No data is touched."
        )
    else:
        words = "Nothing has been done yet, and nothing will be."
    return button("Cancel", CANCEL, run.id, style="danger", ask=confirm("Cancel this rollback?", words, "Cancel it"))


def _retry(run: Run) -> Block:
    if is_past_return(run):
        words = "The run goes on at the step that stopped. What is already done is not done again."
        ask = confirm("Go on with this run?", words, "Go on")
    elif may_be_past_return(run):
        words = "It looks whether it has committed. If so, the run goes on to its end; if not, everything is put back."
        ask = confirm("Look again?", words, "Go on")
    else:
        words = (
            "It goes on putting everything back: the database is as it was, traffic returns, and the run ends there."
        )
        ask = confirm("Go on putting things back?", words, "Go on")
    return button("Retry", RETRY, run.id, style="primary", ask=ask)


def _escalate(run: Run) -> Block:
    words = "Posts the database's log, what can be recovered, and whom to call, in the thread. It changes nothing."
    return button("Escalate", ESCALATE, run.id, ask=confirm("Ask for help?", words, "Escalate"))


def _undo(run: Run) -> Block:
    ask = confirm("Undo this?", KINDS[run.plan.kind].undo_warning, "Ask for it")
    return button("Undo…", UNDO, run.id, ask=ask)


def for_report(run: Run) -> list[Block]:
    """Build the buttons for what a person can add to the report, once the run's owner has finished."""
    if run.state in {RunState.PENDING, RunState.APPROVED, RunState.RUNNING}:
        return []
    return [
        button("Document what went wrong…", DOCUMENT, run.id),
        *for_follow_up(run),
    ]


def for_follow_up(run: Run) -> list[Block]:
    """Build the button that closes the follow-up, while it is open."""
    return [_close(run)] if any(step.state is StepState.OPEN for step in run.steps) else []


def _close(run: Run) -> Block:
    return button("Close follow-up…", CLOSE_FOLLOWUP, run.id)


def for_drill(drill: Drill) -> list[Block]:
    """Build the approvers' buttons for a drill that has not started. Idempotent: postponing names the new start."""
    if drill.state is not DrillState.PLANNED:
        return []
    words = "It does not start this time. The schedule goes on with the next one."
    ask = confirm("Leave this drill out?", words, "Skip it")
    later = {text: f"{drill.id}|{(drill.start_at + by).isoformat()}" for text, by in _POSTPONE.items()}
    put_off = confirm("Put this drill off?", "It starts that much later than it would now.", "Postpone it")
    return [button("Skip", SKIP_DRILL, drill.id, ask=ask), overflow(POSTPONE_DRILL, later, ask=put_off)]


def read_postponement(value: str) -> tuple[str, str]:
    """Split what a choice carries into the drill's id and its new start, ISO 8601."""
    drill_id, _, start = value.partition("|")
    return drill_id, start


def for_backup(environment: str, name: str) -> list[Block]:
    """Build the buttons for a backup in a list."""
    return [_verify(environment, name), button("Details", SHOW_BACKUP, _pack(environment=environment, name=name))]


def for_details(environment: str, name: str) -> list[Block]:
    """Build the buttons for the backup that is shown."""
    return [_verify(environment, name)]


def for_pages(shown: BackupListing) -> list[Block]:
    """Build the buttons that turn to the pages before and after this one."""
    made = []
    if shown.offset > 0:
        made.append(_turn("Newer", NEWER_BACKUPS, shown, max(0, shown.offset - PAGE_OF_BACKUPS)))
    if shown.page.next_offset is not None:
        made.append(_turn("Older", OLDER_BACKUPS, shown, shown.page.next_offset))
    return made


def unpack(value: str) -> Mapping[str, Any]:
    """Read a button's value; {} when it is none of ours, or of an older version."""
    try:
        carried = json.loads(value)
    except ValueError:
        return {}
    return carried if isinstance(carried, dict) else {}


def _verify(environment: str, name: str) -> Block:
    return button("Verify", VERIFY_BACKUP, _pack(environment=environment, name=name, level=DEFAULT_LEVEL))


def _turn(text: str, action_id: str, shown: BackupListing, offset: int) -> Block:
    return button(text, action_id, _pack(environment=shown.environment, text=shown.text, offset=offset))


def _pack(**carried: str | int) -> str:
    return json.dumps(carried, ensure_ascii=False)
