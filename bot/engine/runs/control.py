"""Controls runs for people: cancel, retry, escalate, close the follow-up, freeze an environment."""

from collections.abc import Mapping
from dataclasses import replace

from bot.domain.runs import Run, RunState, StepState
from bot.engine.approvals.authorization import check_member, check_steward
from bot.engine.approvals.signatures import sign_step
from bot.engine.approvals.voting import show
from bot.engine.context import Services
from bot.engine.requests import CancelRun, CloseFollowUp, EscalateRun, Freeze, RetryRun, Unfreeze
from bot.engine.runs.compensation import TOUCHED
from bot.engine.runs.escalation import escalate
from bot.engine.runs.report import report_again
from bot.engine.runs.steps.registry import ACTIONS
from bot.errors import PermanentError
from bot.planning.checklist import FOLLOW_UP
from bot.planning.kinds import is_past_return, point_of_no_return
from bot.planning.refusals import check_not_retired
from bot.ports import Audience, AuditEntry

_NOT_STARTED = frozenset({RunState.PENDING, RunState.APPROVED})


def cancel(services: Services, audience: Audience, request: CancelRun) -> str:
    """Stop a run where it can be stopped; returns a sentence about the state it will be in.

    Raises:
        PermanentError: ``unknown-run``, ``not-yours``, ``run-ended``, ``past-no-return``.
    """
    run, user_id = services.run(request.run_id), audience.user_id
    check_steward(services, user_id, run)
    services.journal.audit.append(run.id, user_id, "cancel-requested", {"state": run.state.value})
    if _cancel_untouched(services, user_id, run) or _was_cancelled(run, user_id):
        show(services, run.id)
        return f"Run {run.id} is cancelled. Nothing was touched."
    return _cancel_started(services, user_id, services.run(run.id))


def _cancel_untouched(services: Services, user_id: str, run: Run) -> bool:
    """End a run that has not begun. A resumed run is approved too, with traffic down: its owner must put things back.

    The fencing token proves that nobody has taken the run since it was read.
    """
    if any(step.state is not StepState.WAITING for step in run.steps):
        return False
    problem = _cancelled_by(user_id)
    entry = _ended(user_id, RunState.CANCELLED, problem)
    try:
        return services.journal.runs.end(
            run.id, RunState.CANCELLED, problem, expect=_NOT_STARTED, fencing_token=run.fencing_token, entry=entry
        )
    except PermanentError:  # somebody has just taken it
        return False


def _was_cancelled(run: Run, user_id: str) -> bool:
    """Tell if this person's cancel was carried out by a handler that died before it could answer."""
    untouched = all(step.state is StepState.WAITING for step in run.steps)
    return run.state is RunState.CANCELLED and untouched and run.problem == _cancelled_by(user_id)


def _cancelled_by(user_id: str) -> str:
    return f"cancelled by <@{user_id}>"


def _cancel_started(services: Services, user_id: str, run: Run) -> str:
    if run.state is RunState.PARKED and is_past_return(run):
        problem = f"{run.problem} Left to people by <@{user_id}>."
        if not _close(services, user_id, run, problem):
            return _cancel_started(services, user_id, services.run(run.id))  # somebody has just resumed it
        show(services, run.id)
        report_again(services, run.id)
        return f"Run {run.id} is closed as it stands: the database's part is done, and what is left is yours to finish."
    if run.state not in {RunState.APPROVED, RunState.RUNNING, RunState.PARKED}:
        raise PermanentError("run-ended", f"Run {run.id} has ended: {run.state}.", "There is nothing left to stop.")
    if is_past_return(run):
        raise PermanentError(
            "past-no-return",
            f"The {point_of_no_return(run.plan)} of run {run.id} has committed; stopping now would leave the app down.",
            "Let it finish: it restores traffic, or parks and asks.",
        )
    if run.state is RunState.PARKED and _has_tried(services, run):
        return _leave_to_people(services, user_id, run)
    services.journal.runs.request_cancel(run.id, user_id)
    if run.state is RunState.PARKED and services.journal.runs.resume(run.id):
        services.queue.defer_run(run.id)
    return (
        f"Run {run.id} stops at the next safe place and puts everything back: database unchanged, traffic returned. "
        f"If the {point_of_no_return(run.plan)} commits first, it goes on to the end instead."
    )


def _close(services: Services, user_id: str, run: Run, problem: str) -> bool:
    entry, parked = _ended(user_id, RunState.FAILED, problem), frozenset({RunState.PARKED})
    return services.journal.runs.end(run.id, RunState.FAILED, problem, expect=parked, entry=entry)


def _ended(user_id: str, state: RunState, problem: str) -> AuditEntry:
    return AuditEntry(user_id, "run-ended", {"state": state.value, "problem": problem})


def _has_tried(services: Services, run: Run) -> bool:
    """Tell if it has parked again since a cancel: one more compensation would park once more."""
    asked = False
    for event in services.journal.audit.events(run.id):
        asked = asked or event.event == "cancel-requested"
        if asked and event.event == "run-ended" and event.details.get("state") == RunState.PARKED.value:
            return True
    return False


