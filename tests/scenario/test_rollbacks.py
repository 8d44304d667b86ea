"""Plays rollbacks by migration in the sandbox, checked against the world itself."""

import pytest

from bot.sandbox.workplace import Sandbox
from tests.scenario.must_behave import ROLLBACKS, check, left_out


@pytest.mark.scenario
@pytest.mark.parametrize("name", ROLLBACKS.values(), ids=ROLLBACKS.keys())
def test_must_behave(sandbox: Sandbox, name: str) -> None:
    check(sandbox, name)


def test_every_scenario_is_among_them() -> None:
    assert left_out() == set()
