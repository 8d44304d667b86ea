"""Socket Mode over bare WebSockets: one delivery, acks, redelivery, retries, goodbyes."""

from contextlib import ExitStack
from typing import Any

import pytest
from slack_sdk import WebClient
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from bot.sandbox.slack import SlackEmulator
from tests.sandbox.slack.desk import Desk, Ear

COMMAND = {"user": "U0ONCALL", "channel": "C0INCIDENT", "command": "/rollback", "text": "prod 027"}
Json = dict[str, Any]


def hear_either(ears: list[Ear]) -> tuple[Ear, Json]:
    while True:
        for ear in ears:
            try:
                return ear, ear.hear(0.05)
            except TimeoutError:
                continue


def react(desk: Desk, client: WebClient) -> None:
    ts = client.chat_postMessage(channel="C0INCIDENT", text="x")["ts"]
    desk.do("react", user="U0LEADA", channel="C0INCIDENT", ts=ts, name="eyes")


def test_hello_counts_the_connections(emulator: SlackEmulator) -> None:
    with Ear(emulator) as first, Ear(emulator) as second:
        assert (first.hello["type"], first.hello["num_connections"]) == ("hello", 1)
        assert second.hello["num_connections"] == 2
        assert second.hello["connection_info"] == {"app_id": "A0BACKSTOP"}


def test_a_ticket_is_good_once(emulator: SlackEmulator) -> None:
    with Ear(emulator) as ear, pytest.raises(InvalidStatus, match="401"), connect(ear.url, proxy=None):
        pass


def test_an_eleventh_socket_is_sent_away(emulator: SlackEmulator) -> None:
    with ExitStack() as stack:
        for _ in range(10):
            stack.enter_context(Ear(emulator))
        eleventh = stack.enter_context(Ear(emulator))
        assert (eleventh.hello["type"], eleventh.hello["reason"]) == ("disconnect", "too_many_websockets")


def test_a_command_as_slack_sends_it(emulator: SlackEmulator, desk: Desk) -> None:
    with Ear(emulator) as ear:
        typed = desk.later("slash", **COMMAND | {"text": "prod 027 @lead.a @leads in #incident-dev & <b> me@eng.org"})
        envelope = ear.answer({"text": "on it"})

    payload = envelope["payload"]
    expected = (
        "prod 027 <@U0LEADA|lead.a> <!subteam^S0LEADS|@leads> in <#C0DEV|incident-dev> &amp; &lt;b&gt; me@eng.org"
    )
    assert payload["text"] == expected
    assert (envelope["type"], envelope["accepts_response_payload"]) == ("slash_commands", True)
    assert (payload["channel_id"], payload["channel_name"]) == ("C0INCIDENT", "incident-prod")
    assert (payload["team_id"], payload["api_app_id"]) == ("T0PHYSIO", "A0BACKSTOP")
    assert typed.result()["ack"] == {"text": "on it"}
    assert [(m["text"], m["addressee"]) for m in desk.messages()] == [("on it", "U0ONCALL")]


def test_an_ack_may_speak_to_the_whole_channel_or_not_at_all(emulator: SlackEmulator, desk: Desk) -> None:
    with Ear(emulator) as ear:
        typed = desk.later("slash", **COMMAND)
        ear.answer()
        assert typed.result() | {"elapsed_ms": 0} == {"ok": True, "ack": {}, "error": None, "elapsed_ms": 0}
        typed = desk.later("slash", **COMMAND)
        ear.answer({"response_type": "in_channel", "text": "all"})
        typed.result()

    assert [(m["text"], m["ephemeral"]) for m in desk.messages()] == [("all", False)]


def test_an_ack_with_broken_blocks_is_refused(emulator: SlackEmulator, desk: Desk) -> None:
    with Ear(emulator) as ear:
        typed = desk.later("slash", **COMMAND)
        ear.answer({"blocks": [{"type": "banner"}]})

    assert (typed.result()["ok"], typed.result()["error"]) == (False, "invalid_blocks")


def test_two_sockets_one_delivery_taking_turns(emulator: SlackEmulator, desk: Desk) -> None:
    heard = []
    with Ear(emulator) as first, Ear(emulator) as second:
        for _ in range(4):
            typed = desk.later("slash", **COMMAND)
            ear, envelope = hear_either([first, second])
            ear.ack(envelope)
            typed.result()
            heard.append(ear)
            assert first.hears_nothing(0.05)
            assert second.hears_nothing(0.05)

    assert {heard.count(first), heard.count(second)} == {2}


def test_nobody_connected(desk: Desk) -> None:
    answer = desk.do("slash", **COMMAND)

    assert (answer["ok"], answer["ack"], answer["error"]) == (False, None, "dispatch_failed")


def test_an_unacked_command_times_out_and_goes_to_the_other_socket(emulator: SlackEmulator, desk: Desk) -> None:
    with Ear(emulator) as first, Ear(emulator) as second:
        typed = desk.later("slash", **COMMAND)
        ear, envelope = hear_either([first, second])
        other = second if ear is first else first
        assert other.hear() == envelope

    assert (typed.result()["ok"], typed.result()["error"]) == (False, "operation_timeout")
    assert typed.result()["elapsed_ms"] >= 300


