"""A restore in place and its undoing: wherever the process dies, the world ends the same."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from bot.domain.backups import TableContent
from bot.domain.environments import DrillDemand, RestoreMode
from bot.domain.plans import PlanKind
from bot.domain.runs import Run, RunState
from bot.errors import PermanentError, TemporaryError
from bot.planning import checklist
from tests.engine.story import Story, steps, traffic_faults
from tests.engine.test_cancel import cancel_from_elsewhere
from tests.engine.test_kills import kill_everywhere, killed_after
from tests.engine.test_restore import NAME, NOW, THEN, approve, ask, bundle, newest, refusals, restore, undo
from tests.fakes.database import NAMES, PATIENTS, SETTINGS
from tests.fakes.process import Process
from tests.fakes.sides import FakeSides
from tests.fakes.world import ENVIRONMENT, World

STEPS = [
    *(checklist.NOTIFY, checklist.RECHECK, checklist.FETCH, checklist.STOP_TRAFFIC, checklist.BACKUP),
    *(checklist.FENCE, checklist.REPLACE, checklist.VERIFY_REPLACED, checklist.START_APP, checklist.SMOKE),
    *(checklist.RESTORE_TRAFFIC, checklist.DOCUMENT, checklist.FOLLOW_UP),
]


def furnish(world: World) -> World:
    world.environment = replace(ENVIRONMENT, restore=RestoreMode.IN_PLACE)
    world.database.facts = replace(world.database.facts, can_create=False)
    world.store.backups.append(bundle())
    return world


@pytest.fixture
def world(tmp_path: Path) -> World:
    return furnish(World(tmp_path))


def emergency_rows(world: World, run: Run) -> dict[str, int]:
    """What a run's newest emergency backup holds."""
    found = [backup for backup in world.store.list_backups() if backup.name.label == f"pre-restore-{run.id}"]
    tables = found[0].manifest.tables if found and found[0].manifest else ()
    return {content.table: content.rows for content in tables}


def named(checks: dict[str, bool]) -> list[str]:
    return [fault for fault, good in checks.items() if not good]


def faults_in_both(world: World, run: Run) -> list[str]:
    card, _ = world.announcer.cards[run.id]
    return named(
        {
            f"{run.state}: {run.problem}": run.state is RunState.SUCCEEDED,
            f"steps {steps(run)}": [step.key for step in run.steps] == STEPS,
            f"states {steps(run)}": set(steps(run).values()) == {"done", "open"},
            "card": card.state is run.state and steps(card) == steps(run),
            "report": run.id in world.announcer.reports,
            "database closed": world.database.open,
            "requests left": all(kept.finished for kept in world.journal.kept.values()),
            "scratch left": list(world.scratch.glob("backstop-*")) == [],
        }
    )


def faults_in_restored(world: World) -> list[str]:
    run = newest(world)
    return (
        named(
            {
                f"live rows {world.database.rows}": world.database.rows == THEN,
                "schema": max(world.database.tracking) == 26,
                f"replacements {world.database.replacements}": world.database.replacements == [str(NAME)],
                "emergency backup": emergency_rows(world, run) == NOW,
            }
        )
        + faults_in_both(world, run)
        + traffic_faults(world, "v1.2.3")
    )


def faults_in_undone(world: World) -> list[str]:
    first, run = next(iter(world.journal.table.values())), newest(world)
    return (
        named(
            {
                "two runs": len(world.journal.table) == 2 and run.plan.undoes == first.id,
                f"kind {run.plan.kind}": run.plan.kind is PlanKind.RESTORE_IN_PLACE,
                f"live rows {world.database.rows}": world.database.rows == NOW,
                "schema": world.database.tracking == NAMES,
                f"replacements {world.database.replacements}": len(world.database.replacements) == 2,
                "emergency backup": emergency_rows(world, run) == THEN,
            }
        )
        + faults_in_both(world, run)
        + traffic_faults(world, "v1.3.0")
    )


