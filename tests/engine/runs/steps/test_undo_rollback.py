"""The undoing of a chain: approved like any run, and the same wherever the process dies."""

import pytest

from bot.domain.plans import ChainPlan, UndoRollbackPlan, narrow
from bot.domain.runs import Run, RunState
from bot.errors import PermanentError
from bot.planning import checklist
from tests.engine.story import Story, steps, traffic_faults
from tests.fakes.database import SETTINGS
from tests.fakes.directory import LEAD_A, LEAD_B
from tests.fakes.world import World


def newest(world: World) -> Run:
    return list(world.journal.runs.table.values())[-1]


def ask(story: Story, run_id: str) -> None:
    story.do(story.world.request("undo", run_id=run_id))


def approve(story: Story) -> Run:
    for user in (LEAD_A, LEAD_B):
        story.world.clock.sleep(1.0)
        run = newest(story.world)
        ts = f"request:{run.id}:{run.plan.short_digest}"
        words = {"choice": "approve", "how": "reaction", "withdraw": False}
        story.do(story.world.request("vote", user, ts=ts, **words))
    return newest(story.world)


def undo(story: Story, run_id: str) -> Run:
    ask(story, run_id)
    return approve(story)


def refusals(world: World) -> list[str]:
    return [error.reference for _, error in world.announcer.refusals.values()]


def faults_in_undone(world: World) -> list[str]:
    first, run = next(iter(world.journal.runs.table.values())), newest(world)
    card, _ = world.announcer.cards[run.id]
    checks = {
        f"two runs: {len(world.journal.runs.table)}": len(world.journal.runs.table) == 2
        and run.plan.undoes == first.id,
        f"{run.state}: {run.problem}": run.state is RunState.SUCCEEDED,
        f"steps {steps(run)}": set(steps(run).values()) == {"done", "open"},
        "card": card.state is run.state and steps(card) == steps(run),
        f"regrown {world.database.recreations}": world.database.recreations == [(27,)],
        "schema": max(world.database.tracking) == 27,
        "database closed": world.database.open,
        "requests left": all(kept.finished for kept in world.journal.requests.kept.values()),
        "report": run.id in world.announcer.reports,
        "scratch left": list(world.scratch.glob("backstop-fetch-*")) == [],
        "two emergency backups": len({b.name.label for b in world.store.backups}) == 2,
    }
    return [fault for fault, good in checks.items() if not good] + traffic_faults(world, "v1.3.0")


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


def test_approved_it_brings_back_what_was_dropped_and_the_app_that_served(story: Story, world: World) -> None:
    run = undo(story, story.roll_back().id)

    assert faults_in_undone(world) == []
    assert [step.key for step in run.steps] == [
        *(checklist.RECHECK, checklist.NOTIFY, checklist.BACKUP, checklist.FETCH, checklist.STOP_TRAFFIC),
        *(
            checklist.EXCLUSIVE_ACCESS,
            checklist.RECREATE,
            checklist.VERIFY_RECREATED,
            checklist.START_APP,
            checklist.SMOKE,
        ),
        *(checklist.RESTORE_TRAFFIC, checklist.DOCUMENT, checklist.FOLLOW_UP),
    ]


def test_a_run_parked_past_the_chain_is_closed_and_then_undone_as_the_refusal_says(story: Story, world: World) -> None:
    world.cluster.unhealthy.add("api")
    parked = story.roll_back()
    world.cluster.unhealthy.clear()

    ask(story, parked.id)

    ((_, refused),) = world.announcer.refusals.values()
    assert refused.reference == "another-run-active"
    assert refused.hint == (
        f"Let it go on to its end: /rollback resume {parked.id}. Or close it as it stands with "
        f"/rollback cancel {parked.id}; then /rollback undo {parked.id} takes it back."
    )

    story.do(world.request("cancel", LEAD_A, run_id=parked.id))
    run = undo(story, parked.id)

    assert (run.state, run.plan.undoes, run.problem) == (RunState.SUCCEEDED, parked.id, "")
    assert max(world.database.tracking) == 27
    assert traffic_faults(world, "v1.3.0") == []


def test_a_lost_answer_to_commit_is_looked_up(story: Story, world: World) -> None:
    run_id = story.roll_back().id
    world.database.lose_answer = True

    undo(story, run_id)

    assert faults_in_undone(world) == []
    (undone,) = [event for event in world.journal.audit.log if event.event == "chain-undone"]
    assert undone.details["restore_point"] == "0/20", "the one before the commit: the chain's is 0/19"


def test_a_failure_leaves_everything_as_the_chain_left_it(story: Story, world: World) -> None:
    run_id = story.roll_back().id
    world.database.recreate_error = PermanentError("undo-failed", "The key is taken.", "Nothing was changed.")

    run = undo(story, run_id)

    assert run.state is RunState.FAILED
    assert "undo-failed: The key is taken." in run.problem
    assert max(world.database.tracking) == 26
    assert world.database.open
    assert traffic_faults(world, "v1.2.3") == []


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


def test_what_a_chain_makes_anew_is_saved_but_refused_to_an_undo(story: Story, world: World) -> None:
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


def test_a_world_that_moves_after_the_votes_voids_them(story: Story, world: World) -> None:
    run_id = story.roll_back().id
    ask(story, run_id)
    world.store.backups.clear()

    run = approve(story)

    assert run.state is RunState.VOID
    assert "undo-expired" in run.problem
    assert max(world.database.tracking) == 26
