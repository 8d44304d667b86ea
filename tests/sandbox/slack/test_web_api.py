"""The Web API through the real WebClient: each method's effect, and each refusal by its Slack name."""

from typing import Any

import httpx
import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.sandbox.slack import SlackEmulator
from tests.sandbox.slack.desk import Clock, Desk, Ear, actions, modal, section

INCIDENT = "C0INCIDENT"
REFUSALS: dict[str, tuple[str, dict[str, Any], str]] = {
    "unknown method": ("chat.shout", {}, "unknown_method"),
    "unknown channel": ("chat.postMessage", {"channel": "C0NOWHERE", "text": "x"}, "channel_not_found"),
    "no channel": ("chat.postMessage", {"text": "x"}, "channel_not_found"),
    "private channel": ("chat.postMessage", {"channel": "C0PRIVATE", "text": "x"}, "channel_not_found"),
    "not in channel": ("chat.postMessage", {"channel": "C0NOBOT", "text": "x"}, "not_in_channel"),
    "no text": ("chat.postMessage", {"channel": INCIDENT}, "no_text"),
    "blocks no JSON": ("chat.postMessage", {"channel": INCIDENT, "blocks": "["}, "invalid_blocks_format"),
    "blocks no list": ("chat.postMessage", {"channel": INCIDENT, "blocks": {"a": 1}}, "invalid_blocks_format"),
    "invalid block": ("chat.postMessage", {"channel": INCIDENT, "blocks": [{"type": "x"}]}, "invalid_blocks"),
    "attachments": (
        "chat.postMessage",
        {"channel": INCIDENT, "text": "x", "attachments": [{"text": "old"}]},
        "invalid_attachments",
    ),
    "blocks too long": (
        "chat.postMessage",
        {"channel": INCIDENT, "blocks": [section("x" * 2700)] * 5},
        "msg_blocks_too_long",
    ),
    "thread of nothing": (
        "chat.postMessage",
        {"channel": INCIDENT, "text": "x", "thread_ts": "1.000001"},
        "thread_not_found",
    ),
    "thread of nonsense": (
        "chat.postMessage",
        {"channel": INCIDENT, "text": "x", "thread_ts": "yesterday"},
        "invalid_thread_ts",
    ),
    "metadata": (
        "chat.postMessage",
        {"channel": INCIDENT, "text": "x", "metadata": {"event_type": "run"}},
        "invalid_metadata_format",
    ),
    "update nothing": ("chat.update", {"channel": INCIDENT, "ts": "1.000001", "text": "x"}, "message_not_found"),
    "delete nothing": ("chat.delete", {"channel": INCIDENT, "ts": "1.000001"}, "message_not_found"),
    "ephemeral outsider": (
        "chat.postEphemeral",
        {"channel": "C0DEV", "user": "U0STRANGER", "text": "x"},
        "user_not_in_channel",
    ),
    "ephemeral elsewhere": (
        "chat.postEphemeral",
        {"channel": "C0NOBOT", "user": "U0ENG", "text": "x"},
        "not_in_channel",
    ),
    "permalink of nothing": (
        "chat.getPermalink",
        {"channel": INCIDENT, "message_ts": "1.000001"},
        "message_not_found",
    ),
    "emoji with colons": (
        "reactions.add",
        {"channel": INCIDENT, "timestamp": "1.000001", "name": ":x:"},
        "invalid_name",
    ),
    "react to nothing": (
        "reactions.add",
        {"channel": INCIDENT, "timestamp": "1.000001", "name": "x"},
        "message_not_found",
    ),
    "react without ts": ("reactions.add", {"channel": INCIDENT, "name": "x"}, "no_item_specified"),
    "unknown user": ("users.info", {"user": "U0NOBODY"}, "user_not_found"),
    "unknown group": ("usergroups.users.list", {"usergroup": "S0NONE"}, "no_such_subteam"),
    "unknown conversation": ("conversations.info", {"channel": "C0NOWHERE"}, "channel_not_found"),
    "history elsewhere": ("conversations.history", {"channel": "C0NOBOT"}, "not_in_channel"),
    "replies to nothing": ("conversations.replies", {"channel": INCIDENT, "ts": "1.000001"}, "thread_not_found"),
    "limit of 0": ("conversations.members", {"channel": INCIDENT, "limit": "-1"}, "invalid_limit"),
    "direct with nobody": ("conversations.open", {}, "users_list_not_supplied"),
    "direct with a bot": ("conversations.open", {"users": "U0LEADBOT"}, "cannot_dm_bot"),
    "direct with the gone": ("conversations.open", {"users": "U0EXLEAD"}, "user_disabled"),
    "modal without view": ("views.open", {"trigger_id": "1.2.3"}, "invalid_arguments"),
    "modal by nobody": ("views.open", {"trigger_id": "1.2.3", "view": modal()}, "invalid_trigger_id"),
    "update no view": ("views.update", {"view_id": "V0", "view": modal()}, "not_found"),
    "home for nobody": ("views.publish", {"user_id": "U0NOBODY", "view": {}}, "user_not_found"),
    "upload without name": ("files.getUploadURLExternal", {"length": 3}, "missing_argument"),
    "upload of nothing": ("files.getUploadURLExternal", {"filename": "a", "length": 0}, "missing_argument"),
    "complete nothing": ("files.completeUploadExternal", {"files": [{"id": "F0"}]}, "file_not_found"),
    "socket with the bot token": ("apps.connections.open", {}, "not_allowed_token_type"),
}


