"""Fixtures of these tests."""

import pytest

from tests.engine.drills.drill_office import DAILY, Office
from tests.fakes.world import World


@pytest.fixture
def office(world: World) -> Office:
    return Office(world, DAILY)
