"""One sandbox and one bot for all scenarios of a worker; each begins on a cleared stage."""

from collections.abc import Iterator

import pytest

from bot.sandbox.workplace import Layout, Sandbox


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    # Slack's own limits are tested with the emulator; here they would only stretch the waiting.
    with Sandbox(Layout(scale=0.05, slack_rates=1.0, resettable=True)) as running:
        yield running
