"""Executes approved runs, one step after the other.

Before the point of no return a failure is compensated and traffic returns; after it the run parks and people decide.
A run taken over from a dead process goes on by the same rules, from what the journal and the world say.
"""

import logging
from collections.abc import Mapping
from dataclasses import replace

from bot.domain.approvals import Vote, explain_rejection, rejecters
from bot.domain.runs import Run, RunState, StepState
from bot.engine.alarms import raise_alarm
from bot.engine.approvals.recount import examine, is_genuine
from bot.engine.approvals.signatures import sign_run
from bot.engine.context import Services
from bot.engine.runs.compensation import compensate, must_compensate, passed_no_return
from bot.engine.runs.escalation import escalate
from bot.engine.runs.execution import Execution
from bot.engine.runs.interrupts import CancelledError, OwnershipLostError, ReplanError, VoidError
from bot.engine.runs.report import report
from bot.engine.runs.step_execution import LEASE_S
from bot.engine.runs.step_machine import SETTLED, as_failure, perform_step, sentence
from bot.engine.runs.steps.registry import ACTIONS
from bot.engine.runs.steps.step import Action
from bot.errors import BotError, PermanentError
from bot.planning.checklist import BACKUP, RECHECK, STOP_TRAFFIC
from bot.planning.refusals import check_not_retired
from bot.ports import AuditEntry

_log = logging.getLogger(__name__)
_PROBLEM = "problem"
_ENDS_AS = "ends-as"
"""Keys in a failed step's data, kept when it is undone: the whole reason, and the state the run ends in."""


