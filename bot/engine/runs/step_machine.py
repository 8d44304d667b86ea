"""Carries runs, drills and jobs through their steps: one lease, one record, one retry, one way to report progress.

Each owner kind subclasses `StepExecution`, and decides for itself what a failed step means: a run compensates or parks,
a drill goes on to clean up, a job ends.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Generic, TypeVar

import stamina

from bot.domain.runs import StepState
from bot.engine.runs.step_execution import Outcome, StepExecution
from bot.errors import BotError, PermanentError, TemporaryError

MAX_SENTENCE = 300
SETTLED = frozenset({StepState.DONE, StepState.SKIPPED, StepState.OPEN})
"""States of a step that is not done again."""

_log = logging.getLogger(__name__)
T = TypeVar("T")
E = TypeVar("E", bound=StepExecution)


class MachineStep(ABC, Generic[E]):
    """A step. `act` may be repeated after a crash at any point of it, or after a temporary error.

    Attributes:
        key: of the checklist.
        patience_s: for how long temporary errors are retried, in seconds; None: until `tries` are used up.
        tries: how often it is tried; None: until the patience ends.
        first_wait_s: before the first retry; later ones wait longer (exponential backoff).
        retried: the errors that are retried.
    """

    key: str
    patience_s: float | None = None
    tries: int | None = None
    first_wait_s: float = 0.5
    retried: tuple[type[BotError], ...] = (TemporaryError,)

    def patience(self, execution: E) -> float | None:
        """For how many seconds errors of the kinds in `retried` are retried here."""
        del execution
        return self.patience_s

    def probe(self, execution: E) -> Outcome | None:
        """Return the outcome if it is already there, by the world and not by memory; None to act."""
        del execution
        return None

    @abstractmethod
    def act(self, execution: E) -> Outcome:
        """Do it.

        Raises:
            BotError: it cannot be done.
            RunInterruptError: see `interrupts`.
        """


def perform_step(execution: E, step: MachineStep[E]) -> Outcome:
    """Probe a step, record the intent, act, record the outcome: an owner that takes over finds one of these states.

    Raises:
        BotError: it failed.
        RunInterruptError: see `interrupts`.
    """
    # The world is asked before memory: an owner may have died between an effect and its record
    outcome = retry(execution, step, step.probe)
    if outcome is None:
        execution.record(step.key, StepState.RUNNING)
        outcome = retry(execution, step, step.act)
    execution.record(step.key, outcome.state, outcome.detail, outcome.data)
    execution.settled(step.key, outcome)
    return outcome


def retry(execution: E, step: MachineStep[E], do: Callable[[E], T]) -> T:
    """Do it while the work is ours, and again after errors that are `retried`, for as long as the step is patient."""
    for attempt in stamina.retry_context(
        on=step.retried,
        attempts=step.tries,
        timeout=step.patience(execution),
        wait_initial=step.first_wait_s,
        wait_max=10.0,
    ):
        with attempt:
            if attempt.num > 1:  # decision 32: a lease may have moved while this process waited
                execution.check_again()
            else:
                execution.check()
            return do(execution)
    raise AssertionError  # pragma: no cover -- retry_context returns or raises


def sentence(error: BotError) -> str:
    """Write an error as one line for a card or the journal."""
    return f"{error.reference}: {error.message}"[:MAX_SENTENCE]


def as_failure(error: Exception) -> BotError:
    """Treat a bug in a step as a failure of that step; the log has the trace."""
    if isinstance(error, BotError):
        return error
    _log.error("a step broke", exc_info=error)
    return PermanentError(
        "internal-error",
        f"Something in Backstop broke: {type(error).__name__}.",
        "The log of this process has the details.",
    )
