"""The run engine: probe, record intent, act, record outcome, one step after the other.

Before the point of no return a failure undoes itself and traffic returns; after it the run parks and asks people.
A run taken over from a dead process goes on by the same rules, from what the journal and the world say.
"""

import logging
from collections.abc import Mapping

import stamina

from bot.domain.approvals import Vote
from bot.domain.runs import RunState, StepState
from bot.engine.detours import CancelledError, OwnershipLostError, ReplanError, VoidError
from bot.engine.escalation import escalate
from bot.engine.execution import LEASE_S, Execution, sentence
from bot.engine.steps.action import Action, Outcome
from bot.engine.steps.catalogue import ACTIONS
from bot.engine.unwinding import must_unwind, passed_no_return, unwind
from bot.engine.workplace import Workplace
from bot.errors import BotError, TemporaryError

_log = logging.getLogger(__name__)
_SETTLED = frozenset({StepState.DONE, StepState.SKIPPED, StepState.OPEN})


class Runner:
    """Executes approved runs, one call a run."""

    def __init__(self, workplace: Workplace, actions: Mapping[str, Action] = ACTIONS) -> None:
        self._workplace = workplace
        self._actions = actions

    def execute(self, run_id: str) -> None:
        """Take a run and carry it as far as it goes. Does nothing when another process has it."""
        workplace = self._workplace
        run = workplace.journal.take(run_id, workplace.owner, LEASE_S)
        if run is None:
            return
        with Execution(workplace, workplace.site(run.environment), run) as execution:
            try:
                self._carry(execution)
            except OwnershipLostError:
                _log.warning("run %s has another owner now", run_id)

    def _carry(self, execution: Execution) -> None:
        workplace = self._workplace
        if execution.run.fence == 1:
            execution.audit("run-started", digest=execution.run.plan.digest, owner=workplace.owner)
        else:
            execution.audit("run-taken-up", owner=workplace.owner, fence=execution.run.fence)
        execution.refresh()
        try:
            if must_unwind(execution):
                self._go_on_unwinding(execution)
            else:
                self._walk(execution)
        except ReplanError as detour:
            self._ask_again(execution, detour)
        except VoidError as detour:
            self._end(execution, RunState.VOID, sentence(detour.error))
        except CancelledError as detour:
            self._give_up(execution, f"cancelled by <@{detour.user_id}>", RunState.CANCELLED)
        except BotError as error:
            self._stop(execution, error)

    def _go_on_unwinding(self, execution: Execution) -> None:
        run = execution.run
        failure = next((step.detail for step in run.steps if step.state is StepState.FAILED), "")
        if run.cancel_requested_by and not failure:
            raise CancelledError(run.cancel_requested_by)
        self._give_up(execution, run.problem or failure)

    def _walk(self, execution: Execution) -> None:
        for step in execution.run.steps:
            if step.state in _SETTLED:
                continue
            execution.check()
            self._perform(execution, step.key)
        self._end(execution, RunState.SUCCEEDED, "")

    def _perform(self, execution: Execution, key: str) -> None:
        action = self._actions[key]
        outcome = action.probe(execution)
        if outcome is None:
            execution.record(key, StepState.RUNNING)
            outcome = self._insist(execution, action)
        execution.record(key, outcome.state, outcome.detail, outcome.data)
        execution.audit("step", key=key, state=outcome.state.value, detail=outcome.detail)

    @staticmethod
    def _insist(execution: Execution, action: Action) -> Outcome:
        for attempt in stamina.retry_context(
            on=TemporaryError, attempts=None, timeout=action.patience_s, wait_initial=0.5, wait_max=10.0
        ):
            with attempt:
                execution.check()
                return action.act(execution)
        raise AssertionError  # pragma: no cover -- retry_context returns or raises

    def _stop(self, execution: Execution, error: BotError) -> None:
        """A step failed: name it, then undo or park."""
        failed = next((step for step in execution.run.steps if step.state is StepState.RUNNING), None)
        problem = sentence(error)
        if failed is not None:
            execution.record(failed.key, StepState.FAILED, problem)
        execution.audit("step-failed", key=failed.key if failed else "", problem=problem)
        self._give_up(execution, f"{problem} {error.hint}".strip())

    def _give_up(self, execution: Execution, problem: str, state: RunState = RunState.FAILED) -> None:
        """Undo everything if that is still possible, else park."""
        try:
            if passed_no_return(execution):
                self._park(execution, problem)
                return
            unwind(execution, self._actions)
        except BotError as error:
            self._park(execution, f"{problem} Then putting things back failed: {sentence(error)}")
            return
        self._end(execution, state, problem)

    def _park(self, execution: Execution, problem: str) -> None:
        self._end(execution, RunState.PARKED, problem)
        escalate(self._workplace, execution.run)

    def _end(self, execution: Execution, state: RunState, problem: str) -> None:
        journal, run = self._workplace.journal, execution.run
        journal.end(run.id, state, problem, expect=frozenset({RunState.RUNNING}), fence=run.fence)
        execution.audit("run-ended", state=state.value, problem=problem)
        execution.refresh()
        self._workplace.announcer.request(execution.run, journal.votes(run.id))
        if state is not RunState.PARKED and state is not RunState.SUCCEEDED:
            self._say_end(execution, state, problem)

    @staticmethod
    def _say_end(execution: Execution, state: RunState, problem: str) -> None:
        undone = any(step.state is StepState.UNDONE for step in execution.run.steps)
        world = "Everything was put back" if undone else "Nothing was touched"
        execution.note("ended", f"The run is {state}: {problem} {world}: the database is as before and the app serves.")

    def _ask_again(self, execution: Execution, detour: ReplanError) -> None:
        """Back to the approvers, with the difference; votes for another digest or by people who lost the right go."""
        workplace, run = self._workplace, execution.run
        policy = execution.site.environment.approval
        expires_at = workplace.clock.now() + policy.window
        workplace.journal.replan(run.id, detour.plan, expires_at, run.fence)
        for user_id in detour.withdrawn:
            self._withdraw(run.id, user_id)
        execution.audit("plan-changed", old=run.plan.digest, new=detour.plan.digest, differences=detour.differences)
        execution.refresh()
        workplace.announcer.changed(execution.run, run.plan.short_digest, detour.differences)
        workplace.announcer.request(execution.run, self._votes(run.id))

    def _withdraw(self, run_id: str, user_id: str) -> None:
        for vote in self._votes(run_id):
            if vote.user_id == user_id:
                self._workplace.journal.withdraw(run_id, user_id, vote.how)

    def _votes(self, run_id: str) -> list[Vote]:
        return list(self._workplace.journal.votes(run_id))