def faults_in_nothing_done(world: World, problem: str) -> list[str]:
    """What is not as before although the run put everything back."""
    run = newest(world)
    return named(
        {
            f"{run.state}": run.state in {RunState.FAILED, RunState.CANCELLED},
            f"problem {run.problem}": problem in run.problem,
            "rows": world.database.rows == NOW,
            "replaced": world.database.replacements == [],
            "closed": world.database.open,
            "scratch left": list(world.scratch.glob("backstop-*")) == [],
        }
    ) + traffic_faults(world, "v1.3.0")


def test_the_plan_says_so_and_needs_no_second_database(story: Story, world: World) -> None:
    ask(story)
    plan = newest(world).plan
    assert plan.kind is PlanKind.RESTORE_IN_PLACE
    assert plan.restore is not None
    assert (plan.restore.backup, plan.restore.incoming, plan.restore.outgoing) == (str(NAME), "", "")
    assert plan.restore.rows_lost == 142
    assert plan.estimate.downtime_s > 35
    assert (world.database.commits, world.database.replacements) == ([], [])


def test_a_chain_still_needs_its_shadow(story: Story, world: World) -> None:
    story.ask()
    assert refusals(world) == ["missing-rights"]
    world.database.facts = replace(world.database.facts, can_create=True)
    assert story.roll_back().state is RunState.SUCCEEDED


def test_a_restore_in_place(story: Story, world: World) -> None:
    run = restore(story)
    assert faults_in_restored(world) == []
    assert "read back" in run.step(checklist.BACKUP).detail
    assert "read to its end" in run.step(checklist.FETCH).detail
    assert run.step(checklist.REPLACE).attempts == 1


@killed_after
def test_a_restore_ends_the_same_wherever_the_process_dies(tmp_path: Path, *, after: bool) -> None:
    def play(story: Story) -> None:
        furnish(story.world)
        restore(story)

    assert kill_everywhere(tmp_path, play, faults_in_restored, after=after) == []


@killed_after
def test_an_undo_ends_the_same_wherever_the_process_dies(tmp_path: Path, *, after: bool) -> None:
    def prelude(story: Story) -> None:
        furnish(story.world)
        restore(story)

    def play(story: Story) -> None:
        undo(story, newest(story.world).id)

    assert kill_everywhere(tmp_path, play, faults_in_undone, after=after, prelude=prelude) == []


@killed_after
def test_a_bundle_that_differs_leaves_the_old_content_wherever_the_process_dies(tmp_path: Path, *, after: bool) -> None:
    def play(story: Story) -> None:
        furnish(story.world).database.loaded_otherwise = {SETTINGS: TableContent(SETTINGS, 4)}
        restore(story)

    def judge(world: World) -> list[str]:
        return faults_in_nothing_done(world, "bundle-differs")

    assert kill_everywhere(tmp_path, play, judge, after=after) == []


@killed_after
def test_grants_that_could_not_be_given_are_told_wherever_the_process_dies(tmp_path: Path, *, after: bool) -> None:
    def play(story: Story) -> None:
        furnish(story.world).database.not_granted = ["GRANT SELECT ON patients TO leaver: it does not exist."]
        restore(story)

    def judge(world: World) -> list[str]:
        run = newest(world)
        told = world.announcer.notes.get((run.id, "lacking-privileges"), "")
        detail = run.step(checklist.REPLACE).detail
        said = {
            "told": "TO leaver" in told,
            f"detail {detail}": "not all privileges of the bundle could be given" in detail,
        }
        return faults_in_restored(world) + named(said)

    assert kill_everywhere(tmp_path, play, judge, after=after) == []


