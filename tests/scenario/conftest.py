"""Shares one sandbox and one bot among all scenarios of a worker; each begins on a cleared stage."""

from collections.abc import Iterator

import pytest

from bot.sandbox.workplace import Layout, Sandbox


@pytest.fixture(scope="package")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    # Slack's own limits are tested with the emulator; here they would only stretch the waiting.
    with Sandbox(
        Layout(scale=0.05, slack_rates=1.0, resettable=True, results_dir=tmp_path_factory.mktemp("results"))
    ) as running:
        yield running
