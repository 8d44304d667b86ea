"""A drill's run says so wherever it is shown, and asks nobody for a vote."""

from dataclasses import replace

import pytest

from bot.domain.runs import OPEN, RunState
from bot.views.runs import approval_request, card
from tests.views.samples import PLAN, RUN, buttons, read, running

DRILL = replace(RUN, drill="dk3f9a", requester="backstop", reason="drill dk3f9a")


def test_the_card_says_so_in_its_headline() -> None:
    view = card.render(DRILL, (), 2, production=False)
    assert view.text.startswith("🗳 Waiting for approval: Drill dk3f9a: rollback of prod, ")
    shown = read(view)
    assert shown.startswith("Drill dk3f9a: Rollback of prod to schema 026")
    assert "asked for by drill `dk3f9a`" in shown
    assert "approvals" not in shown
    assert "reason" not in shown


@pytest.mark.parametrize("state", RunState)
def test_nobody_is_asked_to_vote_on_it(state: RunState) -> None:
    view = approval_request.render(replace(DRILL, state=state), (), 2, production=False)
    shown = read(view)
    assert "It needs no approval; nobody is asked to vote." in shown
    assert PLAN.short_digest in shown
    assert set(buttons(view)) == set()
    assert ("/rollback cancel rk3f9a" in shown) == (state in OPEN)


def test_it_can_be_cancelled_and_is_undone_by_the_drill_itself() -> None:
    under_way = replace(running("backup"), drill="dk3f9a")
    assert set(buttons(card.render(under_way, (), 2, production=False))) == {"cancel"}
    done = replace(running("document"), drill="dk3f9a", state=RunState.SUCCEEDED)
    assert set(buttons(card.render(done, (), 2, production=False))) == set()
    assert "undo" in set(buttons(card.render(replace(done, drill=""), (), 2, production=False)))


def test_a_plan_that_moved_asks_for_no_new_votes() -> None:
    view = approval_request.render_changed(DRILL, "0" * 64, ["schema: 027 → 028"])
    assert "vote" not in view.text
    assert "The drill goes on with it." in read(view)
