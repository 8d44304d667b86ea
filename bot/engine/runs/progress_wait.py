"""Waits for something that makes progress, and stops when it makes none."""

from collections.abc import Callable

from bot.domain.runs import Progress
from bot.engine.runs.execution import Execution
from bot.errors import BotError, TemporaryError

POLL_S = 0.25


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


def _look(observe: Callable[[], Progress]) -> tuple[Progress | None, TemporaryError | None]:
    """One look that fails is no reason to give a long wait up."""
    try:
        return observe(), None
    except TemporaryError as error:
        return None, error