class Runner:
    """Executes approved runs, one call per run."""

    def __init__(self, services: Services, actions: Mapping[str, Action] = ACTIONS) -> None:
        self._services = services
        self._actions = actions

    def execute(self, run_id: str) -> None:
        """Take a run and carry it as far as it goes. Does nothing when another process has it."""
        services = self._services
        run = services.journal.runs.take(run_id, services.owner, LEASE_S)
        if run is None:
            return
        with Execution(services, services.env(run.environment), run) as execution:
            try:
                self._carry(execution)
            except OwnershipLostError:
                _log.warning("run %s has another owner now", run_id)

    def _carry(self, execution: Execution) -> None:
        run = execution.run
        problem, history = execution.insist(lambda: examine(self._services, run))
        if problem is not None:
            if history.requester:  # else it has no thread
                execution.note("consent", f"Run {run.id} was stopped: {problem}")
            self._refuse(execution, problem, RunState.PARKED if history.began else RunState.VOID)
        elif history.ended is not None:  # its last owner died between saying so and making it so
            self._end(execution, *history.ended)
        else:
            self._begin(execution)

    def _begin(self, execution: Execution) -> None:
        run, owner = execution.run, self._services.owner
        if any(step.attempts for step in run.steps):
            execution.audit("run-taken-up", owner=owner, fencing_token=run.fencing_token)
        else:
            execution.audit("run-started", digest=run.plan.digest, owner=owner)
        self._services.witness.anchor_now()  # before anything is changed
        execution.insist(execution.refresh)
        try:
            self._go_on(execution)
        except ReplanError as interrupt:
            self._ask_again(execution, interrupt)
        except VoidError as interrupt:
            self._stop(execution, interrupt.error, RunState.VOID)
        except CancelledError as interrupt:
            self._give_up(execution, *self._stopped_by(execution, interrupt.user_id))
        except OwnershipLostError:
            raise
        except Exception as error:  # noqa: BLE001 -- a bug must not leave traffic down: see `as_failure`
            self._stop(execution, as_failure(error))

    def _refuse(self, execution: Execution, problem: PermanentError, state: RunState) -> None:
        """Leave a run alone that nobody has approved as it is, and call people. One that has begun parks.

        What is in a forged row is not shown.
        """
        services, run, text = self._services, execution.run, str(problem)
        alarm = f"{problem.message} {problem.hint}"
        execution.say(lambda: raise_alarm(services, problem.reference, alarm, run.environment))
        execution.audit("run-ended", state=state.value, problem=text)
        running, token = frozenset({RunState.RUNNING}), run.fencing_token
        execution.insist(lambda: services.journal.runs.end(run.id, state, text, expect=running, fencing_token=token))
        if is_genuine(services, run):
            self._announce(execution, replace(run, state=state, problem=text))

    def _go_on(self, execution: Execution) -> None:
        if any(step.attempts for step in execution.run.steps if step.key != RECHECK):
            execution.check_place()  # before any database is asked how far the run is
        if must_compensate(execution):
            self._go_on_compensating(execution)
            return
        self._check_known(execution.run)
        self._doubt(execution)
        try:
            self._walk(execution)
        except CancelledError:
            if not passed_no_return(execution):
                raise
            self._walk(execution)  # the chain committed first and only its answer was lost: on to the end

    def _check_known(self, run: Run) -> None:
        """Refuse what another version of Backstop has begun and this one cannot finish.

        Raises:
            PermanentError: ``restore-in-place-removed``, ``step-unknown``.
        """
        check_not_retired(run)
        unknown = [step.title for step in run.steps if step.state not in SETTLED and step.key not in self._actions]
        if unknown:
            raise PermanentError(
                "step-unknown",
                f"Run {run.id} has a step that this version of Backstop does not know: {unknown[0]}.",
                "Let the version that began it finish it, or ask for it again.",
            )

    def _go_on_compensating(self, execution: Execution) -> None:
        run = execution.run
        given_up = [step for step in run.steps if step.state in {StepState.FAILED, StepState.UNDONE}]
        why = next((step.data for step in given_up if _PROBLEM in step.data), None)
        if why is not None:
            self._give_up(execution, why[_PROBLEM], RunState(why[_ENDS_AS]))
        elif run.cancel_requested_by:
            raise CancelledError(run.cancel_requested_by)
        else:  # pragma: no cover -- whatever fails says why
            self._give_up(execution, "given up")

    def _doubt(self, execution: Execution) -> None:
        """Have the plan of a run that is taken up checked again, and the backup taken again, where that was so long ago
        that a request would have lapsed meanwhile, and the app still serves.
        """
        steps = {step.key: step for step in execution.run.steps}
        checked, stop = steps.get(RECHECK), steps.get(STOP_TRAFFIC)
        if checked is None or checked.ended_at is None or stop is None or stop.attempts:
            return
        # decision 26: an approval is for the plan as it was when it was given
        now = execution.insist(self._services.journal.runs.now)
        if now - checked.ended_at > execution.env.environment.approval.window:
            for key in (RECHECK, BACKUP):
                if key in steps:
                    execution.record(key, StepState.WAITING, "to be done again: the last time is too long ago")

    def _walk(self, execution: Execution) -> None:
        for step in execution.run.steps:
            if step.state in SETTLED:
                continue
            execution.check()
            if step.key != RECHECK:  # which plans again, and asks again
                execution.check_place()
            perform_step(execution, self._actions[step.key])
        self._end(execution, RunState.SUCCEEDED, "")

    def _stop(self, execution: Execution, error: BotError, state: RunState = RunState.FAILED) -> None:
        """A step failed: name it, then undo or park. The whole reason is kept with it, for a successor."""
        problem = sentence(error)
        whole = f"{problem} {error.hint}".strip()
        failed = next((step for step in execution.run.steps if step.state not in SETTLED), None)
        if failed is not None:
            why = {_PROBLEM: whole, _ENDS_AS: state.value}
            execution.record(failed.key, StepState.FAILED, problem, {**failed.data, **why})
        execution.audit("step-failed", key=failed.key if failed else "", problem=problem)
        self._give_up(execution, whole, state)

    def _give_up(self, execution: Execution, problem: str, state: RunState = RunState.FAILED) -> None:
        """Undo everything if that is still possible, else park."""
        trouble = self._put_back(execution)
        if trouble is None:
            self._end(execution, state, problem)
            return
        problem = f"{problem} {trouble}".strip()
        parked = replace(execution.run, state=RunState.PARKED, problem=problem)
        execution.say(lambda: escalate(self._services, parked))
        self._end(execution, RunState.PARKED, problem)

    def _put_back(self, execution: Execution) -> str | None:
        """Put everything back; None when all is as before, else why people are needed ("": the chain has committed)."""
        try:
            execution.check_place()
            if passed_no_return(execution):
                return ""
            compensate(execution, self._actions)
        except OwnershipLostError:
            raise
        except Exception as error:  # noqa: BLE001 -- same
            return f"Then putting things back failed: {sentence(as_failure(error))}"
        return None

    def _end(self, execution: Execution, state: RunState, problem: str) -> None:
        """Say it, then make it so: a process that dies in between leaves a successor who says it again."""
        journal, run = self._services.journal, execution.run
        ended_at = None if state is RunState.PARKED else self._services.clock.now()
        execution.insist(execution.must_own)
        ended = replace(run, state=state, problem=problem, ended_at=ended_at)
        # Announced before it is recorded: a successor of a process that dies in between announces it again
        self._announce(execution, ended)
        if state is not RunState.PARKED and state is not RunState.SUCCEEDED:
            self._say_end(execution, state, problem)
        execution.audit("run-ended", state=state.value, problem=problem)
        self._services.witness.anchor_now()
        execution.say(lambda: report(self._services, ended))
        running = frozenset({RunState.RUNNING})
        token = run.fencing_token
        execution.insist(lambda: journal.runs.end(run.id, state, problem, expect=running, fencing_token=token))
        execution.insist(execution.refresh)
        self._announce(execution, execution.run)

    def _announce(self, execution: Execution, run: Run) -> None:
        announcer, votes = self._services.announcer, self._votes(run)
        execution.say(lambda: announcer.card(run, votes))
        execution.say(lambda: announcer.request(run, votes))

    @staticmethod
    def _say_end(execution: Execution, state: RunState, problem: str) -> None:
        # A step that failed and was undone says both, the undoing last.
        undone = [step.detail.rsplit("; ", 1)[-1] for step in execution.run.steps if step.state is StepState.UNDONE]
        untouched = "what was stopped stays so" if execution.run.plan.left else "the app serves as before"
        world = f"Put back: {'; '.join(undone)}." if undone else f"Nothing was touched: {untouched}."
        execution.note("ended", f"The run is {state}: {problem} {world} The database is as it was.")

    def _ask_again(self, execution: Execution, interrupt: ReplanError) -> None:
        """Back to the approvers, with the difference; votes for another digest or by people who lost the right go.

        Said first, then done, for the same reason as in `_end`.
        """
        execution.insist(execution.refresh)
        services, run = self._services, execution.run
        if run.cancel_requested_by:  # nobody is asked for their consent to what somebody has stopped
            self._give_up(execution, *self._stopped_by(execution, run.cancel_requested_by))
            return
        if any(step.attempts and self._actions[step.key].undoes for step in run.steps):
            self._stop(execution, _moved(run, interrupt), RunState.VOID)
            return
        expires_at = execution.insist(services.journal.runs.now) + execution.env.environment.approval.window
        asked = replace(
            run, state=RunState.PENDING, plan=interrupt.plan, expires_at=expires_at, steps=(), started_at=None
        )
        asked = sign_run(services.keyring, asked)
        execution.insist(execution.must_own)
        execution.say(lambda: services.announcer.changed(asked, run.plan.short_digest, interrupt.differences))
        self._announce(execution, asked)
        gone = {user: _withdrawn(run, user, why) for user, why in interrupt.withdrawn.items()}
        entry = _asked_again(run, interrupt)
        waits = execution.insist(lambda: services.journal.runs.replan(run.lease, asked, gone, entry))
        execution.insist(execution.refresh)
        if not waits:  # somebody has stopped it since it was looked at
            self._give_up(execution, *self._stopped_by(execution, execution.run.cancel_requested_by))
            return
        self._announce(execution, execution.run)

    def _stopped_by(self, execution: Execution, user_id: str) -> tuple[str, RunState]:
        """Write why a run that somebody has stopped ends, and as what: a vote against it, or a cancel."""
        run = execution.run
        votes = execution.insist(lambda: self._services.journal.votes.current(run.id))
        if user_id in rejecters(votes, run.plan.digest):
            return explain_rejection(votes, run.plan.digest), RunState.REJECTED
        return f"cancelled by <@{user_id}>", RunState.CANCELLED

    def _votes(self, run: Run) -> list[Vote]:
        return [vote for vote in self._services.journal.votes.current(run.id) if vote.digest == run.plan.digest]


def _asked_again(run: Run, interrupt: ReplanError) -> AuditEntry:
    old, new = run.plan.digest, interrupt.plan.digest
    if old == new:
        return AuditEntry("backstop", "asked-again", {"digest": old, "why": list(interrupt.differences)})
    changed = {"old": old, "new": new, "differences": list(interrupt.differences)}
    return AuditEntry("backstop", "plan-changed", changed)


def _withdrawn(run: Run, user_id: str, why: str) -> AuditEntry:
    return AuditEntry("backstop", "vote-withdrawn", {"user": user_id, "digest": run.plan.digest, "why": why})


def _moved(run: Run, interrupt: ReplanError) -> PermanentError:
    """Build the error: what the old plan prepared must be put back, so the run cannot wait for new approvals."""
    return PermanentError(
        "plan-moved",
        f"Run {run.id} was taken up long after its plan was checked, and now: {'; '.join(interrupt.differences)}.",
        f"Ask for it again: {run.plan.asked_for}",
    )
