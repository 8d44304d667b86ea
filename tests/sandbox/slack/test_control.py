"""The control API: what it refuses, and what it shows."""

from typing import Any

import pytest
from slack_sdk import WebClient

from bot.sandbox.slack import SlackEmulator
from tests.sandbox.slack.desk import Desk, Ear, actions, button

PLACE = {"user": "U0LEADA", "channel": "C0DEV"}
TYPED = PLACE | {"command": "/rollback", "text": ""}
REFUSED: dict[str, tuple[str, dict[str, Any], int, str]] = {
    "unknown user": ("slash", TYPED | {"user": "U0NOBODY"}, 404, "user_not_found"),
    "no user": ("slash", {"channel": "C0DEV", "command": "/rollback"}, 400, "missing_field"),
    "unknown channel": ("slash", TYPED | {"channel": "C0NOWHERE"}, 404, "channel_not_found"),
    "not a member": ("slash", TYPED | {"user": "U0STRANGER"}, 403, "user_not_in_channel"),
    "in a thread": ("slash", TYPED | {"thread_ts": "1.000001"}, 400, "not_in_threads"),
    "no command": ("slash", TYPED | {"command": "rollback"}, 404, "unknown_command"),
    "a bot types": ("slash", TYPED | {"user": "U0LEADBOT"}, 403, "user_is_bot"),
    "unknown message": ("react", PLACE | {"ts": "1.000001", "name": "x"}, 404, "message_not_found"),
    "press nothing": ("press", PLACE | {"ts": "1.000001", "action_id": "a"}, 404, "message_not_found"),
    "submit nothing": ("submit", {"user": "U0LEADA", "view_id": "V0", "values": {}}, 404, "view_not_found"),
    "unknown fault": ("faults", {"target": "slack", "kind": "meteor"}, 400, "unknown_kind"),
    "fault field": ("faults", {"target": "slack", "kind": "429", "how": "x"}, 400, "unknown_field"),
    "fault elsewhere": ("faults", {"target": "moon", "kind": "5xx"}, 404, "unknown_target"),
    "no times": ("faults", {"target": "slack", "kind": "5xx", "times": 0}, 400, "invalid_times"),
    "fault type": ("faults", {"kind": "5xx", "times": "many"}, 400, "invalid_field"),
    "no reason": ("faults", {"kind": "disconnect", "reason": "boredom"}, 400, "unknown_reason"),
    "unknown flag": ("user", {"user": "U0ENG", "flags": {"is_tall": True}}, 400, "unknown_flag"),
    "unknown group": ("user", {"user": "U0ENG", "groups": {"S0NONE": True}}, 404, "group_not_found"),
}


@pytest.mark.parametrize(("gesture", "body", "status", "error"), REFUSED.values(), ids=REFUSED.keys())
def test_impossible_gestures(desk: Desk, gesture: str, body: dict[str, Any], status: int, error: str) -> None:
    answer = desk.raw(gesture, **body)

    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.json()["message"]


def test_a_body_that_is_no_json(desk: Desk) -> None:
    assert desk.http.post("/sandbox/slash", content=b"{").json()["error"] == "invalid_json"
    assert desk.http.post("/sandbox/slash", content=b"[]").status_code == 400


def test_only_registered_commands_once_some_are(emulator: SlackEmulator, desk: Desk) -> None:
    emulator.workspace.commands = frozenset({"/rollback"})

    assert desk.raw("slash", **TYPED | {"command": "/rollbakc"}).json()["error"] == "unknown_command"


def test_a_reaction_comes_and_goes(desk: Desk, client: WebClient) -> None:
    ts = client.chat_postMessage(channel="C0DEV", text="x")["ts"]
    thumb = PLACE | {"ts": ts, "name": "+1::skin-tone-4"}
    desk.do("react", **thumb)
    assert desk.raw("react", **thumb).json()["error"] == "already_reacted"
    assert desk.messages()[0]["reactions"] == [{"name": "+1::skin-tone-4", "users": ["U0LEADA"], "count": 1}]
    desk.do("react", **thumb, remove=True)
    assert desk.raw("react", **thumb, remove=True).json()["error"] == "no_reaction"
    assert desk.raw("react", **thumb | {"name": "not a name"}).json()["error"] == "invalid_name"


