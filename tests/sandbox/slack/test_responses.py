"""response_url: five uses, thirty minutes, and what each kind of response does."""

from collections.abc import Iterator
from typing import Any

import pytest
from slack_sdk import WebClient

from bot.sandbox.slack import SlackEmulator
from tests.sandbox.slack.desk import Clock, Desk, Ear, actions, button, section

Json = dict[str, Any]


@pytest.fixture
def ear(emulator: SlackEmulator) -> Iterator[Ear]:
    with Ear(emulator) as connected:
        yield connected


@pytest.fixture
def url(ear: Ear, desk: Desk) -> str:
    typed = desk.later("slash", user="U0ENG", channel="C0DEV", command="/rollback", text="")
    given = str(ear.answer()["payload"]["response_url"])
    typed.result()
    return given


def pressed_url(ear: Ear, desk: Desk, ts: str) -> str:
    gesture = desk.later("press", user="U0ENG", channel="C0DEV", ts=ts, action_id="ok")
    given = str(ear.answer()["payload"]["response_url"])
    gesture.result()
    return given


def say(desk: Desk, url: str, **payload: Any) -> tuple[int, str]:
    answer = desk.http.post(url, json=payload)
    return answer.status_code, answer.text


def test_the_sixth_use_is_refused(desk: Desk, url: str) -> None:
    answers = [say(desk, url, text=f"{n}") for n in range(6)]

    assert answers == [(200, "ok")] * 5 + [(404, "used_url")]
    assert [m["addressee"] for m in desk.messages(channel="C0DEV")] == ["U0ENG"] * 5


def test_after_thirty_minutes_it_is_refused(desk: Desk, url: str, clock: Clock) -> None:
    clock.advance(1799)
    assert say(desk, url, text="in time") == (200, "ok")
    clock.advance(2)
    assert say(desk, url, text="late") == (404, "expired_url")


def test_an_unknown_url_is_refused(desk: Desk, url: str) -> None:
    assert say(desk, url + "x", text="x") == (404, "expired_url")


def test_refused_content_costs_no_use(desk: Desk, url: str) -> None:
    assert say(desk, url) == (500, "no_text")
    assert say(desk, url, blocks=[{"type": "banner"}]) == (400, "invalid_blocks")
    assert desk.http.post(url, content=b"{").status_code == 400
    assert [say(desk, url, text="x")[0] for _ in range(5)] == [200] * 5


def test_in_channel_is_for_everyone(desk: Desk, url: str) -> None:
    say(desk, url, text="hear", response_type="in_channel")

    assert [m["ephemeral"] for m in desk.messages(channel="C0DEV")] == [False]


def test_into_a_thread(desk: Desk, url: str, client: WebClient) -> None:
    root = client.chat_postMessage(channel="C0DEV", text="root")["ts"]

    say(desk, url, text="reply", thread_ts=root)

    assert [m["thread_ts"] for m in desk.messages(channel="C0DEV", thread_ts=root)] == [None, root]
    assert say(desk, url, text="x", thread_ts="1.000001") == (400, "invalid_thread_ts")


def test_a_press_may_replace_its_message(desk: Desk, ear: Ear, client: WebClient) -> None:
    ts = client.chat_postMessage(channel="C0DEV", text="old", blocks=[actions(button())])["ts"]
    url = pressed_url(ear, desk, ts)

    say(desk, url, text="new", blocks=[section()], replace_original=True)

    (message,) = desk.messages(channel="C0DEV")
    assert (message["text"], message["edits"][0]["text"]) == ("new", "old")


def test_a_press_may_replace_and_delete_an_ephemeral(desk: Desk, ear: Ear, client: WebClient) -> None:
    ts = client.chat_postEphemeral(channel="C0DEV", user="U0ENG", text="old", blocks=[actions(button())])["message_ts"]
    url = pressed_url(ear, desk, ts)

    say(desk, url, text="new", replace_original=True)
    assert [(m["text"], m["addressee"]) for m in desk.messages(channel="C0DEV")] == [("new", "U0ENG")]
    say(desk, url, delete_original=True)
    assert desk.messages(channel="C0DEV") == []


def test_a_press_in_a_thread_is_answered_there(desk: Desk, ear: Ear, client: WebClient) -> None:
    root = client.chat_postMessage(channel="C0DEV", text="root")["ts"]
    ts = client.chat_postMessage(channel="C0DEV", text="ask", thread_ts=root, blocks=[actions(button())])["ts"]

    say(desk, pressed_url(ear, desk, ts), text="only you")

    assert [m["thread_ts"] for m in desk.messages(channel="C0DEV") if m["ephemeral"]] == [root]