@pytest.mark.parametrize(("method", "arguments", "error"), REFUSALS.values(), ids=REFUSALS.keys())
def test_refusals(client: WebClient, method: str, arguments: dict[str, Any], error: str) -> None:
    with pytest.raises(SlackApiError) as refused:
        client.api_call(method, json=arguments)

    assert error == refused.value.response["error"]


def test_a_call_without_token_and_one_with_a_wrong_token(emulator: SlackEmulator) -> None:
    for token, error in ((None, "not_authed"), ("xoxb-other", "invalid_auth")):
        with pytest.raises(SlackApiError) as refused:
            WebClient(token=token, base_url=emulator.api_url).auth_test()
        assert error == refused.value.response["error"]


def test_a_missing_scope_is_named(emulator: SlackEmulator, client: WebClient) -> None:
    emulator.workspace.scopes -= {"users:read"}

    with pytest.raises(SlackApiError) as refused:
        client.users_info(user="U0ENG")

    assert (refused.value.response["error"], refused.value.response["needed"]) == ("missing_scope", "users:read")
    assert "chat:write" in refused.value.response["provided"]


def test_broken_json_is_refused(emulator: SlackEmulator) -> None:
    headers = {"Authorization": f"Bearer {emulator.workspace.bot_token}", "Content-Type": "application/json"}

    answers = [
        httpx.post(f"{emulator.api_url}auth.test", headers=headers, content=body, trust_env=False).json()["error"]
        for body in ("{", "[]")
    ]

    assert answers == ["invalid_json", "json_not_object"]


def test_invalid_blocks_say_why_with_a_pointer(client: WebClient) -> None:
    with pytest.raises(SlackApiError) as refused:
        client.chat_postMessage(channel=INCIDENT, text="x", blocks=[section("x" * 3001)])

    reason = "must be less than 3001 characters [json-pointer:/blocks/0/text/text]"
    assert [f"[ERROR] {reason}"] == refused.value.response["response_metadata"]["messages"]
    assert [reason] == refused.value.response["errors"]


def test_who_am_i(client: WebClient) -> None:
    me = client.auth_test()

    assert (me["user_id"], me["bot_id"], me["team_id"]) == ("U0BACKSTOP", "B0BACKSTOP", "T0PHYSIO")


def test_a_message_lives(client: WebClient, desk: Desk) -> None:
    posted = client.chat_postMessage(channel="#incident-prod", text="one", blocks=[section("one")])
    client.chat_update(channel=INCIDENT, ts=posted["ts"], text="two", blocks=[section("two")])
    client.chat_update(channel=INCIDENT, ts=posted["ts"], text="three")

    (message,) = desk.messages(channel=INCIDENT)
    assert (message["text"], message["blocks"][0]["text"]["text"]) == ("three", "two")
    assert [edit["text"] for edit in message["edits"]] == ["one", "two"]
    link = client.chat_getPermalink(channel=INCIDENT, message_ts=posted["ts"])["permalink"]
    assert f"https://physioflow.slack.com/archives/C0INCIDENT/p{posted['ts'].replace('.', '')}" == link

    client.chat_delete(channel=INCIDENT, ts=posted["ts"])
    assert desk.messages(channel=INCIDENT) == []
    assert [m["deleted"] for m in desk.messages(channel=INCIDENT, deleted="1")] == [True]


