"""The Bolt app: nothing is sent at construction, and failures are told without the payload."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from slack_bolt import App

from bot.adapters.slack.app import build_app, build_client
from bot.sandbox.slack import SlackEmulator, Timings
from tests.commands.office import until
from tests.sandbox.slack.desk import Desk as Hands
from tests.sandbox.slack.desk import actions, button

QUICK = Timings(ack_timeout_s=1.5, event_retries_s=(0.0,), command_redeliveries=0)


def break_everywhere(app: App, heard: list[str]) -> None:
    @app.command("/rollback")
    def command(body: dict[str, Any]) -> None:
        raise KeyError(body["text"])

    @app.action("approve")
    def action() -> None:
        raise ValueError("secret")

    @app.event("reaction_added")
    def event(body: dict[str, Any]) -> None:
        heard.append(body["event_id"])
        raise ValueError("secret")


@pytest.fixture(scope="module")
def heard() -> list[str]:
    return []


@pytest.fixture(scope="module")
def broken(heard: list[str]) -> Iterator[Hands]:
    with SlackEmulator(rate_scale=0, timings=QUICK) as emulator:
        workspace = emulator.workspace
        app, handler = build_app(workspace.bot_token, workspace.app_token, workspace.team_id, base_url=emulator.api_url)
        break_everywhere(app, heard)
        hands = Hands(emulator)
        assert hands.look("calls")["calls"] == []  # built, and Slack has not been asked anything
        handler.client.connect()
        yield hands
        handler.client.close()
        hands.close()


def test_a_person_hears_that_their_command_failed(broken: Hands, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        answer = broken.do("slash", user="U0ENG", channel="C0GENERAL", command="/rollback", text="s3cret")

    assert answer["ack"]["text"].startswith("✗ something-went-wrong: That failed inside Backstop")
    assert answer["ack"]["response_type"] == "ephemeral"
    assert "a listener failed: something-went-wrong KeyError" in caplog.text
    ours = [record.getMessage() for record in caplog.records if record.name.startswith(("bot", "slack"))]
    assert not any("s3cret" in line or "xoxb-" in line for line in ours)


def test_a_click_that_failed_is_reported_and_not_acked(broken: Hands) -> None:
    answer = broken.do("press", user="U0LEADA", channel="C0GENERAL", ts=post(broken), action_id="approve")

    assert not answer["ok"]
    told = [said for said in broken.messages(channel="C0GENERAL") if said.get("addressee") == "U0LEADA"]
    assert told[-1]["text"].startswith("✗ something-went-wrong")


def test_an_event_that_failed_is_delivered_again(broken: Hands, heard: list[str]) -> None:
    broken.do("react", user="U0LEADA", channel="C0GENERAL", ts=post(broken), name="x", remove=False)

    until(lambda: len(heard) == 2)
    assert heard[0] == heard[1]


def post(hands: Hands) -> str:
    """Post a message with a button as the bot."""
    client = build_client(hands.look("state")["tokens"]["bot"], f"{hands.http.base_url}/api/")
    return str(client.chat_postMessage(channel="C0GENERAL", text="ask", blocks=[actions(button("approve"))])["ts"])


def test_a_process_that_never_connects_needs_no_app_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLACK_APP_TOKEN", raising=False)

    _, handler = build_app("xoxb-1", "", "T0PHYSIO", base_url="http://127.0.0.1:9/api/")

    assert not handler.client.is_connected()
    handler.client.close()
