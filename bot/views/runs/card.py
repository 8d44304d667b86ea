"""Shows a run's card: one message in the incident channel, edited in place."""

from collections.abc import Sequence

from bot.domain.approvals import Choice, Vote
from bot.domain.runs import OPEN, Run, RunState, Step, StepState
from bot.planning.kinds import is_past_return, is_retired, is_undoable, may_be_past_return
from bot.views.buttons import for_card
from bot.views.kit.blocks import View, actions, context, header, page, paginate, section
from bot.views.kit.text import code, count, duration, moment, one_line, people, person, progress, prose
from bot.views.plans import drill_evidence
from bot.views.plans import plan as plan_view

MAX_CHECKLIST = 7000
STATES = {
    RunState.PENDING: "🗳 Waiting for approval",
    RunState.APPROVED: "👍 Approved, about to start",
    RunState.RUNNING: "▶️ Running",
    RunState.PARKED: "⏸ Stopped, needs a decision",
    RunState.SUCCEEDED: "✅ Done",
    RunState.FAILED: "❌ Failed",
    RunState.CANCELLED: "🚫 Cancelled",
    RunState.REJECTED: "🚫 Rejected",
    RunState.EXPIRED: "⌛ Expired: nobody decided in time",
    RunState.VOID: "⚠️ Void: it can no longer be planned",
}
MARKS = {
    StepState.WAITING: "⚪",
    StepState.RUNNING: "▶️",
    StepState.DONE: "✅",
    StepState.FAILED: "❌",
    StepState.UNDONE: "↩️",
    StepState.SKIPPED: "⏭️",
    StepState.OPEN: "🔲",
}


def render(run: Run, votes: Sequence[Vote], quorum: int, *, production: bool) -> View:
    """Render a card.

    Args:
        run: as it is now.
        votes: all of the run; those for another plan are left out.
        quorum: votes needed.
        production: a missing reason is mentioned.
    """
    noun = plan_view.noun(run.plan)
    title = f"{_drill(run)}{noun.capitalize()} of {run.environment} to schema {run.plan.to_schema:03d}"
    text = (
        f"{STATES[run.state]}: {_drill(run)}{noun} of {one_line(run.environment, 40)}, {plan_view.headline(run.plan)}"
    )
    return page(
        text,
        [
            header(title),
            section(_state(run, votes, quorum)),
            context(*_facts(run, votes, production=production)),
            *paginate([line for step in run.steps for line in step_lines(step)], MAX_CHECKLIST),
            *actions(for_card(run)),
            context(*_times(run)),
        ],
    )


def _drill(run: Run) -> str:
    return f"Drill {run.drill}: " if run.drill else ""


def approvers(run: Run, votes: Sequence[Vote]) -> list[str]:
    """List the people who have approved this very plan, first to last."""
    counted = [vote for vote in votes if vote.digest[:12] == run.plan.short_digest]
    return [vote.user_id for vote in counted if vote.choice is Choice.APPROVE]


def _state(run: Run, votes: Sequence[Vote], quorum: int) -> str:
    lines = [f"*{STATES[run.state]}* – {plan_view.headline(run.plan)}"]
    if run.state in OPEN:
        lines.append(plan_view.impact(run.plan) + ".")
    if run.state is RunState.PENDING and not run.drill:
        lines += [line] if (line := drill_evidence.headline(run.plan)) else []
        lines.append(f"{len(approvers(run, votes))} of {quorum} approvals. The request is in the thread.")
    if run.cancel_requested_by and run.state is RunState.RUNNING:
        lines.append(f"{person(run.cancel_requested_by)} asked to cancel; it stops at the next safe place.")
    if run.problem:
        lines.append(f"*What stopped it:* {prose(run.problem, 600)}")
    if run.state is RunState.PARKED:
        lines += _ways_on(run)
    return "\n".join(lines)


def _ways_on(run: Run) -> list[str]:
    """List what people can do with a parked run: before the point of no return Retry goes back, after it forward."""
    call = "_Escalate_ posts the logs, what can be recovered, whom to call."
    if is_retired(run):
        return [f"Close it as it stands with {code(f'/rollback cancel {run.id}', 60)}. {call}"]
    if may_be_past_return(run):
        return [f"_Retry_ looks whether it has committed, then goes on to the end or puts everything back. {call}"]
    if not is_past_return(run):
        return [
            f"_Retry_ goes on putting everything back; it does not try the {plan_view.noun(run.plan)} again. {call}"
        ]
    lines = [f"_Retry_ goes on where it stopped. {call}"]
    if is_undoable(run):
        lines.append(
            f"To take it back instead: close it as it stands with {code(f'/rollback cancel {run.id}', 60)}, "
            f"then {code(f'/rollback undo {run.id}', 60)}."
        )
    return lines


def _facts(run: Run, votes: Sequence[Vote], *, production: bool) -> list[str]:
    approval = people(approvers(run, votes))
    asker = f"drill {code(run.drill, 20)}" if run.drill else person(run.requester)
    parts = [f"Run {code(run.id, 40)}", f"asked for by {asker}"]
    if approval:
        parts.append(f"approved by {approval}")
    if (run.reason or production) and not run.drill:
        parts.append(f"reason: {one_line(run.reason, 500) or 'not given'}")
    log = f" · log `{one_line(run.log_head, 40)}`" if run.log_head else ""
    return [" · ".join(parts), f"{code(run.plan.asked_for, 120)} · plan `{run.plan.short_digest}`{log}"]


def _times(run: Run) -> list[str]:
    parts = [f"Asked {moment(run.created_at, '{date_short_pretty} {time}')}"]
    if run.state is RunState.PENDING:
        parts.append(f"open until {moment(run.expires_at)}")
    if run.started_at is not None:
        parts.append(f"started {moment(run.started_at)}")
    if run.ended_at is not None:
        parts.append(f"ended {moment(run.ended_at)}")
    if run.started_at is not None and run.ended_at is not None:
        parts.append(f"took {duration((run.ended_at - run.started_at).total_seconds())}")
    return [" · ".join(parts)]


def step_lines(step: Step) -> list[str]:
    """Render a step's line of a checklist: its state, title, duration and outcome."""
    extra = [part for part in (_pace(step), prose(" ".join(step.detail.split()), 300)) if part]
    return [f"{MARKS[step.state]} {one_line(step.title, 150)}" + (f" – {' · '.join(extra)}" if extra else "")]


def _pace(step: Step) -> str:
    words = []
    if step.state is StepState.RUNNING:
        words += [progress(step.progress)] if step.progress else []
        words += [f"since {moment(step.started_at, '{time_secs}')}"] if step.started_at else []
    elif step.elapsed_s is not None:
        words.append(duration(max(0.0, step.elapsed_s)))
    if step.attempts > 1:
        words.append(count(step.attempts, "attempt"))
    return ", ".join(words)
