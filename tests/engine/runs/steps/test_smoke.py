"""Smoke tests that fail are listed."""

from bot.domain.runs import RunState
from tests.engine.runs.restoring import faults_in_restored, restore
from tests.engine.story import Story
from tests.fakes.sides import FakeSides
from tests.fakes.world import SMOKE_SQL, World


def test_smoke_tests_that_fail_are_listed(story: Story, world: World) -> None:
    world.cluster.unhealthy.add("api")
    world.database.false_checks.add(SMOKE_SQL)
    run = story.roll_back()
    assert run.state is RunState.PARKED
    assert run.problem.startswith("smoke-failed: /health of api-6: 503 schema 26 is too old; /health of api-7: 503")
    assert world.cluster.services["api"]["backstop.dev/hold"] == run.id


def test_a_failing_smoke_test_parks_with_the_old_database_kept(story: Story, world: World, sides: FakeSides) -> None:
    world.cluster.unhealthy.add("api")
    run = restore(story)
    assert run.state is RunState.PARKED
    (escalation,) = world.announcer.escalations.values()
    assert f"kept as {sides.name('kept', run.id)}" in escalation.backup
    world.cluster.unhealthy.clear()
    story.do(world.request("resume", run_id=run.id))
    assert faults_in_restored(world) == []
