"""A session that cannot be terminated stops the run, and the database opens again."""

from dataclasses import replace

import pytest

from bot.domain.catalogue import Session
from bot.domain.runs import RunState
from bot.planning import checklist
from tests.engine.runs.restoring import faults_in_nothing_done, furnish, restore
from tests.engine.story import Story, faults_in_undoing, steps
from tests.fakes.world import World


def test_a_session_that_cannot_be_ended_opens_the_database_again(story: Story, world: World) -> None:
    story.ask()
    world.database.people.append(Session(9, "postgres", "psql", "", "idle", 1.0, superuser=True))
    story.approve()
    assert faults_in_undoing(world, RunState.FAILED, "session-cannot-be-ended") == []


def intrude(world: World, who: str) -> None:
    if who == "prepared-transaction":
        world.database.facts = replace(world.database.facts, prepared=("clinic-sync",))
    else:
        world.database.people.append(Session(9, "postgres", "psql", "", "idle", 1.0, superuser=True))


@pytest.mark.parametrize("who", ["prepared-transaction", "session-cannot-be-ended"])
def test_who_would_keep_it_from_its_end_is_met_while_the_app_serves(story: Story, world: World, who: str) -> None:
    furnish(world)
    intrude(world, who)
    pods = world.cluster.pods(next(iter(world.cluster.deployments)))
    run = restore(story)
    assert faults_in_nothing_done(world, who) == []
    assert steps(run)[checklist.STOP_TRAFFIC] == "undone"
    assert world.cluster.pods(next(iter(world.cluster.deployments))) == pods
