"""Clicks: votes, cancel, retry, escalate, and the follow-up's modal."""

from dataclasses import replace
from typing import Any

import pytest

from bot.domain.migrations import DownScript, Effect, Statement
from bot.domain.runs import RunState, StepState
from bot.engine.requests import DocumentRun
from bot.ports import Audience
from bot.views.kit.blocks import View
from bot.views.runs import approval_request, card, report, report_model
from commands.intake import Desk
from tests.commands.office import ENVIRONMENTS, Office, Remembered, until
from tests.views.samples import PLAN, RUN, VOTES, running


def press(office: Office, ts: str, action_id: str, user: str = "U0LEADA") -> dict[str, Any]:
    answer: dict[str, Any] = office.hands.do("press", user=user, channel="C0INCIDENT", ts=ts, action_id=action_id)
    return answer


def shown(run: Any) -> View:
    return card.render(run, VOTES, 2, production=True)


@pytest.fixture
def asked(office: Office) -> str:
    return office.post(approval_request.render(RUN, (), 2, production=True))


@pytest.mark.parametrize("choice", ["approve", "reject"])
def test_a_ballot_names_the_plan_it_is_for(office: Office, asked: str, choice: str) -> None:
    assert press(office, asked, choice)["ok"]

    vote = office.only_request()
    assert vote.id.startswith("action:U0LEADA:")
    assert vote.id.endswith(f":{choice}")
    assert vote.kind == "vote"
    assert vote.payload["response_url"].startswith("http")
    assert {
        key: vote.payload[key] for key in ("user_id", "run_id", "channel", "ts", "choice", "how", "withdraw", "digest")
    } == {
        "user_id": "U0LEADA",
        "run_id": "rk3f9a",
        "channel": "C0INCIDENT",
        "ts": asked,
        "choice": choice,
        "how": "button",
        "withdraw": False,
        "digest": PLAN.short_digest,
    }


@pytest.mark.parametrize(
    ("view", "action_id", "kind"),
    [
        (shown(running("backup")), "cancel", "cancel"),
        (shown(replace(running("smoke"), state=RunState.PARKED)), "retry", "resume"),
        (shown(replace(running("smoke"), state=RunState.PARKED)), "escalate", "escalate"),
    ],
)
def test_the_cards_buttons(office: Office, view: View, action_id: str, kind: str) -> None:
    press(office, office.post(view), action_id)

    wish = office.only_request()
    assert (wish.kind, wish.payload["run_id"]) == (kind, "rk3f9a")


def test_a_stranger_from_a_shared_channel_hears_why_not(office: Office, asked: str) -> None:
    assert press(office, asked, "approve", user="U0STRANGER")["ok"]

    until(lambda: office.ephemerals("U0STRANGER"))
    assert office.ephemerals("U0STRANGER")[-1].startswith("✗ foreign-team: Only members of this workspace")
    assert office.operations.tries == []


def test_a_click_that_could_not_be_persisted_is_said(office: Office, asked: str) -> None:
    office.operations.failing.append(RuntimeError("the journal is down"))

    assert press(office, asked, "approve", user="U0LEADB")["ok"]

    until(lambda: office.ephemerals("U0LEADB"))
    assert office.ephemerals("U0LEADB")[-1].startswith("✗ journal-unreachable: Your request could not be written down")
    assert office.operations.requests == {}


def test_a_button_of_another_version_says_that_it_does_nothing(office: Office) -> None:
    view = shown(running("backup"))
    old = [block | {"elements": [block["elements"][0] | {"action_id": "old"}]} if block["type"] == "actions" else block
           for block in view.blocks]  # fmt: skip

    before = len(office.ephemerals("U0ENG"))
    assert press(office, office.post(View(view.text, old)), "old", user="U0ENG")["ok"]
    until(lambda: len(office.ephemerals("U0ENG")) > before)
    assert office.ephemerals("U0ENG")[-1].startswith("✗ button-unknown: That button is of another version")
    assert office.operations.tries == []


def test_the_follow_up_is_closed_with_a_link(office: Office) -> None:
    done = replace(running("follow-up", StepState.OPEN), state=RunState.SUCCEEDED)
    press(office, office.post(shown(done)), "close_followup", user="U0ONCALL")
    view_id = opened(office)

    refused = submit(office, view_id, "soon")
    assert refused["ack"] == {
        "response_action": "errors",
        "errors": {"link": "“soon” is not a web link. It begins with https:// and is short."},
    }
    assert office.operations.tries == []

    assert submit(office, view_id, "https://example.org/fix/7")["ok"]
    wish = office.only_request()
    assert wish.id.startswith(f"view:{view_id}:")
    assert wish.kind == "close"
    assert wish.payload == {
        "user_id": "U0ONCALL",
        "channel": "C0INCIDENT",
        "response_url": "",
        "run_id": "rk3f9a",
        "link": "https://example.org/fix/7",
    }


