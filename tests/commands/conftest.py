"""One workspace and one connected app for all commands."""

from collections.abc import Iterator

import pytest
from slack_sdk import WebClient

import commands
from bot.adapters.slack.app import build_app
from bot.sandbox.slack import SlackEmulator, Timings
from tests.commands.office import ENVIRONMENTS, Office, Remembered, until
from tests.sandbox.slack.desk import Desk as Hands

QUICK = Timings(event_retries_s=(0.0, 0.1, 0.1))


@pytest.fixture(scope="package")
def connected() -> Iterator[Office]:
    with SlackEmulator(rate_scale=0, timings=QUICK) as emulator:
        workspace, operations = emulator.workspace, Remembered()
        app, handler = build_app(workspace.bot_token, workspace.app_token, workspace.team_id, base_url=emulator.api_url)
        commands.register(app, operations, ENVIRONMENTS, workspace.team_id)
        handler.client.connect()
        hands = Hands(emulator)
        hands.do("slash", user="U0ENG", channel="C0GENERAL", command="/rollback", text="help")
        client = WebClient(token=workspace.bot_token, base_url=emulator.api_url)
        until(lambda: [call for call in hands.look("calls")["calls"] if call["method"] == "auth.test"])
        yield Office(emulator, operations, hands, client)
        hands.close()
        handler.client.close()


@pytest.fixture
def office(connected: Office) -> Iterator[Office]:
    connected.operations.forget()
    yield connected
    connected.hands.http.delete("/sandbox/faults")
