"""A rollback in one line, and what it has dropped, may have dropped, or would have dropped."""

from dataclasses import replace

import pytest

from bot.domain.runs import Run, RunState, StepState
from bot.planning import checklist
from bot.views.plans.rollback import impact, outcome
from tests.views.samples import PLAN, running


def test_one_line_counts_what_goes() -> None:
    assert impact(PLAN) == "5 objects and 1,204 rows go"
    assert impact(replace(PLAN, drops=(), rows=())) == "0 objects and 0 rows go"


@pytest.mark.parametrize(
    ("run", "title"),
    [
        (running(checklist.CHAIN, StepState.DONE), "*What was dropped*"),
        (replace(running(checklist.CHAIN), state=RunState.PARKED), "*What may have been dropped – look first*"),
        (replace(running(checklist.BACKUP), state=RunState.FAILED), "*What would have been dropped – nothing was*"),
    ],
)
def test_the_outcome_says_if_it_was_dropped(run: Run, title: str) -> None:
    assert outcome(PLAN, run)[0].startswith(title)
