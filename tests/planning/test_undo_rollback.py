"""When a chain can be taken back by what was saved before it."""

from dataclasses import replace

import pytest

from bot.domain.catalogue import Catalogue
from bot.domain.planned import PlannedDrop
from bot.domain.runs import Run, RunState, StepState
from bot.errors import PermanentError
from bot.planning.kinds import build_checklist
from bot.planning.undo_rollback import check_recreatable
from tests.domain.plans import PLAN
from tests.fakes.clock import NOON
from tests.planning.case import DEFAULT, facts_of


def test_what_the_chain_made_again_is_not_put_back_beside_the_new_one() -> None:
    drops = (
        PlannedDrop("table", "public.visits", named=True, remade=True),
        PlannedDrop("table column", "public.visits.id", named=True, part_of="public.visits", remade=True),
    )
    plan = replace(PLAN, drops=drops, remaining=(24, 25, 26))
    steps = tuple(replace(step, state=StepState.DONE) for step in build_checklist(plan.kind))
    undone = Run("rabcde", "prod", plan, RunState.SUCCEEDED, "U0ONCALL", "", "C0INCIDENT", NOON, NOON, steps=steps)
    facts = facts_of({**DEFAULT, "applied": [24, 25, 26]})

    with pytest.raises(PermanentError, match="undo-not-exact") as caught:
        check_recreatable(undone, facts, Catalogue(frozenset(), ""))

    assert "drops public.visits and makes another of the same name" in caught.value.message
