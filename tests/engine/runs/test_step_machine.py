"""A step that fails for a while is repeated."""

import pytest

from tests.engine.runs.breaking import IN_STEP, SHAKY, break_step
from tests.engine.story import Story, faults_in_success
from tests.fakes.world import World


@pytest.mark.parametrize("step", IN_STEP)
def test_a_step_that_fails_for_a_while_is_repeated(story: Story, world: World, step: str) -> None:
    break_step(story, step, SHAKY, SHAKY)
    assert faults_in_success(world) == []
