"""Retries without waiting, and services in memory."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import stamina

from tests.engine.runs.restoring import furnish
from tests.engine.story import Story
from tests.fakes.sides import FakeSides
from tests.fakes.world import World


@pytest.fixture(autouse=True)
def quick_retries() -> Iterator[None]:
    with stamina.set_testing(True, attempts=4):
        yield


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def story(world: World) -> Story:
    return Story(world)


@pytest.fixture
def sides(world: World) -> FakeSides:
    return furnish(world)
