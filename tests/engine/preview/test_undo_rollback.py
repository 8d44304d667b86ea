"""An undo of a rollback is planned, or refused with the reason."""

from dataclasses import replace

import pytest

from bot.domain.plans import ChainPlan, UndoRollbackPlan, narrow
from bot.domain.runs import RunState
from bot.domain.signing import SignatureState
from bot.errors import PermanentError
from bot.planning import checklist
from tests.engine.runs.undoing import approve, ask, newest, undo
from tests.engine.story import Story
from tests.fakes.database import SETTINGS
from tests.fakes.world import World


def refusals(world: World) -> list[str]:
    return [error.reference for _, error in world.announcer.refusals.values()]


def test_the_plan_says_what_comes_back(story: Story, world: World) -> None:
    run = story.roll_back()

    ask(story, run.id)

    plan = narrow(newest(world).plan, UndoRollbackPlan)
    assert (plan.from_schema, plan.to_schema) == (26, 27)
    assert (plan.from_app, plan.to_app) == ("v1.2.3", "v1.3.0")
    assert plan.drops == narrow(run.plan, ChainPlan).drops
    assert sum(row.rows for row in plan.rows) == 42
    assert plan.expected_fingerprint == run.plan.schema_fingerprint
    assert plan.source.backup == run.step(checklist.BACKUP).data["backup"]
    assert newest(world).state is RunState.PENDING
    assert world.database.recreations == []


def test_refused_where_the_schema_has_moved(story: Story, world: World) -> None:
    run_id = story.roll_back().id
    world.database.drift = "public.new_table"

    ask(story, run_id)

    assert refusals(world) == ["schema-changed-since"]
    assert newest(world).id == run_id


def test_refused_where_somebody_has_migrated(story: Story, world: World) -> None:
    run_id = story.roll_back().id
    world.database.tracking[27] = "027_feature_flags"

    ask(story, run_id)

    assert refusals(world) == ["schema-changed-since"]


def test_what_a_chain_makes_again_is_saved_but_refused_to_an_undo(story: Story, world: World) -> None:
    world.database.remade, world.database.differs_from_copies = SETTINGS, True

    run = story.roll_back()

    assert run.state is RunState.SUCCEEDED, "that the new one is there is no fault of the chain"
    saved = world.store.open_export(run.id).existing()
    assert saved is not None
    assert SETTINGS in {table.table for table in saved.tables}
    ask(story, run.id)
    assert refusals(world) == ["undo-not-exact"]


@pytest.mark.parametrize("gone", ["backup", "export"])
def test_refused_where_what_was_saved_is_gone(story: Story, world: World, gone: str) -> None:
    run_id = story.roll_back().id
    if gone == "backup":
        world.store.backups.clear()
    else:
        world.store.exports.clear()

    ask(story, run_id)

    assert refusals(world) == ["undo-expired"]


def test_refused_where_the_rehearsal_does_not_lead_back(story: Story, world: World) -> None:
    run_id = story.roll_back().id
    world.database.rehearsal_error = PermanentError("undo-not-exact", "The schema would be another.", "Nothing.")

    ask(story, run_id)

    assert refusals(world) == ["undo-not-exact"]
    assert list(world.scratch.glob("backstop-rehearse-*")) == []


def test_refused_where_no_chain_has_run_or_the_run_is_an_undo_itself(story: Story, world: World) -> None:
    world.database.chain_error = PermanentError("chain-failed", "No such table.", "Look.")
    failed = story.roll_back()
    ask(story, failed.id)
    assert refusals(world) == ["nothing-to-undo"]

    world.database.chain_error = None
    story.do(world.rollback())
    again = undo(story, approve(story).id)
    ask(story, again.id)

    assert again.state is RunState.SUCCEEDED
    assert refusals(world)[1:] == ["undo-not-available"]


@pytest.mark.parametrize("what", ["bundle", "export"])
def test_refused_where_what_was_saved_is_not_signed(story: Story, world: World, what: str) -> None:
    run_id = story.roll_back().id
    if what == "bundle":
        world.store.backups = [replace(each, signature=SignatureState.WRONG) for each in world.store.backups]
    else:
        world.store.open_export(run_id).signature = SignatureState.UNSIGNED

    ask(story, run_id)

    assert refusals(world) == [f"{what}-unsigned"]
    assert newest(world).id == run_id
