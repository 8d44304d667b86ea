"""Plays what needs a sandbox of its own."""

from pathlib import Path

import pytest

from bot.sandbox.workplace import Layout, Sandbox
from tests.scenario.must_behave import ALONE, check


@pytest.mark.scenario
@pytest.mark.timeout(420)
@pytest.mark.parametrize("name", ALONE.values(), ids=ALONE.keys())
def test_must_behave(tmp_path: Path, name: str) -> None:
    with Sandbox(Layout(scale=0.05, slack_rates=1.0, resettable=True, results_dir=tmp_path)) as sandbox:
        check(sandbox, name)