def test_a_form_and_json_are_the_same(client: WebClient, desk: Desk) -> None:
    client.api_call("chat.postMessage", data={"channel": INCIDENT, "text": "form", "blocks": '[{"type": "divider"}]'})
    client.api_call("chat.postMessage", json={"channel": INCIDENT, "text": "json", "blocks": [{"type": "divider"}]})

    assert [[b["type"] for b in m["blocks"]] for m in desk.messages(channel=INCIDENT)] == [["divider"], ["divider"]]


def test_text_is_cut_at_40000_when_posted_and_refused_above_4000_when_updated(client: WebClient, desk: Desk) -> None:
    posted = client.chat_postMessage(channel=INCIDENT, text="x" * 40_001)
    assert len(desk.messages(channel=INCIDENT)[0]["text"]) == 40_000

    with pytest.raises(SlackApiError, match="msg_too_long"):
        client.chat_update(channel=INCIDENT, ts=posted["ts"], text="x" * 4001)


def test_only_own_messages_can_be_changed(client: WebClient, emulator: SlackEmulator) -> None:
    posted = client.chat_postMessage(channel=INCIDENT, text="x")
    emulator.workspace.bot_id = "B0OTHER"

    for method, error in (("chat.update", "cant_update_message"), ("chat.delete", "cant_delete_message")):
        with pytest.raises(SlackApiError, match=error):
            client.api_call(method, json={"channel": INCIDENT, "ts": posted["ts"], "text": "y"})


def test_a_thread(client: WebClient, desk: Desk) -> None:
    root = client.chat_postMessage(channel=INCIDENT, text="root")["ts"]
    first = client.chat_postMessage(channel=INCIDENT, text="first", thread_ts=root)["ts"]
    client.chat_postMessage(channel=INCIDENT, text="second", thread_ts=first)

    assert [m["text"] for m in desk.messages(channel=INCIDENT, thread_ts=root)] == ["root", "first", "second"]
    replies = client.conversations_replies(channel=INCIDENT, ts=root)["messages"]
    assert (2, root) == (replies[0]["reply_count"], replies[2]["thread_ts"])
    assert [m["text"] for m in client.conversations_history(channel=INCIDENT)["messages"]] == ["root"]


def test_an_ephemeral_has_an_addressee_and_cannot_be_updated_or_reacted_to(client: WebClient, desk: Desk) -> None:
    ts = client.chat_postEphemeral(channel=INCIDENT, user="U0ENG", text="only you")["message_ts"]

    assert [m["addressee"] for m in desk.messages(channel=INCIDENT)] == ["U0ENG"]
    assert desk.messages(channel=INCIDENT, user="U0LEADA") == []
    for method, key in (("chat.update", "ts"), ("reactions.add", "timestamp")):
        with pytest.raises(SlackApiError, match="message_not_found"):
            client.api_call(method, json={"channel": INCIDENT, key: ts, "name": "x", "text": "y"})
    with pytest.raises(SlackApiError, match="cannot_reply_to_message"):
        client.chat_postMessage(channel=INCIDENT, text="x", thread_ts=ts)


def test_reactions(client: WebClient) -> None:
    ts = client.chat_postMessage(channel=INCIDENT, text="x")["ts"]
    client.reactions_add(channel=INCIDENT, timestamp=ts, name="eyes")
    with pytest.raises(SlackApiError, match="already_reacted"):
        client.reactions_add(channel=INCIDENT, timestamp=ts, name="eyes")
    shown = client.reactions_get(channel=INCIDENT, timestamp=ts)["message"]["reactions"]
    assert shown == [{"name": "eyes", "users": ["U0BACKSTOP"], "count": 1}]
    client.reactions_remove(channel=INCIDENT, timestamp=ts, name="eyes")
    with pytest.raises(SlackApiError, match="no_reaction"):
        client.reactions_remove(channel=INCIDENT, timestamp=ts, name="eyes")