@killed_after
def test_a_load_that_fails_is_put_back_wherever_the_process_dies(tmp_path: Path, *, after: bool) -> None:
    def play(story: Story) -> None:
        world = furnish(story.world)
        world.database.replace_error = PermanentError("load-failed", "The server refused it.", "Look.")
        restore(story)

    def judge(world: World) -> list[str]:
        return faults_in_nothing_done(world, "load-failed")

    assert kill_everywhere(tmp_path, play, judge, after=after) == []


def cancel_if_asked(world: World) -> None:
    if world.journal.table:
        cancel_from_elsewhere(world)


def test_a_cancel_at_every_call_ends_as_promised(tmp_path: Path) -> None:
    probe = Story(furnish(World(tmp_path)))
    restore(probe)
    faults, ended = [], set()
    for number in range(probe.process.calls.index("journal.open_run") + 2, len(probe.process.calls) + 1):
        world = furnish(World(tmp_path))
        process = Process("first")
        process.at_call[number] = partial(cancel_if_asked, world)
        restore(Story(world, process))
        ended.add(newest(world).state)
        cancelled = newest(world).state is RunState.CANCELLED
        found = faults_in_nothing_done(world, "cancelled by") if cancelled else faults_in_restored(world)
        faults += [f"cancelled before call {number} ({probe.process.calls[number - 1]}): {fault}" for fault in found]
    assert faults == []
    assert ended == {RunState.CANCELLED, RunState.SUCCEEDED}


def test_a_lost_answer_to_commit_is_found_out(story: Story, world: World) -> None:
    world.database.lose_answer = True
    run = restore(story)
    assert faults_in_restored(world) == []
    assert run.step(checklist.REPLACE).detail == "committed already, as the server itself says"


def test_a_connection_lost_before_commit_is_tried_again(story: Story, world: World) -> None:
    story.process.faults["fence.replace"] = [TemporaryError("database-unreachable", "It went away.")]
    restore(story)
    assert faults_in_restored(world) == []


@pytest.mark.parametrize("what", ["rows", "uncounted", "schema"])
def test_what_is_written_after_the_emergency_backup_is_not_lost(story: Story, world: World, what: str) -> None:
    def write() -> None:
        if what == "rows":
            world.database.rows[PATIENTS] += 1
        elif what == "uncounted":
            world.database.uncounted_now = "sequences at 43"
        else:
            world.database.drift = "public.hasty"

    probe = Story(furnish(World(world.scratch)))
    restore(probe)
    story.process.at_call[probe.process.calls.index("store.put_bundle") + 2] = write
    run = restore(story)
    assert run.state is RunState.FAILED
    assert "changed-since-backup" in run.problem
    assert (world.database.replacements, world.database.open) == ([], True)
    assert traffic_faults(world, "v1.3.0") == []


def test_without_its_emergency_backup_nothing_is_dropped(story: Story, world: World) -> None:
    probe = Story(furnish(World(world.scratch)))
    restore(probe)

    def lose() -> None:
        world.store.backups = [backup for backup in world.store.backups if backup.name == NAME]

    story.process.at_call[probe.process.calls.index("fence.replace") - 1] = lose
    restore(story)
    assert faults_in_nothing_done(world, "emergency-backup-missing") == []


def test_a_failing_smoke_test_parks_with_the_emergency_backup_named(story: Story, world: World) -> None:
    world.cluster.unhealthy.add("api")
    run = restore(story)
    assert run.state is RunState.PARKED
    (escalation,) = world.announcer.escalations.values()
    assert f"prod_pre-restore-{run.id}_" in escalation.backup
    world.cluster.unhealthy.clear()
    story.do(world.request("resume", run_id=run.id))
    assert faults_in_restored(world) == []


def test_an_outcome_nobody_knows_parks(story: Story, world: World) -> None:
    world.database.lose_answer = True
    unknown = PermanentError("outcome-unknown", "The server does not remember.", "Look.")
    story.process.faults["database.was_committed"] = [unknown, unknown]
    run = restore(story)
    assert run.state is RunState.PARKED
    assert "outcome-unknown" in run.problem
    story.do(world.request("resume", run_id=run.id))
    assert newest(world).state is RunState.SUCCEEDED
    assert world.database.replacements == [str(NAME)]