def test_a_deactivated_lead_and_a_bot_may_still_react(desk: Desk, client: WebClient) -> None:
    ts = client.chat_postMessage(channel="C0DEV", text="x")["ts"]

    for user in ("U0EXLEAD", "U0LEADBOT"):
        desk.do("react", user=user, channel="C0DEV", ts=ts, name="eyes")


def test_nobody_reacts_to_an_ephemeral(desk: Desk, client: WebClient) -> None:
    ts = client.chat_postEphemeral(channel="C0DEV", user="U0LEADA", text="x")["message_ts"]

    assert desk.raw("react", **PLACE, ts=ts, name="x").json()["error"] == "not_reactable"
    other = desk.raw("react", user="U0ENG", channel="C0DEV", ts=ts, name="x")
    assert other.json()["error"] == "message_not_found"


def test_a_button_must_be_there_now(desk: Desk, client: WebClient) -> None:
    ts = client.chat_postMessage(channel="C0DEV", text="x", blocks=[actions(button())])["ts"]
    client.chat_update(channel="C0DEV", ts=ts, text="x", blocks=[])

    assert desk.raw("press", **PLACE, ts=ts, action_id="ok").json()["error"] == "action_not_found"


def test_of_two_buttons_with_one_action_the_value_decides(
    emulator: SlackEmulator, desk: Desk, client: WebClient
) -> None:
    rows = [actions(button("verify", "a")), actions(button("verify", "b"))]
    ts = client.chat_postMessage(channel="C0DEV", text="x", blocks=rows)["ts"]

    with Ear(emulator) as ear:
        pressed = desk.later("press", **PLACE, ts=ts, action_id="verify", value="b")
        (action,) = ear.answer()["payload"]["actions"]
        pressed.result()

    assert (action["value"], action["type"]) == ("b", "button")
    assert desk.raw("press", **PLACE, ts=ts, action_id="verify", value="c").json()["error"] == "value_not_found"


def test_a_menu_returns_the_chosen_option(emulator: SlackEmulator, desk: Desk, client: WebClient) -> None:
    options = [{"text": {"type": "plain_text", "text": v}, "value": v} for v in ("026", "027")]
    menu = {"type": "static_select", "action_id": "pick", "options": options}
    ts = client.chat_postMessage(channel="C0DEV", text="x", blocks=[actions(menu, block_id="b")])["ts"]

    with Ear(emulator) as ear:
        pressed = desk.later("press", **PLACE, ts=ts, action_id="pick", value="027")
        payload = ear.answer()["payload"]
        pressed.result()

    assert payload["actions"][0]["selected_option"]["value"] == "027"
    assert payload["state"]["values"]["b"]["pick"]["selected_option"]["value"] == "027"
    assert desk.raw("press", **PLACE, ts=ts, action_id="pick", value="099").json()["error"] == "option_not_found"


def test_a_press_says_where_it_was(emulator: SlackEmulator, desk: Desk, client: WebClient) -> None:
    root = client.chat_postMessage(channel="C0DEV", text="root")["ts"]
    ts = client.chat_postMessage(channel="C0DEV", text="x", thread_ts=root, blocks=[actions(button())])["ts"]

    with Ear(emulator) as ear:
        pressed = desk.later("press", **PLACE, ts=ts, action_id="ok")
        payload = ear.answer()["payload"]
        pressed.result()

    expected = {"type": "message", "message_ts": ts, "channel_id": "C0DEV", "is_ephemeral": False, "thread_ts": root}
    assert payload["container"] == expected
    assert (payload["user"]["id"], payload["user"]["team_id"]) == ("U0LEADA", "T0PHYSIO")
    assert (payload["message"]["ts"], payload["message"]["thread_ts"]) == (ts, root)


