"""Plays backups, drills, forms and pages in the sandbox."""

import pytest

from bot.sandbox.workplace import Sandbox
from tests.scenario.must_behave import SURFACES, check


@pytest.mark.scenario
@pytest.mark.parametrize("name", SURFACES.values(), ids=SURFACES.keys())
def test_must_behave(sandbox: Sandbox, name: str) -> None:
    check(sandbox, name)
