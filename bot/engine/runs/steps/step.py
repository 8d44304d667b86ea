"""Defines what a step of a run can do: a step of the machine that can also be undone."""

from collections.abc import Callable

from bot.domain.runs import Progress
from bot.engine.runs.execution import Execution
from bot.engine.runs.step_execution import Outcome
from bot.engine.runs.step_machine import MachineStep
from bot.errors import BotError, RefusedError, TemporaryError

POLL_S = 0.25
RETRIED: tuple[type[BotError], ...] = (TemporaryError, RefusedError)
"""Errors after which a run tries again. Its rights were proven when it was planned, so a refusal may pass, too."""
UNDO_PATIENCE_S = 120.0
"""For how long temporary errors are retried while a run is compensated, in seconds."""

__all__ = ["RETRIED", "UNDO_PATIENCE_S", "Action", "Outcome"]


def wait_for(
    execution: Execution,
    key: str,
    observe: Callable[[], Progress],
    stall_s: float,
    stalled: Callable[[], BotError],
) -> None:
    """Poll until ``done == total``; raise what `stalled` makes when `done` has not grown for `stall_s` seconds.

    Raises:
        BotError: from `stalled`, or from `observe` when it does not answer for as long.
    """
    clock = execution.services.clock
    report = execution.reporter(key)
    best, since = -1, clock.monotonic()
    while True:
        seen, unseen = _look(observe)
        if seen is not None and seen.done >= seen.total:
            return
        if seen is not None and seen.done > best:
            best, since = seen.done, clock.monotonic()
        if clock.monotonic() - since > stall_s:
            raise unseen or stalled()
        if seen is None:
            execution.check()
        else:
            report(seen)
        clock.sleep(POLL_S)


def _look(observe: Callable[[], Progress]) -> tuple[Progress | None, BotError | None]:
    """One look that fails is no reason to give a long wait up."""
    try:
        return observe(), None
    except RETRIED as error:
        return None, error


class Action(MachineStep[Execution]):
    """A step of a run.

    Attributes:
        undoes: what `undo` does, announced before it is done; "" where there is nothing to undo.
    """

    patience_s = 60.0
    retried = RETRIED
    undoes: str = ""

    def undo(self, execution: Execution) -> str:
        """Put back what `act` may have changed, whole or in part; returns a short line. Called if `undoes` is set."""
        del execution
        return "nothing to put back"
