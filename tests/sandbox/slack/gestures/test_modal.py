"""Modals: what a person may submit, and what the app may answer."""

from collections.abc import Iterator
from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.sandbox.slack import SlackEmulator
from tests.sandbox.slack.desk import Desk, Ear, actions, button, modal, section, text_input

Json = dict[str, Any]
WHO = "U0ENG"


@pytest.fixture
def ear(emulator: SlackEmulator) -> Iterator[Ear]:
    with Ear(emulator) as connected:
        yield connected


class Screen:
    """One person's modals."""

    def __init__(self, desk: Desk, ear: Ear, client: WebClient) -> None:
        self.desk, self.ear, self.client = desk, ear, client

    def trigger(self) -> str:
        typed = self.desk.later("slash", user=WHO, channel="C0DEV", command="/rollback", text="")
        given = str(self.ear.answer()["payload"]["trigger_id"])
        typed.result()
        return given

    def open(self, view: Json) -> str:
        return str(self.client.views_open(trigger_id=self.trigger(), view=view)["view"]["id"])

    def submit(self, view_id: str, ack: Json | None = None, **values: Any) -> tuple[Json, Json]:
        submitted = self.desk.later("submit", user=WHO, view_id=view_id, values=values)
        payload = self.ear.answer(ack)["payload"]
        return payload, submitted.result()

    def opened(self) -> list[str]:
        return [v["id"] for v in self.desk.look("state")["views"] if v["is_open"]]


@pytest.fixture
def screen(desk: Desk, ear: Ear, client: WebClient) -> Screen:
    return Screen(desk, ear, client)


def test_a_submission_carries_what_was_filled_in(screen: Screen) -> None:
    view_id = screen.open(modal(text_input(), callback_id="go", private_metadata="m"))

    payload, answer = screen.submit(view_id, reason={"text": "bad data"})

    view = payload["view"]
    assert (payload["type"], view["callback_id"], view["private_metadata"]) == ("view_submission", "go", "m")
    assert view["state"]["values"] == {"reason": {"text": {"type": "plain_text_input", "value": "bad data"}}}
    assert (answer["ok"], answer["ack"]) == (True, {})
    assert screen.opened() == []


def test_values_may_be_named_by_action_or_block_alone(screen: Screen) -> None:
    for name in ("reason", "text"):
        payload, _ = screen.submit(screen.open(modal(text_input())), None, **{name: "x"})
        assert payload["view"]["state"]["values"]["reason"]["text"]["value"] == "x"


def test_errors_keep_the_modal_open(screen: Screen) -> None:
    view_id = screen.open(modal(text_input()))

    _, answer = screen.submit(
        view_id, {"response_action": "errors", "errors": {"reason": "say more"}}, reason={"text": "x"}
    )

    assert answer["errors"] == {"reason": "say more"}
    assert screen.opened() == [view_id]


def test_errors_for_no_input_are_refused(screen: Screen) -> None:
    view_id = screen.open(modal(text_input()))

    _, answer = screen.submit(view_id, {"response_action": "errors", "errors": {"nowhere": "x"}}, text="x")

    assert (answer["ok"], answer["error"]) == (False, "invalid_errors")


def test_update_push_and_clear(screen: Screen) -> None:
    view_id = screen.open(modal(text_input()))
    screen.submit(view_id, {"response_action": "update", "view": modal(text_input("second", "again"))}, text="x")
    screen.submit(view_id, {"response_action": "push", "view": modal(section())}, again="y")
    covered, top = screen.opened()
    assert covered == view_id
    assert screen.desk.raw("submit", user=WHO, view_id=covered, values={}).json()["error"] == "view_covered"
    payload, _ = screen.submit(top, {"response_action": "clear"})
    assert (payload["view"]["previous_view_id"], payload["view"]["root_view_id"]) == (view_id, view_id)
    assert screen.opened() == []


@pytest.mark.parametrize(
    ("ack", "error"),
    [
        ({"response_action": "dance"}, "invalid_response_action"),
        ({"response_action": "update", "view": {"type": "modal"}}, "invalid_arguments"),
    ],
)
def test_broken_answers_are_refused(screen: Screen, ack: Json, error: str) -> None:
    _, answer = screen.submit(screen.open(modal(section())), ack)

    assert answer["error"] == error


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({}, "input_required"),
        ({"reason": {"text": "x"}, "other": "y"}, "input_not_found"),
        ({"reason": {"text": "xxx"}}, "wrong_length"),
        ([], "input_required"),
    ],
)
def test_what_the_client_would_not_submit(screen: Screen, values: Any, error: str) -> None:
    element = {"type": "plain_text_input", "action_id": "text", "max_length": 2}
    view_id = screen.open(modal(text_input(element=element)))

    refused = screen.desk.raw("submit", user=WHO, view_id=view_id, values=values)

    assert (refused.status_code >= 400, refused.json()["error"]) == (True, error)


def test_an_optional_input_may_stay_empty(screen: Screen) -> None:
    payload, _ = screen.submit(screen.open(modal(text_input(optional=True))))

    assert payload["view"]["state"]["values"]["reason"]["text"]["value"] is None


def test_nobody_submits_anothers_modal(screen: Screen) -> None:
    view_id = screen.open(modal(section()))

    assert screen.desk.raw("submit", user="U0LEADA", view_id=view_id, values={}).status_code == 404


