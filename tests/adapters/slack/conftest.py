"""A workspace of its own for each test, and the chat adapter on it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from bot.adapters.slack.app import build_client
from bot.adapters.slack.chat import SlackChat
from bot.sandbox.slack import SlackEmulator
from tests.sandbox.slack.desk import Desk as Hands

Json = dict[str, Any]


@dataclass
class Place:
    """The adapter, and the workspace behind it."""

    emulator: SlackEmulator
    hands: Hands
    chat: SlackChat

    def messages(self, **query: str) -> list[Json]:
        return self.hands.messages(**query)

    def calls(self, method: str) -> list[Json]:
        found: list[Json] = self.hands.look("calls", method=method)["calls"]
        return found


@pytest.fixture
def place() -> Iterator[Place]:
    with SlackEmulator(rate_scale=0) as emulator:
        hands = Hands(emulator)
        client = build_client(emulator.workspace.bot_token, emulator.api_url)
        yield Place(emulator, hands, SlackChat(client))
        hands.close()