def test_what_could_not_be_made_again_is_refused_before_anybody_is_asked(story: Story, world: World) -> None:
    world.database.obstacles_now = ["event trigger watching, which only a superuser can make"]
    ask(story)
    assert refusals(world) == ["cannot-replace-in-place"]
    assert world.journal.table == {}


@pytest.mark.parametrize("fault", ["unreadable", "not loadable"])
def test_a_bundle_that_cannot_be_loaded_here_is_refused_while_the_app_serves(
    story: Story, world: World, fault: str
) -> None:
    if fault == "unreadable":
        world.reader.complaint = "pg_restore cannot read it to its end."
    else:
        world.database.obstacles_of_bundle = ["the bundle needs the extension postgis"]
    run = restore(story)
    wanted = "bundle-unreadable" if fault == "unreadable" else "cannot-replace-in-place"
    assert faults_in_nothing_done(world, wanted) == []
    assert run.step(checklist.STOP_TRAFFIC).attempts == 0


def test_a_bundle_without_a_manifest_is_refused(story: Story, world: World) -> None:
    world.store.backups[0] = replace(world.store.backups[0], manifest=None)
    ask(story, str(NAME))
    assert refusals(world) == ["needs-manifest"]


def test_rows_cannot_be_salvaged_from_it_and_the_way_out_is_named(story: Story, world: World) -> None:
    run = restore(story)
    story.do(world.request("salvage", run_id=run.id))
    assert refusals(world) == ["nothing-to-salvage"]
    ((_, error),) = world.announcer.refusals.values()
    assert f"prod_pre-restore-{run.id}_" in error.hint


def test_an_undo_needs_something_replaced_and_its_backup(story: Story, world: World) -> None:
    run = restore(story)
    kept = list(world.store.backups)
    world.store.backups = [bundle()]
    story.do(world.request("undo", run_id=run.id))
    assert refusals(world) == ["undo-expired"]
    world.store.backups = kept
    world.database.replace_error = PermanentError("load-failed", "The server refused it.", "Look.")
    failed = undo(story, run.id)
    story.do(world.request("undo", run_id=failed.id))
    assert refusals(world)[1:] == ["nothing-to-undo"]


def test_an_undo_can_be_undone(story: Story, world: World) -> None:
    again = undo(story, undo(story, restore(story).id).id)
    assert (again.state, world.database.rows) == (RunState.SUCCEEDED, THEN)


def test_where_a_second_database_is_allowed_by_now_an_undo_is_a_swap(story: Story, world: World) -> None:
    run = restore(story)
    world.environment, world.sides = ENVIRONMENT, FakeSides(world.database, world.clock)
    world.database.facts = replace(world.database.facts, can_create=True)
    again = undo(story, run.id)
    assert (again.plan.kind, again.plan.undoes, again.state) == (PlanKind.RESTORE, "", RunState.SUCCEEDED)
    assert world.database.rows == NOW


def test_an_undo_that_is_a_swap_needs_no_drill_either(story: Story, world: World) -> None:
    run = restore(story)
    demanding = replace(ENVIRONMENT, drill_demand=DrillDemand(86_400, blocks=True))
    world.environment, world.sides = demanding, FakeSides(world.database, world.clock)
    world.database.facts = replace(world.database.facts, can_create=True)
    again = undo(story, run.id)
    assert (again.state, world.database.rows, again.problem) == (RunState.SUCCEEDED, NOW, "")


def test_votes_are_for_this_way_of_restoring(story: Story, world: World) -> None:
    ask(story)
    world.environment = ENVIRONMENT  # somebody changes the configuration: no second database, and a swap is wanted
    assert approve(story).state is RunState.VOID
