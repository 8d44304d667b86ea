"""A plan's scripts are shown as they will run, or not at all."""

from dataclasses import replace

import pytest

from bot.domain.plans import ChainPlan, narrow
from bot.engine.preview.planned_scripts import read_planned_scripts
from bot.errors import PermanentError
from tests.engine.story import Story
from tests.fakes.process import Process
from tests.fakes.world import World


def test_the_scripts_are_the_planned_ones(story: Story, world: World) -> None:
    story.ask()
    (run,) = world.journal.runs.table.values()

    plan, scripts = read_planned_scripts(world.services(Process("reader")), run.id)

    assert plan == run.plan
    planned = narrow(run.plan, ChainPlan).scripts
    assert [(script.version, script.sha256) for script in scripts] == [(each.version, each.sha256) for each in planned]


def test_a_script_that_is_another_now_is_left_out(story: Story, world: World) -> None:
    story.ask()
    (run,) = world.journal.runs.table.values()
    plan = narrow(run.plan, ChainPlan)
    other = tuple(replace(script, sha256="0" * 64) for script in plan.scripts)
    world.journal.runs.table[run.id] = replace(run, plan=replace(plan, scripts=other))

    assert read_planned_scripts(world.services(Process("reader")), run.id)[1] == ()


def test_an_unknown_run_is_refused(world: World) -> None:
    with pytest.raises(PermanentError, match="unknown-run"):
        read_planned_scripts(world.services(Process("reader")), "rnope")
