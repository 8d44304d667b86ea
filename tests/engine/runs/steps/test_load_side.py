"""A restore and its undoing: wherever the process dies, the world ends the same."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.backups import Backup, StoredObject, TableContent, Verification
from bot.domain.runs import Run, RunState
from bot.domain.signing import SignatureState
from bot.engine.maintenance.cleanup import clean_up
from bot.engine.runs.execution import Execution
from bot.engine.runs.steps.load_side import approved_backup
from bot.errors import PermanentError, TemporaryError
from bot.planning import checklist
from bot.ports import FetchedBundle, Report
from tests.engine.runs.cancelling import cancel_from_elsewhere
from tests.engine.runs.restoring import (
    NAME,
    approve,
    ask,
    bundle,
    faults_in_nothing_done,
    faults_in_restored,
    furnish,
    newest,
    refusals,
    restore,
)
from tests.engine.runs.test_kills import kill_everywhere, killed_after
from tests.engine.story import Story
from tests.fakes.clock import NOON
from tests.fakes.database import SETTINGS
from tests.fakes.process import Process
from tests.fakes.sides import FakeSides
from tests.fakes.world import World


def test_another_file_under_an_old_bundles_name_is_not_fetched(story: Story, world: World, sides: FakeSides) -> None:
    stored, proven = StoredObject(f"{NAME}.tar.gz", 1000, etag="one"), Verification(3, NOON, schema_version=26)
    world.store.backups[0] = Backup(NAME, stored, None, proven)
    ask(story, str(NAME))
    services = world.services(story.process)
    execution = Execution(services, services.env("prod"), newest(world))
    assert approved_backup(execution).stored.etag == "one"
    world.store.backups[0] = Backup(NAME, replace(stored, etag="two"), None, proven)
    with pytest.raises(PermanentError, match=r"^backup-changed: "):
        approved_backup(execution)
    assert sides.databases == {}


@killed_after
def test_a_bundle_that_differs_is_dropped_wherever_the_process_dies(tmp_path: Path, *, after: bool) -> None:
    def play(story: Story) -> None:
        furnish(story.world).changed = {SETTINGS: TableContent(SETTINGS, 4)}
        restore(story)

    def judge(world: World) -> list[str]:
        return faults_in_nothing_done(world, "bundle-differs")

    assert kill_everywhere(tmp_path, play, judge, after=after) == []


def play_with_cancel(scratch: Path, number: int, act: Callable[[Story], Run]) -> World:
    world = World(scratch)
    furnish(world)
    process = Process("first")
    process.at_call[number] = lambda: cancel_from_elsewhere(world) if world.journal.runs.table else None
    act(Story(world, process))
    return world


def test_a_cancel_at_every_call_ends_as_promised(tmp_path: Path) -> None:
    probe = Story(World(tmp_path))
    furnish(probe.world)
    restore(probe)
    faults, ended = [], set()
    for number in range(probe.process.calls.index("journal.runs.open") + 2, len(probe.process.calls) + 1):
        world = play_with_cancel(tmp_path, number, restore)
        ended.add(newest(world).state)
        cancelled = newest(world).state is RunState.CANCELLED
        found = faults_in_nothing_done(world, "cancelled by") if cancelled else faults_in_restored(world)
        faults += [f"cancelled before call {number} ({probe.process.calls[number - 1]}): {fault}" for fault in found]
    assert faults == []
    assert ended == {RunState.CANCELLED, RunState.SUCCEEDED}


def test_what_is_found_is_reported_before_the_swap(story: Story, world: World, sides: FakeSides) -> None:
    sides.damaged, sides.not_copied = ["Constraint x is not validated."], ["The comment could not be copied"]
    run = restore(story)
    assert run.step(checklist.VERIFY_SIDE).detail.endswith("; 1 to look at; 1 not copied")
    note = world.announcer.notes[run.id, "side-database"]
    assert "Constraint x is not validated." in note
    assert "The comment could not be copied" in note


def test_a_side_database_of_another_schema_is_refused(story: Story, world: World, sides: FakeSides) -> None:
    del sides
    story.world.store.backups[0] = bundle(schema=26)
    ask(story)
    original = world.sides.load

    def load_other(run_id: str, bundle: FetchedBundle, report: Report) -> str:
        name = original(run_id, bundle, report)
        world.sides.tracking[name].pop(26)
        return name

    world.sides.load = load_other  # type: ignore[method-assign] # a dump no manifest tells the truth of
    approve(story)
    assert faults_in_nothing_done(world, "verification-failed") == []


def test_a_kept_database_is_announced_and_dropped_in_time(story: Story, world: World, sides: FakeSides) -> None:
    run = restore(story)
    kept = sides.name("kept", run.id)
    services = world.services(story.process)
    clean_up(services)
    assert (run.id, f"announced-{kept}") not in world.announcer.notes
    world.clock.sleep(6.5 * 86_400)
    clean_up(services)
    assert f"/rollback undo {run.id}" in world.announcer.notes[run.id, f"announced-{kept}"]
    assert kept in sides.databases
    story.do(world.request("status", environment=""))
    assert [item.name for item in world.announcer.kept[0]] == [kept]
    world.clock.sleep(86_400)
    ask(story)  # an open run may need it
    clean_up(services)
    assert kept in sides.databases
    story.do(world.request("cancel", run_id=newest(world).id))
    clean_up(services)
    assert sides.databases == {}
    assert "was dropped" in world.announcer.notes[run.id, f"dropped-{kept}"]
    story.do(world.request("undo", run_id=run.id))
    assert refusals(world) == ["undo-expired"]


@pytest.mark.parametrize("state", [state for state in SignatureState if state is not SignatureState.VALID])
def test_a_bundle_whose_signature_is_gone_after_the_votes_is_not_fetched(
    story: Story, world: World, sides: FakeSides, state: SignatureState
) -> None:
    ask(story)
    services = world.services(story.process)
    execution = Execution(services, services.env("prod"), newest(world))
    world.store.backups[0] = replace(world.store.backups[0], signature=state)
    with pytest.raises(PermanentError, match=r"^backup-changed: "):
        approved_backup(execution)
    run = approve(story)
    assert run.state is RunState.PENDING, "there is a doubt that nobody has approved"
    assert f"now bundle-unsigned: {state.value}" in str(world.announcer.__dict__)
    assert sides.databases == {}


def test_what_is_proven_is_not_read_again_once_it_is_being_handed_over(
    story: Story, world: World, sides: FakeSides
) -> None:
    """From then on the loader is shut out, and our own role must not run what is in the database."""
    sides.hand_over_error = TemporaryError("database-unreachable", "The server restarts.", "Wait.")
    restore(story)
    assert newest(world).state is RunState.SUCCEEDED
    assert len(sides.counted) == 1
