"""Names of runs: short enough to be typed, so that two may meet; whoever asks must find their own, or a free one."""

import itertools
from collections.abc import Callable

from bot.domain.runs import Run, run_id_of
from bot.ports import Journal


def find_own(journal: Journal, wanted: str, is_own: Callable[[Run], bool]) -> tuple[str, Run | None]:
    """Give the id of the run that was asked for, and the run where it has been opened already.

    Args:
        journal: where runs are.
        wanted: what names it: the request's id, or the drill's with its step.
        is_own: whether a run with such an id is the one, and not another whose id happens to be the same.
    """
    for salt in itertools.count():
        run_id = run_id_of(wanted, salt)
        run = journal.runs.find(run_id)
        if run is None or is_own(run):
            return run_id, run
    raise AssertionError  # pragma: no cover -- count() does not end
