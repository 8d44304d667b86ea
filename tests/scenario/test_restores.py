"""Plays restores and their undo in the sandbox."""

import pytest

from bot.sandbox.workplace import Sandbox
from tests.scenario.must_behave import RESTORES, check


@pytest.mark.scenario
@pytest.mark.parametrize("name", RESTORES.values(), ids=RESTORES.keys())
def test_must_behave(sandbox: Sandbox, name: str) -> None:
    check(sandbox, name)