def _leave_to_people(services: Services, user_id: str, run: Run) -> str:
    """End a run that cannot be put back, so that its environment is free; say what it leaves."""
    undoes = {key: action.undoes for key, action in ACTIONS.items() if action.undoes}
    touched = [step for step in run.steps if step.state in TOUCHED and step.key in undoes]
    left = "; ".join(f"{step.title} ({undoes[step.key]})" for step in touched)
    problem = f"{run.problem} Left to people by <@{user_id}>. Not put back: {left or 'nothing'}."
    if not _close(services, user_id, run, problem):
        raise PermanentError("not-parked", f"Run {run.id} is no longer parked: somebody resumed it.", "Ask again.")
    show(services, run.id)
    report_again(services, run.id)
    return (
        f"Run {run.id} is closed as it stands: it could not put everything back, and what is left is yours to do: "
        f"{left or 'nothing'}. Look at the database's names and its tracking table first if it says outcome-unknown."
    )


def resume(services: Services, audience: Audience, request: RetryRun) -> str:
    """Retry a parked run; returns a sentence about what will happen.

    Raises:
        PermanentError: ``unknown-run``, ``not-yours``, ``not-parked``, ``restore-in-place-removed``.
    """
    run, user_id = services.run(request.run_id), audience.user_id
    check_steward(services, user_id, run)
    check_not_retired(run)
    if not services.journal.runs.resume(run.id, AuditEntry(user_id, "resumed", {})):
        raise PermanentError("not-parked", f"Run {run.id} is {run.state}, not parked.", "See /rollback status.")
    services.queue.defer_run(run.id)
    show(services, run.id)
    if is_past_return(run):
        return f"Run {run.id} goes on where it stopped."
    return f"Run {run.id} goes on putting things back."


def call_for_help(services: Services, audience: Audience, request: EscalateRun) -> str:
    """Post what people need to take over.

    Raises:
        PermanentError: ``unknown-run``, ``not-yours``, ``not-begun``.
    """
    run, user_id = services.run(request.run_id), audience.user_id
    check_steward(services, user_id, run)
    # decision 43: anybody may ask for a run; only votes make it a reason to read the server's log.
    if run.started_at is None:
        raise PermanentError(
            "not-begun",
            f"Run {run.id} is {run.state} and has not begun: there is nothing to take over.",
            f"Vote on it, or withdraw it with /rollback cancel {run.id}.",
        )
    escalate(services, run)
    return f"What there is to know about run {run.id} is in its thread."


def close_follow_up(services: Services, audience: Audience, request: CloseFollowUp) -> str:
    """Close "Plan fix and re-deployment" with a link.

    Raises:
        PermanentError: ``unknown-run``, ``not-yours``, ``nothing-open``.
    """
    run, user_id = services.run(request.run_id), audience.user_id
    check_steward(services, user_id, run)
    detail, details = f"closed by <@{user_id}>: {request.link[:200]}", {"link": request.link[:500]}
    step = next((step for step in run.steps if step.key == FOLLOW_UP), None)
    if step is not None and step.state is StepState.OPEN:
        # Audited first: a successor could not find out who closed a step that is closed already.
        if not _is_noted(services, run, user_id, details):
            services.journal.audit.append(run.id, user_id, "follow-up-closed", details)
        signature = sign_step(services.keyring, run, replace(step, state=StepState.DONE))
        services.journal.leases.record_step(run.lease, FOLLOW_UP, StepState.DONE, detail, signature=signature)
    elif step is None or step.detail != detail:  # else its handler died before it could answer
        raise PermanentError("nothing-open", f"Run {run.id} has no open follow-up.", "/rollback status shows what is.")
    show(services, run.id)
    report_again(services, run.id)
    return f"The follow-up of run {run.id} is closed."


def _is_noted(services: Services, run: Run, user_id: str, details: Mapping[str, str]) -> bool:
    closings = (event for event in services.journal.audit.events(run.id) if event.event == "follow-up-closed")
    return any((event.actor, event.details) == (user_id, details) for event in closings)


def freeze(services: Services, audience: Audience, request: Freeze) -> str:
    """Keep runs from starting in an environment; any full member may.

    Raises:
        PermanentError: ``reason-missing``, ``not-a-member``.
    """
    environment, reason, user_id = request.environment, request.reason, audience.user_id
    check_member(services, user_id, services.env(environment).environment)
    if not reason:
        raise PermanentError("reason-missing", "A freeze needs a reason.", f"/rollback freeze {environment} REASON")
    entry = AuditEntry(user_id, "frozen", {"environment": environment, "reason": reason})
    services.journal.freezes.freeze(environment, user_id, reason, entry)
    return f"{environment} is frozen: nobody starts a run there until /rollback unfreeze {environment}."


def unfreeze(services: Services, audience: Audience, request: Unfreeze) -> str:
    """Allow runs again. Idempotent per request: repeated after its handler died, it answers the same.

    Raises:
        PermanentError: ``not-frozen``, ``not-a-member``.
    """
    environment = request.environment
    check_member(services, audience.user_id, services.env(environment).environment)
    details = {"environment": environment, "request": audience.request_id}
    if not services.journal.freezes.unfreeze(environment, AuditEntry(audience.user_id, "unfrozen", details)):
        thawed = (event for event in services.journal.audit.events("") if event.event == "unfrozen")
        if not any(event.details.get("request") == audience.request_id for event in thawed):
            raise PermanentError("not-frozen", f"{environment} is not frozen.")
    return f"{environment} is open for runs again."
