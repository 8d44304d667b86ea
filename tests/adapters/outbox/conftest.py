"""Fixtures of these tests."""

import pytest

from bot.adapters.outbox.announcer import SlackRunAnnouncer
from bot.adapters.outbox.answers import SlackAnswers
from tests.adapters.outbox.tray import Tray
from tests.views.samples import PROD


@pytest.fixture
def tray() -> Tray:
    return Tray()


@pytest.fixture
def announcer(tray: Tray) -> SlackRunAnnouncer:
    return SlackRunAnnouncer(tray, {"prod": PROD})


@pytest.fixture
def answers(tray: Tray) -> SlackAnswers:
    return SlackAnswers(tray)