def test_closing_is_reported_on_request(screen: Screen) -> None:
    quiet = screen.open(modal(section()))
    assert screen.desk.do("close", user=WHO, view_id=quiet)["notified"] is False
    view_id = screen.open(modal(section(), notify_on_close=True))
    closed = screen.desk.later("close", user=WHO, view_id=view_id)
    payload = screen.ear.answer()["payload"]
    assert (payload["type"], payload["view"]["id"], payload["is_cleared"]) == ("view_closed", view_id, False)
    assert closed.result()["ok"]


def test_a_stack_is_three_high(screen: Screen) -> None:
    screen.open(modal(section()))
    for _ in range(2):
        screen.client.views_push(trigger_id=screen.trigger(), view=modal(section()))

    with pytest.raises(SlackApiError, match="push_limit_reached"):
        screen.client.views_push(trigger_id=screen.trigger(), view=modal(section()))


def test_an_external_id_is_unique_and_finds_the_view(screen: Screen) -> None:
    screen.open(modal(section(), external_id="run-7"))
    screen.client.views_update(external_id="run-7", view=modal(section("new"), external_id="run-7"))

    with pytest.raises(SlackApiError, match="duplicate_external_id"):
        screen.client.views_push(trigger_id=screen.trigger(), view=modal(section(), external_id="run-7"))


def test_a_press_in_a_modal_carries_its_state(screen: Screen) -> None:
    menu = {"type": "radio_buttons", "action_id": "env", "options": options("dev", "prod")}
    view_id = screen.open(modal(actions(menu, button(), block_id="b"), text_input()))

    pressed = screen.desk.later("press", user=WHO, view_id=view_id, action_id="env", value="prod")
    screen.ear.answer()
    pressed.result()
    payload, _ = screen.submit(view_id, text="why")

    assert payload["view"]["state"]["values"]["b"]["env"]["selected_option"]["value"] == "prod"


def options(*values: str) -> list[Json]:
    return [{"text": {"type": "plain_text", "text": v}, "value": v} for v in values]


def test_an_external_select_asks_and_takes_only_what_was_offered(screen: Screen) -> None:
    element = {"type": "external_select", "action_id": "pick", "min_query_length": 0}
    view_id = screen.open(modal(text_input("bundle", element=element)))
    asked = screen.desk.later("suggest", user=WHO, view_id=view_id, action_id="pick", value="pro")

    payload = screen.ear.answer({"options": options("prod_1", "prod_2")})["payload"]

    assert (payload["type"], payload["value"], payload["block_id"]) == ("block_suggestion", "pro", "bundle")
    assert [o["value"] for o in asked.result()["options"]] == ["prod_1", "prod_2"]
    unknown = screen.desk.raw("submit", user=WHO, view_id=view_id, values={"bundle": "prod_3"})
    assert unknown.json()["error"] == "option_not_found"
    payload, _ = screen.submit(view_id, bundle="prod_2")
    assert payload["view"]["state"]["values"]["bundle"]["pick"]["selected_option"]["value"] == "prod_2"


def test_offered_options_are_checked(screen: Screen) -> None:
    element = {"type": "external_select", "action_id": "pick"}
    view_id = screen.open(modal(text_input("bundle", element=element)))
    asked = screen.desk.later("suggest", user=WHO, view_id=view_id, action_id="pick", value="p")

    screen.ear.answer({"options": [{"value": "no text"}]})

    assert (asked.result()["ok"], asked.result()["error"]) == (False, "invalid_options")


def test_an_update_keeps_what_was_filled_in_where_the_ids_stay(screen: Screen, client: WebClient) -> None:
    menu = {"type": "radio_buttons", "action_id": "env", "options": options("dev", "prod")}
    view_id = screen.open(modal(actions(menu, block_id="b"), text_input()))
    pressed = screen.desk.later("press", user=WHO, view_id=view_id, action_id="env", value="prod")
    screen.ear.answer()
    pressed.result()

    client.views_update(view_id=view_id, view=modal(actions(menu, block_id="other"), text_input()))
    payload, _ = screen.submit(view_id, text="why")
    assert payload["view"]["state"]["values"]["other"]["env"]["selected_option"] is None

    view_id = screen.open(modal(actions(menu, block_id="b"), text_input()))
    pressed = screen.desk.later("press", user=WHO, view_id=view_id, action_id="env", value="prod")
    screen.ear.answer()
    pressed.result()
    client.views_update(view_id=view_id, view=modal(actions(menu, block_id="b"), text_input()))
    payload, _ = screen.submit(view_id, text="why")
    assert payload["view"]["state"]["values"]["b"]["env"]["selected_option"]["value"] == "prod"


def test_a_suggestion_does_not_say_what_is_chosen_elsewhere(screen: Screen) -> None:
    """As at Slack: https://github.com/slackapi/bolt-js/issues/1146."""
    menu = {"type": "radio_buttons", "action_id": "env", "options": options("dev", "prod")}
    element = {"type": "external_select", "action_id": "pick", "min_query_length": 0}
    view_id = screen.open(modal(actions(menu, block_id="b"), text_input("bundle", element=element)))
    pressed = screen.desk.later("press", user=WHO, view_id=view_id, action_id="env", value="prod")
    screen.ear.answer()
    pressed.result()

    asked = screen.desk.later("suggest", user=WHO, view_id=view_id, action_id="pick", value="")
    payload = screen.ear.answer({"options": []})["payload"]
    asked.result()

    assert payload["view"]["state"]["values"] == {}
