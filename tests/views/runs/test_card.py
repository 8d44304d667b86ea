"""The card says where a run is, and offers what may be done to it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.approvals import Choice, Vote
from bot.domain.runs import OPEN, Progress, Run, RunState, StepState
from bot.views.runs import card
from tests.views.samples import ASKED, PLAN, RUN, VOTES, buttons, read, running

GOLDEN = """\
Rollback of prod to schema 026
*▶️ Running* – schema 027 → 026, app v1.3.0 → v1.2.3
5 objects and 1,204 rows go; the app is down for about 41 s.
Run `rk3f9a` · asked for by <@U0ONCALL> · approved by <@U0LEADA>, <@U0LEADB> · reason: flags break booking
`/rollback prod 027` · plan `{digest}`
✅ Re-check the plan – 2.0 s
✅ Notify team of rollback decision – 2.0 s
▶️ Create emergency backup – 1.2 of 3.4 MB (35 %), since <!date^1770778984^{{time_secs}}|2026-02-11 03:03 UTC>
⚪ Stop incoming traffic
⚪ Fence the database
⚪ Export the data that will be dropped
⚪ Run the rollback chain
⚪ Verify database connectivity and schema
⚪ Start the compatible app version, not yet serving
⚪ Run smoke tests
⚪ Restore traffic
⚪ Document what happened
⚪ Plan fix and re-deployment
[Cancel]
Asked <!date^1770778800^{{date_short_pretty}} {{time}}|2026-02-11 03:00 UTC> · \
started <!date^1770778980^{{time}}|2026-02-11 03:03 UTC>"""


def test_the_card_of_the_main_job() -> None:
    run = running("backup", progress=Progress(1_200_000, 3_400_000, "bytes"))

    view = card.render(run, VOTES, 2, production=True)

    assert read(view) == GOLDEN.format(digest=PLAN.digest[:12])
    assert view.text == "▶️ Running: rollback of prod, schema 027 → 026, app v1.3.0 → v1.2.3"


def test_the_card_shows_the_head_of_the_log() -> None:
    shown = read(card.render(replace(RUN, log_head="1234·a1b2c3d4"), VOTES, 2, production=True))
    assert f"plan `{PLAN.short_digest}` · log `1234·a1b2c3d4`" in shown


def test_a_pending_card_counts_votes_for_this_plan_only() -> None:
    stale = Vote("U0LEADB", Choice.APPROVE, "0" * 64, "button", ASKED)

    shown = read(card.render(RUN, (VOTES[0], stale), 2, production=True))

    assert "1 of 2 approvals. The request is in the thread." in shown
    assert "approved by <@U0LEADA> ·" in shown
    assert "open until" in shown


def test_a_missing_reason_is_said_in_production_only() -> None:
    run = replace(RUN, reason="")

    assert "reason: not given" in read(card.render(run, (), 2, production=True))
    assert "reason" not in read(card.render(run, (), 2, production=False))


@pytest.mark.parametrize(
    ("upto", "offered"),
    [("notify", {"cancel"}), ("export", {"cancel"}), ("chain", set()), ("verify", set()), ("smoke", set())],
)
def test_cancel_is_offered_until_the_chain_begins(upto: str, offered: set[str]) -> None:
    assert set(buttons(card.render(running(upto), VOTES, 2, production=True))) == offered


def test_cancel_is_not_offered_twice() -> None:
    view = card.render(replace(running("backup"), cancel_requested_by="U0LEADA"), VOTES, 2, production=True)

    assert buttons(view) == {}
    assert "<@U0LEADA> asked to cancel; it stops at the next safe place." in read(view)


def test_a_parked_run_offers_retry_and_escalate_and_says_what_stopped_it() -> None:
    run = replace(running("smoke", StepState.FAILED), state=RunState.PARKED, problem="smoke-failed: 500 from /health")

    view = card.render(run, VOTES, 2, production=True)

    assert buttons(view) == {"retry": "rk3f9a", "escalate": "rk3f9a"}
    assert "*What stopped it:* smoke-failed: 500 from /health" in read(view)
    assert "❌ Run smoke tests – 1.0 s" in read(view)


def dialog(run: Run, action_id: str = "retry") -> str:
    rows = [block["elements"] for block in card.render(run, VOTES, 2, production=True).blocks if "elements" in block]
    (pressed,) = [element for row in rows for element in row if element.get("action_id") == action_id]
    return str(pressed["confirm"]["text"]["text"])


def test_cancelling_a_resumed_run_is_not_said_to_be_of_nothing() -> None:
    """It is approved again, with traffic down."""
    resumed = replace(running("fence", StepState.FAILED), state=RunState.APPROVED)

    assert "undoes what it has done, and traffic returns" in dialog(resumed, "cancel")
    assert dialog(RUN, "cancel") == "Nothing has been done yet, and nothing will be."


def test_a_parked_run_says_which_way_retry_goes() -> None:
    before = replace(running("export", StepState.FAILED), state=RunState.PARKED, problem="then putting back failed")
    at = replace(running("chain", StepState.FAILED), state=RunState.PARKED, problem="outcome-unknown: Which?")
    after = replace(running("smoke", StepState.FAILED), state=RunState.PARKED, problem="smoke-failed: 500")

    shown = [read(card.render(run, VOTES, 2, production=True)) for run in (before, at, after)]

    assert "_Retry_ goes on putting everything back; it does not try the rollback again." in shown[0]
    assert "It goes on putting everything back" in dialog(before)
    assert "_Retry_ looks whether it has committed" in shown[1]
    assert "It looks whether it has committed" in dialog(at)
    assert "_Retry_ goes on where it stopped." in shown[2]
    assert "The run goes on at the step that stopped." in dialog(after)


def test_a_run_parked_after_the_chain_says_how_it_is_taken_back() -> None:
    parked = replace(running("smoke", StepState.FAILED), state=RunState.PARKED, problem="smoke-failed: 500")
    way = "close it as it stands with `/rollback cancel rk3f9a`, then `/rollback undo rk3f9a`."

    assert way in read(card.render(parked, VOTES, 2, production=True))
    assert way not in read(card.render(replace(parked, drill="dk3f9a"), VOTES, 2, production=False))
    assert buttons(card.render(replace(parked, state=RunState.FAILED), VOTES, 2, production=True)) == {"undo": "rk3f9a"}


def test_dangerous_buttons_ask_first() -> None:
    pressed = [
        element
        for run in (running("backup"), replace(running("smoke"), state=RunState.PARKED))
        for block in card.render(run, VOTES, 2, production=True).blocks
        if block["type"] == "actions"
        for element in block["elements"]
    ]

    assert {element["action_id"] for element in pressed} == {"cancel", "retry", "escalate"}
    assert all("confirm" in element for element in pressed)


def test_the_open_follow_up_can_be_closed_from_the_card() -> None:
    run = replace(running("follow-up", StepState.OPEN), state=RunState.SUCCEEDED)

    assert buttons(card.render(run, VOTES, 2, production=True)) == {"undo": "rk3f9a", "close_followup": "rk3f9a"}


@pytest.mark.parametrize("state", sorted(set(RunState) - OPEN - {RunState.SUCCEEDED}))
def test_a_closed_run_offers_nothing(state: RunState) -> None:
    assert buttons(card.render(replace(RUN, state=state), VOTES, 2, production=True)) == {}


def test_a_failed_and_undone_run_reads_so() -> None:
    done = running("fence", StepState.FAILED)
    steps = tuple(replace(s, state=StepState.UNDONE) if s.key == "stop-traffic" else s for s in done.steps)
    run = replace(done, steps=steps, state=RunState.FAILED, ended_at=ASKED + timedelta(minutes=5))

    shown = read(card.render(run, VOTES, 2, production=True))

    assert "↩️ Stop incoming traffic – 2.0 s" in shown
    assert "❌ Fence the database – 1.0 s" in shown
    assert "took 2 min" in shown


def test_details_and_attempts_are_shown_beside_the_title() -> None:
    run = running("chain")
    steps = tuple(
        replace(s, detail="saved 1,204 rows\nin 2 tables", attempts=3) if s.key == "export" else s for s in run.steps
    )

    shown = read(card.render(replace(run, steps=steps), VOTES, 2, production=True))

    assert "✅ Export the data that will be dropped – 2.0 s, 3 attempts · saved 1,204 rows in 2 tables" in shown
