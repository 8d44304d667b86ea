"""A rollback in one line, and what it has dropped, may have dropped, or would have dropped."""

from dataclasses import replace

import pytest

from bot.domain.planned import PlannedUndo
from bot.domain.runs import Run, RunState, StepState
from bot.planning import checklist
from bot.views.plans.rollback import describe, impact, outcome
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


def test_the_way_back_is_one_line_with_its_limits() -> None:
    undo = PlannedUndo(down_s=42.0, limits=("Nobody may write to public.visits until then.",))
    text = "\n".join(describe(replace(PLAN, undo=undo), ""))
    assert "*Can be taken back: yes*, in about 42 s of downtime" in text
    assert "• Nobody may write to public.visits until then." in text
    assert "taken back" not in "\n".join(describe(replace(PLAN, undo=None), "")), "a plan of an old release"


def test_no_way_back_is_said_with_the_reason_and_the_way_that_is_left() -> None:
    text = "\n".join(describe(replace(PLAN, undo=PlannedUndo(reason="The column would be the last one.")), ""))
    assert "Can be taken back: no* – The column would be the last one." in text
    assert "restore the backup taken first" in text
