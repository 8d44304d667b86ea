"""The unmodified Bolt app and its Socket Mode handler against the emulator."""

import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient

from bot.sandbox.slack import SlackEmulator, Timings
from tests.sandbox.slack.desk import Desk, actions, button, modal, text_input

Json = dict[str, Any]
QUIET = logging.getLogger("quiet-bolt")
QUIET.setLevel(logging.CRITICAL)


def until(wanted: Callable[[], Any], within_s: float = 20.0) -> Any:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if found := wanted():
            return found
        time.sleep(0.02)
    return wanted()


def build(client: WebClient, heard: list[Json]) -> App:
    app = App(client=client, logger=QUIET)

    @app.command("/rollback")
    def command(ack: Any, body: Json, client: WebClient) -> None:
        ack(f"heard {body['text']}")
        if body["text"] == "modal":
            client.views_open(trigger_id=body["trigger_id"], view=modal(text_input(), callback_id="go"))
        else:
            client.chat_postMessage(channel=body["channel_id"], text="ask", blocks=[actions(button("approve"))])

    @app.action("approve")
    def approve(ack: Any, respond: Any) -> None:
        ack()
        respond("noted", replace_original=False)

    @app.view("go")
    def go(ack: Any) -> None:
        ack(response_action="errors", errors={"reason": "say more"})

    @app.event("reaction_added")
    def reacted(event: Json) -> None:
        heard.append(event)

    return app


@pytest.fixture(scope="module")
def heard() -> list[Json]:
    return []


@pytest.fixture(scope="module")
def bolt(heard: list[Json]) -> Iterator[tuple[SlackEmulator, Desk]]:
    with SlackEmulator(timings=Timings(ack_timeout_s=1.0)) as emulator:
        client = WebClient(token=emulator.workspace.bot_token, base_url=emulator.api_url)
        handler = SocketModeHandler(build(client, heard), emulator.workspace.app_token, ping_interval=0.3)
        handler.connect()  # type: ignore[no-untyped-call] # the SDK leaves it untyped
        desk = Desk(emulator)
        yield emulator, desk
        desk.close()
        handler.close()  # type: ignore[no-untyped-call] # the SDK leaves it untyped


def test_command_button_and_reaction(bolt: tuple[SlackEmulator, Desk], heard: list[Json]) -> None:
    _, desk = bolt
    typed = desk.do("slash", user="U0ONCALL", channel="C0INCIDENT", command="/rollback", text="prod 027")
    assert (typed["ok"], typed["ack"]) == (True, {"text": "heard prod 027"})

    ask = until(lambda: [m for m in desk.messages(channel="C0INCIDENT") if m["text"] == "ask"])[0]
    assert desk.do("press", user="U0LEADA", channel="C0INCIDENT", ts=ask["ts"], action_id="approve")["ok"]
    noted = until(lambda: [m for m in desk.messages(channel="C0INCIDENT") if m["text"] == "noted"])
    assert [m["addressee"] for m in noted] == ["U0LEADA"]

    desk.do("react", user="U0LEADB", channel="C0INCIDENT", ts=ask["ts"], name="white_check_mark")
    assert until(lambda: heard)[0]["user"] == "U0LEADB"


def test_modal_errors(bolt: tuple[SlackEmulator, Desk]) -> None:
    _, desk = bolt
    desk.do("slash", user="U0ENG", channel="C0DEV", command="/rollback", text="modal")
    view = until(lambda: desk.look("state")["views"])[0]

    answer = desk.do("submit", user="U0ENG", view_id=view["id"], values={"reason": {"text": "x"}})

    assert answer["errors"] == {"reason": "say more"}


def test_an_unhandled_command_is_an_operation_timeout(bolt: tuple[SlackEmulator, Desk]) -> None:
    _, desk = bolt

    answer = desk.do("slash", user="U0ENG", channel="C0DEV", command="/unheard", text="")

    assert (answer["ok"], answer["error"]) == (False, "operation_timeout")


@pytest.mark.parametrize("how", [{"reason": "refresh_requested"}, {}], ids=["announced", "abrupt"])
def test_the_client_comes_back_after_a_disconnect(bolt: tuple[SlackEmulator, Desk], how: Json) -> None:
    _, desk = bolt
    desk.fault(kind="disconnect", **how)

    answer = until(lambda: _answered(desk), within_s=20)

    assert answer["ack"] == {"text": "heard dev"}


def _answered(desk: Desk) -> Json | None:
    answer = desk.do("slash", user="U0ENG", channel="C0DEV", command="/rollback", text="dev")
    return answer if answer["ok"] else None