def test_every_call_is_logged_without_its_token(desk: Desk, client: WebClient) -> None:
    client.users_info(user="U0ENG", token=client.token)
    client.api_call("auth.test")

    calls = desk.look("calls")["calls"]
    assert [c["method"] for c in calls] == ["users.info", "auth.test"]
    assert (calls[0]["arguments"], calls[0]["answer"]["ok"], calls[0]["status"]) == ({"user": "U0ENG"}, True, 200)
    assert [c["seq"] for c in desk.look("calls", method="auth.test", since="1")["calls"]] == [2]
    assert desk.http.get("/sandbox/calls?since=x").status_code == 400


def test_the_state_shows_people_places_and_tokens(emulator: SlackEmulator, desk: Desk) -> None:
    state = desk.look("state")

    assert state["endpoints"] == {"slack_api": emulator.api_url, "control": emulator.base_url}
    assert state["tokens"]["bot"].startswith("xoxb-sandbox-")
    roles = {user["id"]: user["role"] for user in state["users"]}
    assert roles["U0EXLEAD"] == "deactivated lead, still in the group"
    assert state["user_groups"][0]["members"][:2] == ["U0LEADA", "U0LEADB"]
    assert {"C0INCIDENT", "C0NOBOT", "C0SHARED"} <= {channel["id"] for channel in state["channels"]}


def test_the_composer_adds_to_the_state_and_takes_other_faults() -> None:
    taken: list[Any] = []
    extra = {"endpoints": {"cluster": "http://127.0.0.1:1"}, "namespaces": ["physioflow-prod"]}
    with SlackEmulator(state_extra=lambda: extra, fault_sink=taken.append) as emulator:
        desk = Desk(emulator)
        state = desk.look("state")
        desk.do("faults", target="cluster", kind="5xx")
        desk.http.delete("/sandbox/faults")
        desk.close()

    assert set(state["endpoints"]) == {"slack_api", "control", "cluster"}
    assert state["namespaces"] == ["physioflow-prod"]
    assert taken == [{"target": "cluster", "kind": "5xx"}, None]


def test_an_admin_changes_an_account(emulator: SlackEmulator, desk: Desk, client: WebClient) -> None:
    with Ear(emulator) as ear:
        desk.do("user", user="U0LEADB", flags={"deleted": True}, groups={"S0LEADS": False}, channels={"C0DEV": False})
        events = [ear.answer()["payload"]["event"] for _ in range(2)]

    by_type = {event["type"]: event for event in events}
    assert by_type["user_change"]["user"]["deleted"]
    assert by_type["subteam_members_changed"]["removed_users"] == ["U0LEADB"]
    assert client.users_info(user="U0LEADB")["user"]["deleted"]
    assert "U0LEADB" not in client.usergroups_users_list(usergroup="S0LEADS")["users"]
    assert "U0LEADB" not in client.conversations_members(channel="C0DEV")["members"]


def test_opening_the_home_tab(emulator: SlackEmulator, desk: Desk, client: WebClient) -> None:
    view = {"type": "home", "blocks": [actions(button())]}
    with Ear(emulator) as ear:
        assert desk.do("home", user="U0ENG")["view"] is None
        assert ear.answer()["payload"]["event"]["tab"] == "home"
        client.views_publish(user_id="U0ENG", view=view)
        shown = desk.do("home", user="U0ENG")["view"]
        assert ear.answer()["payload"]["event"]["view"]["id"] == shown["id"]
        pressed = desk.later("press", user="U0ENG", view_id=shown["id"], action_id="ok")
        assert ear.answer()["payload"]["container"] == {"type": "view", "view_id": shown["id"]}
        assert pressed.result()["ok"]
