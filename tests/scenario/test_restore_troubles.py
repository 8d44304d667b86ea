"""Plays restores under trouble in the sandbox."""

import pytest

from bot.sandbox.workplace import Sandbox
from tests.scenario.must_behave import RESTORE_TROUBLES, check


@pytest.mark.scenario
@pytest.mark.parametrize("name", RESTORE_TROUBLES.values(), ids=RESTORE_TROUBLES.keys())
def test_must_behave(sandbox: Sandbox, name: str) -> None:
    check(sandbox, name)
