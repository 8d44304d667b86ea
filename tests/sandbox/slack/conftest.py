from collections.abc import Iterator

import pytest
from slack_sdk import WebClient

from bot.sandbox.slack import SlackEmulator, Timings
from tests.sandbox.slack.desk import Clock, Desk

QUICK = Timings(ack_timeout_s=0.3, event_retries_s=(0.0, 0.1, 0.1))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def emulator(clock: Clock) -> Iterator[SlackEmulator]:
    with SlackEmulator(clock=clock, timings=QUICK, rate_scale=0) as running:
        yield running


@pytest.fixture
def client(emulator: SlackEmulator) -> WebClient:
    return WebClient(token=emulator.workspace.bot_token, base_url=emulator.api_url, retry_handlers=[])


@pytest.fixture
def desk(emulator: SlackEmulator) -> Iterator[Desk]:
    opened = Desk(emulator)
    yield opened
    opened.close()
