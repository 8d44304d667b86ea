"""When a chain can be taken back by what was saved before it."""

from dataclasses import replace

import pytest

from bot.domain.catalogue import Catalogue
from bot.domain.effects import RowsSince
from bot.domain.planned import PlannedDrop
from bot.domain.runs import Run, RunState, StepState
from bot.errors import PermanentError
from bot.planning.kinds import build_checklist
from bot.planning.undo_rollback import check_not_remade, check_recreatable, written_since
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


def test_what_others_have_written_since_is_counted() -> None:
    assert written_since([RowsSince("public.visits", 1, 0), RowsSince("public.notes", 1200, 3)]) == (
        "public.visits has been written to since: new and changed rows (1) stay as they are.",
        (
            "public.notes has been written to since: new and changed rows (1,200) stay as they are; "
            "of those changed or deleted (3), the deleted ones come back."
        ),
    )


def test_a_materialized_view_that_is_made_again_does_not_stand_in_the_way() -> None:
    drops = (PlannedDrop("materialized view", "public.totals", named=True, remade=True),)
    check_not_remade(replace(PLAN, drops=drops), "")