def test_what_went_wrong_is_written_into_the_report(office: Office) -> None:
    done = replace(running("follow-up", StepState.OPEN), state=RunState.SUCCEEDED)
    press(office, office.post(report.render(report_model.build(done, [], None))), "document", user="U0ONCALL")
    view_id = opened(office)

    refused = submit(office, view_id, wrong="  ", change="more tests")
    assert refused["ack"] == {
        "response_action": "errors",
        "errors": {"wrong": "Nothing is written there. Say what went wrong."},
    }
    office.operations.failing.append(RuntimeError("the journal is down"))
    assert "could not be written down" in submit(office, view_id, wrong="flags")["ack"]["errors"]["wrong"]
    assert office.operations.requests == {}

    assert submit(office, view_id, wrong="the flags\nbroke booking", change="more tests")["ok"]
    wish = office.only_request()
    assert (wish.id.rpartition(":")[0], wish.kind) == (f"view:{view_id}", "document")
    assert wish.payload == {
        "user_id": "U0ONCALL",
        "channel": "C0INCIDENT",
        "response_url": "",
        "run_id": "rk3f9a",
        "wrong": "the flags\nbroke booking",
        "change": "more tests",
    }


def test_the_same_submission_is_one_request_and_a_corrected_one_another() -> None:
    """The form stays open where the answer was lost, and what people mend in it must not be swallowed."""
    operations, asker = Remembered(), Audience("U0ONCALL", "C0INCIDENT")
    desk = Desk(operations, ENVIRONMENTS, "T0PHYSIO")
    first, mended = DocumentRun("rk3f9a", "flags", ""), DocumentRun("rk3f9a", "flags, and the cache", "")
    for view_id, request in (("V1", first), ("V1", first), ("V1", mended), ("V2", first)):
        desk.submit_form(asker, request, {"id": view_id})

    assert operations.tries[0] == operations.tries[1]
    assert len(operations.requests) == 3


@pytest.mark.parametrize(
    ("action_id", "typed"),
    [
        ("close_followup", "`/rollback close rk3f9a LINK`"),
        ("document", "`/rollback document rk3f9a what went wrong`"),
    ],
)
def test_a_form_that_could_not_be_opened_is_said(office: Office, action_id: str, typed: str) -> None:
    done = replace(running("follow-up", StepState.OPEN), state=RunState.SUCCEEDED)
    office.hands.fault(kind="error", method="views.open", error="expired_trigger_id", times=1)
    press(office, office.post(report.render(report_model.build(done, [], None))), action_id, user="U0ENG")

    until(lambda: any(typed in said for said in office.ephemerals("U0ENG")))
    assert office.ephemerals("U0ENG")[-1].startswith("The form could not be opened. Press again, or type ")


def test_what_will_be_changed_may_be_left_out(office: Office) -> None:
    done = replace(running("follow-up", StepState.OPEN), state=RunState.SUCCEEDED)
    press(office, office.post(report.render(report_model.build(done, [], None))), "document", user="U0ONCALL")
    view_id = opened(office)

    assert submit(office, view_id, wrong="flags")["ok"]
    assert office.only_request().payload["change"] == ""


def opened(office: Office) -> str:
    """The modal that is open, waited for; other tests' have been closed."""
    open_ones = until(lambda: [view for view in office.hands.look("state")["views"] if view["is_open"]])
    return str(open_ones[-1]["id"])


def submit(office: Office, view_id: str, link: str = "", **written: str) -> dict[str, Any]:
    values = {name: {name: text} for name, text in (written or {"link": link}).items()}
    answer: dict[str, Any] = office.hands.do("submit", user="U0ONCALL", view_id=view_id, values=values)
    return answer


def test_the_sql_opens_in_a_modal_and_persists_nothing(office: Office, asked: str) -> None:
    script = DownScript(
        27, "027_feature_flags", "", "", (), (), (Statement("DROP TABLE x", 1, Effect.DROPS),), "ab" * 32
    )
    office.operations.plans["rk3f9a"] = (PLAN, (script,))

    assert press(office, asked, "show_sql", user="U0ENG")["ok"]

    view_id = opened(office)
    shown_view = next(view for view in office.hands.look("state")["views"] if view["id"] == view_id)
    assert "DROP TABLE x;" in str(shown_view)
    assert office.operations.tries == []
    office.hands.do("close", user="U0ENG", view_id=view_id)


def test_the_sql_of_a_run_that_is_gone_is_refused(office: Office, asked: str) -> None:
    before = len(office.ephemerals("U0ENG"))

    assert press(office, asked, "show_sql", user="U0ENG")["ok"]

    until(lambda: len(office.ephemerals("U0ENG")) > before)
    assert office.ephemerals("U0ENG")[-1].startswith("✗ unknown-run")