def test_a_command_whose_socket_dies_goes_to_the_other_at_once(emulator: SlackEmulator, desk: Desk) -> None:
    with Ear(emulator) as first, Ear(emulator) as second:
        typed = desk.later("slash", **COMMAND)
        ear, envelope = hear_either([first, second])
        other = second if ear is first else first
        ear.ws.close()
        assert other.answer({"text": "mine now"})["envelope_id"] == envelope["envelope_id"]

    assert typed.result()["ok"]


def test_a_late_ack_changes_nothing(emulator: SlackEmulator, desk: Desk) -> None:
    with Ear(emulator) as ear:
        typed = desk.later("slash", **COMMAND)
        envelope = ear.hear()
        assert typed.result()["error"] == "operation_timeout"
        ear.hear()
        ear.ack(envelope, {"text": "too late"})
        ear.ack({"envelope_id": "unknown"})
        ear.ws.send("no json")
        assert ear.hears_nothing()

    assert desk.messages() == []


def test_an_unacked_event_is_retried_with_its_number_and_reason(
    emulator: SlackEmulator, client: WebClient, desk: Desk
) -> None:
    with Ear(emulator) as ear:
        react(desk, client)
        tries = [ear.hear() for _ in range(4)]
        assert ear.hears_nothing(0.5)

    assert [(t["retry_attempt"], t["retry_reason"]) for t in tries] == [
        (0, ""),
        (1, "timeout"),
        (2, "timeout"),
        (3, "timeout"),
    ]
    assert len({t["payload"]["event_id"] for t in tries}) == 1
    assert len({t["envelope_id"] for t in tries}) == 4


def test_an_event_as_slack_sends_it(emulator: SlackEmulator, client: WebClient, desk: Desk) -> None:
    with Ear(emulator) as ear:
        react(desk, client)
        payload = ear.answer()["payload"]
        assert ear.hears_nothing(0.5)

    event = payload["event"]
    assert (payload["type"], payload["authorizations"][0]["user_id"]) == ("event_callback", "U0BACKSTOP")
    assert (event["type"], event["user"], event["reaction"]) == ("reaction_added", "U0LEADA", "eyes")
    assert (event["item"]["channel"], event["item_user"]) == ("C0INCIDENT", "U0BACKSTOP")


def test_no_reaction_events_from_where_the_bot_is_not(emulator: SlackEmulator, client: WebClient, desk: Desk) -> None:
    with Ear(emulator) as ear:
        ts = client.chat_postMessage(channel="C0DEV", text="x")["ts"]
        emulator.workspace.channels["C0DEV"].members.discard("U0BACKSTOP")
        desk.do("react", user="U0LEADA", channel="C0DEV", ts=ts, name="eyes")
        assert ear.hears_nothing()


def test_unsubscribed_events_are_not_sent(emulator: SlackEmulator, client: WebClient, desk: Desk) -> None:
    emulator.workspace.events -= {"reaction_added"}
    with Ear(emulator) as ear:
        react(desk, client)
        assert ear.hears_nothing()


def test_duplicate_delivery_goes_to_two_sockets(emulator: SlackEmulator, desk: Desk) -> None:
    desk.fault(kind="duplicate", times=1)
    with Ear(emulator) as first, Ear(emulator) as second:
        typed = desk.later("slash", **COMMAND)
        one, two = first.hear(), second.hear()
        first.ack(one)
        typed.result()
        again = desk.later("slash", **COMMAND)
        ear, envelope = hear_either([first, second])
        ear.ack(envelope)
        again.result()
        assert first.hears_nothing(0.05)
        assert second.hears_nothing(0.05)

    assert one == two


def test_a_dropped_event_comes_as_a_retry(emulator: SlackEmulator, client: WebClient, desk: Desk) -> None:
    desk.fault(kind="drop", times=1)
    with Ear(emulator) as ear:
        react(desk, client)
        assert ear.answer()["retry_attempt"] == 1


def test_a_delayed_delivery(emulator: SlackEmulator, desk: Desk) -> None:
    desk.fault(kind="delay", method="socket", delay_s=0.15, times=1)
    with Ear(emulator) as ear:
        typed = desk.later("slash", **COMMAND)
        ear.answer()

    assert typed.result()["elapsed_ms"] >= 150


def test_a_warned_socket_gets_no_more_and_is_closed_later(emulator: SlackEmulator, desk: Desk) -> None:
    with Ear(emulator) as old, Ear(emulator) as new:
        desk.do("faults", target="slack", kind="disconnect", reason="warning", delay_s=0.3, times=1)
        assert old.hear()["reason"] == "warning"
        for _ in range(2):
            typed = desk.later("slash", **COMMAND)
            new.answer()
            typed.result()
        assert old.hear()["reason"] == "refresh_requested"
        with pytest.raises(ConnectionClosed):
            old.hear()


@pytest.mark.parametrize("reason", ["refresh_requested", "link_disabled"])
def test_an_announced_disconnect(emulator: SlackEmulator, desk: Desk, reason: str) -> None:
    with Ear(emulator) as ear:
        desk.later("faults", target="slack", kind="disconnect", reason=reason)
        assert (ear.hear()["reason"]) == reason
        with pytest.raises(ConnectionClosed):
            ear.hear()


def test_an_abrupt_disconnect(emulator: SlackEmulator, desk: Desk) -> None:
    with Ear(emulator) as ear:
        desk.fault(kind="disconnect")
        with pytest.raises(ConnectionClosed):
            ear.hear()

    assert desk.look("state")["sockets"] == 0


def test_ping_is_answered(emulator: SlackEmulator) -> None:
    with Ear(emulator) as ear:
        assert ear.ws.ping().wait(2)
