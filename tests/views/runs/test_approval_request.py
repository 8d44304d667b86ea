"""The request: the plan, the votes, and buttons only while they mean something."""

from dataclasses import replace

import pytest

from bot.domain.approvals import Choice, Vote
from bot.domain.runs import RunState, StepState
from bot.views.buttons import read_ballot
from bot.views.kit.blocks import View
from bot.views.plans import plan
from bot.views.runs import approval_request
from tests.views.samples import ASKED, PLAN, RUN, VOTES, buttons, read, running


def test_it_shows_the_whole_plan_and_who_asked_why() -> None:
    shown = read(approval_request.render(RUN, (), 2, production=True))

    assert shown.startswith(
        "Approve the rollback of prod?\n<@U0ONCALL> asks to roll *prod* back.\nReason: flags break booking"
    )
    assert read(View("", plan.blocks(PLAN))) in shown
    assert "*Votes* – 0 of 2 approvals" in shown


def test_buttons_carry_the_run_and_the_digest_that_is_voted_on() -> None:
    offered = buttons(approval_request.render(RUN, (), 2, production=True))

    assert set(offered) == {"approve", "reject", "show_sql"}
    assert offered["show_sql"] == "rk3f9a"
    assert read_ballot(offered["approve"]) == ("rk3f9a", PLAN.digest[:12])
    assert offered["reject"] == offered["approve"]


def test_each_vote_is_named_and_votes_for_another_plan_are_not_shown() -> None:
    reject = Vote("U0LEADB", Choice.REJECT, PLAN.digest, "button", ASKED)
    stale = Vote("U0ENG", Choice.APPROVE, "0" * 64, "button", ASKED)

    shown = read(approval_request.render(RUN, (VOTES[0], reject, stale), 2, production=True))

    assert "✅ <@U0LEADA> approves (reaction, " in shown
    assert "❌ <@U0LEADB> rejects (button, " in shown
    assert "U0ENG" not in shown


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (RunState.APPROVED, "*Approved.* Voting is closed"),
        (RunState.RUNNING, "*Approved.* Voting is closed"),
        (RunState.SUCCEEDED, "*Approved.* Voting is closed; now: ✅ Done."),
        (RunState.REJECTED, "*🚫 Rejected.* rejected by <@U0LEADA> Voting is closed; nothing was changed."),
        (RunState.EXPIRED, "*⌛ Expired: nobody decided in time.*"),
        (RunState.VOID, "*⚠️ Void: it can no longer be planned.*"),
    ],
)
def test_a_closed_request_has_no_buttons_and_says_how_it_ended(state: RunState, said: str) -> None:
    problem = "rejected by <@U0LEADA>" if state is RunState.REJECTED else ""

    view = approval_request.render(replace(RUN, state=state, problem=problem), VOTES, 2, production=True)

    assert buttons(view) == {}
    assert said in read(view)


def test_a_cancelled_run_that_had_begun_does_not_say_that_nothing_was_changed() -> None:
    steps = tuple(
        replace(step, state=StepState.UNDONE) if step.key == "stop-traffic" else step for step in running("fence").steps
    )
    run = replace(RUN, state=RunState.CANCELLED, problem="cancelled by <@U0LEADA>", steps=steps)

    shown = read(approval_request.render(run, VOTES, 2, production=True))

    assert "Voting is closed; what had been done was put back, as the card shows." in shown
    assert "nothing was changed" not in shown


def test_a_void_request_says_what_moved_and_loses_its_buttons() -> None:
    view = approval_request.render_void(RUN, "0123456789abcdef", ["schema: 27 26 → 28 26"])

    assert buttons(view) == {}
    assert read(view) == (
        "*⚠️ Void* – plan `0123456789ab` is no longer what would be done. Votes for it do not count.\n"
        "• schema: 27 26 → 28 26\nA new request for the plan as it is now follows."
    )


def test_the_thread_hears_what_moved_and_to_vote_again() -> None:
    shown = read(approval_request.render_changed(RUN, "0123456789abcdef", ["app: v1.3.0 v1.2.3 → v1.3.1 v1.2.3"]))

    assert (
        "Plan `0123456789ab` is void; nothing was changed. What moved:\n• app: v1.3.0 v1.2.3 → v1.3.1 v1.2.3" in shown
    )
    assert f"The new plan is `{PLAN.short_digest}`. Please read it and vote again." in shown


def test_votes_that_are_missing_are_not_called_a_new_plan() -> None:
    view = approval_request.render_asked_again(RUN, ["the vote of <@U0LEADB> no longer counts: you are a guest."])
    shown = read(view)

    assert view.text == "Votes are missing for prod; the plan is unchanged."
    assert f"Plan `{PLAN.short_digest}` is unchanged; nothing was touched." in shown
    assert "• the vote of <@U0LEADB> no longer counts: you are a guest." in shown
    assert "The votes that still count are in the request above." in shown
    assert "void" not in shown.lower()
