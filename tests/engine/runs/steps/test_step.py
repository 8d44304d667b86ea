"""Waiting for the world survives a look that fails."""

from tests.engine.runs.breaking import SHAKY
from tests.engine.story import Story, faults_in_success
from tests.fakes.world import World


def test_a_long_wait_survives_looks_that_fail(story: Story, world: World) -> None:
    story.ask()
    story.process.faults["cluster.pods"] = [None, None, *[SHAKY] * 8]
    story.approve()
    assert faults_in_success(world) == []