def test_flags_of_those_whose_vote_must_not_count(client: WebClient) -> None:
    def flag(user: str, name: str) -> Any:
        return client.users_info(user=user)["user"].get(name)

    assert flag("U0EXLEAD", "deleted")
    assert flag("U0GUEST", "is_restricted")
    assert flag("U0LEADBOT", "is_bot")
    assert (flag("U0STRANGER", "is_stranger"), flag("U0STRANGER", "team_id")) == (True, "T0PARTNER")
    assert flag("USLACKBOT", "is_bot") is False
    assert flag("U0LEADA", "is_stranger") is None


def test_the_leads_group_lists_everyone_in_it(client: WebClient, emulator: SlackEmulator) -> None:
    leads = ["U0LEADA", "U0LEADB", "U0EXLEAD", "U0GUEST", "U0LEADBOT"]
    assert leads == client.usergroups_users_list(usergroup="S0LEADS")["users"]
    assert [leads] == [g["users"] for g in client.usergroups_list(include_users=True)["usergroups"]]

    emulator.workspace.groups["S0LEADS"].disabled = True
    assert client.usergroups_list()["usergroups"] == []
    with pytest.raises(SlackApiError, match="subteam_disabled"):
        client.usergroups_users_list(usergroup="S0LEADS")


def test_channels(client: WebClient) -> None:
    info = client.conversations_info(channel=INCIDENT)["channel"]
    assert (info["name"], info["is_member"], info["is_ext_shared"]) == ("incident-prod", True, True)
    assert (info["is_shared"], info["is_org_shared"], info["is_pending_ext_shared"]) == (True, False, False)
    assert (info["pending_shared"], info["shared_team_ids"]) == ([], ["T0PHYSIO", "T0PARTNER"])
    assert not client.conversations_info(channel="C0NOBOT")["channel"]["is_member"]

    first = client.conversations_members(channel=INCIDENT, limit=5)
    rest = client.conversations_members(channel=INCIDENT, cursor=first["response_metadata"]["next_cursor"])
    assert [m for m in first["members"] + rest["members"] if m == "U0STRANGER"] == ["U0STRANGER"]
    assert len({*first["members"], *rest["members"]}) == 9


def test_a_direct_message_by_user_id(client: WebClient, desk: Desk) -> None:
    opened = client.conversations_open(users="U0ENG")["channel"]["id"]
    posted = client.chat_postMessage(channel="U0ENG", text="psst")

    assert opened == posted["channel"]
    assert [m["text"] for m in desk.messages(channel=opened)] == ["psst"]


def test_a_trigger_opens_one_modal_within_three_seconds(
    emulator: SlackEmulator, client: WebClient, desk: Desk, clock: Clock
) -> None:
    def trigger() -> str:
        gesture = desk.later("slash", user="U0ENG", channel=INCIDENT, command="/rollback", text="")
        given = str(ear.answer()["payload"]["trigger_id"])
        assert gesture.result()["ok"]
        return given

    with Ear(emulator) as ear:
        spent, late = trigger(), trigger()
    client.views_open(trigger_id=spent, view=modal(section()))
    with pytest.raises(SlackApiError, match="exchanged_trigger_id"):
        client.views_open(trigger_id=spent, view=modal(section()))
    clock.advance(3.1)
    with pytest.raises(SlackApiError, match="expired_trigger_id"):
        client.views_open(trigger_id=late, view=modal(section()))


def test_a_home_tab_with_a_hash_against_blind_overwrites(client: WebClient) -> None:
    home = {"type": "home", "blocks": [section()]}
    first = client.views_publish(user_id="U0ENG", view=home)["view"]
    client.views_publish(user_id="U0ENG", view=home, hash=first["hash"])

    with pytest.raises(SlackApiError, match="hash_conflict"):
        client.views_publish(user_id="U0ENG", view=home, hash=first["hash"])


def test_a_refused_view_says_why(client: WebClient) -> None:
    with pytest.raises(SlackApiError) as refused:
        client.views_publish(user_id="U0ENG", view={"type": "home", "blocks": [actions()]})

    assert refused.value.response["error"] == "invalid_arguments"
    assert "[json-pointer:/view/blocks/0/elements]" in refused.value.response["response_metadata"]["messages"][0]
