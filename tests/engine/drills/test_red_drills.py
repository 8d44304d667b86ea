"""Drills that go wrong: what makes them red, what they leave alone, who may stop them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.backups import TableContent, Verification
from bot.domain.drills import Corruption, DrillKind, DrillState
from bot.domain.migrations import UpScript
from bot.domain.runs import Run, RunState
from bot.engine.drills.execution import DrillExecution
from bot.engine.drills.runner import perform
from bot.engine.operations import Operations
from bot.errors import PermanentError, TemporaryError
from tests.engine.drills.drill_world import DRILL_ID, STAGING, Drilling, bundle_of, faults_in_any, states
from tests.engine.drills.test_runner import every_kind, faults_in_passed, kill_everywhere, runs
from tests.engine.kills import killed_after
from tests.engine.runs.restoring import faults_of
from tests.engine.story import traffic_faults
from tests.fakes.clock import NOON
from tests.fakes.database import SETTINGS
from tests.fakes.directory import LEAD_A
from tests.fakes.process import Process

Fault = Callable[[Drilling], object]


def differ(story: Drilling) -> None:
    story.sides.changed_live = {SETTINGS: TableContent(SETTINGS, 4)}


def stay_away(story: Drilling) -> None:
    story.process.faults["store.fetch_corrupted"] = [TemporaryError("storage-unavailable", "It is away.")] * 9


RED: list[tuple[DrillKind, str, Fault, str]] = [
    *(
        (kind, f"{corrupt} accepted", lambda s, corrupt=corrupt: _gullible(s, corrupt), "control-passed: A copy ")
        for kind in DrillKind
        for corrupt in Corruption
    ),
    (DrillKind.RESTORE, "bucket away", stay_away, "storage-unavailable: It is away."),
    (DrillKind.RESTORE, "no dump", lambda s: _fail(s, "database.dump", "dump-failed"), "dump-failed"),
    (
        DrillKind.RESTORE,
        "side differs",
        lambda s: s.sides.changed.update({SETTINGS: TableContent(SETTINGS, 4)}),
        "drill-run-stopped: Run r",
    ),
    (
        DrillKind.MIGRATION,
        "a check",
        lambda s: s.script_tests.problems.update({26: "026 ran, and its check does not hold."}),
        "down-script-failed: Alone, 026: 026 ran",
    ),
    (
        DrillKind.MIGRATION,
        "the chain",
        lambda s: setattr(
            s.script_tests, "chain_error", PermanentError("down-script-failed", "As a chain: 025 failed.")
        ),
        "down-script-failed: As a chain",
    ),
    (
        DrillKind.MIGRATION,
        "no script",
        lambda s: s.world.scripts.scripts.pop(27),
        "no-down-script: The bundle's newest migration is 027",
    ),
    (DrillKind.MIGRATION, "a folder", lambda s: setattr(s.world.scripts, "invalid", True), "invalid-script"),
    (
        DrillKind.BUNDLE,
        "a broken bundle",
        lambda s: setattr(s.prod, "damage", PermanentError("scratch-full", "It is.")),
        "scratch-full",
    ),
    (
        DrillKind.BUNDLE,
        "unreadable",
        lambda s: setattr(s.world.reader, "restore_error", "cut short"),
        "bundle-unreadable",
    ),
    (
        DrillKind.BUNDLE,
        "not loaded",
        lambda s: setattr(s.sides, "load_error", PermanentError("load-failed", "No role.")),
        "load-failed",
    ),
    (DrillKind.BUNDLE, "another content", lambda s: s.sides.changed.update({SETTINGS: None}), "bundle-differs"),
    (DrillKind.BUNDLE, "no bundle", lambda s: s.prod.backups.clear(), "no-restorable-backup"),
    (
        DrillKind.BUNDLE,
        "a newer server",
        lambda s: s.prod.backups.__setitem__(0, bundle_of("prod", server=190001)),
        "server-too-old",
    ),
    (
        DrillKind.BUNDLE,
        "a bug",
        lambda s: _fail(s, "sides.contents", ""),
        "internal-error: Something in Backstop broke: ValueError",
    ),
]


def _gullible(story: Drilling, corrupt: Corruption) -> None:
    for store in (story.world.store, story.prod):
        store.gullible.add(corrupt)


def _fail(story: Drilling, call: str, reference: str) -> None:
    error = PermanentError(reference, "It does not work.") if reference else ValueError("a bug")
    story.process.faults[call] = [error]


@pytest.mark.parametrize(
    ("kind", "play", "problem"), [case[:1] + case[2:] for case in RED], ids=[f"{c[0]}-{c[1]}" for c in RED]
)
def test_whatever_fails_makes_it_red_and_leaves_nothing(
    tmp_path: Path, kind: DrillKind, play: Fault, problem: str
) -> None:
    story = Drilling(tmp_path, kind=kind)
    before = [str(backup.name) for backup in story.prod.backups]
    play(story)
    empty = story.prod.backups == []
    drill = story.perform()
    found = [
        fault
        for fault in faults_in_any(story, DrillState.FAILED, problem)
        if not (empty and fault == "production touched")
    ]
    assert found == []
    assert before
    assert drill.measured is None
    assert list(states(drill).values())[-1] == "done"
    assert traffic_faults(story.world, "v1.3.0") == []


@killed_after
def test_a_control_that_passes_is_red_wherever_the_process_dies(tmp_path: Path, *, after: bool) -> None:
    def judge(story: Drilling) -> list[str]:
        return faults_in_any(story, DrillState.FAILED, "control-passed: ")

    assert (
        kill_everywhere(tmp_path, DrillKind.BUNDLE, lambda s: _gullible(s, Corruption.EDITED), judge, after=after) == []
    )


@killed_after
def test_a_copy_that_differs_is_taken_back_wherever_the_process_dies(tmp_path: Path, *, after: bool) -> None:
    """Red, and yet the environment has its own database again."""

    def judge(story: Drilling) -> list[str]:
        done = {"undo": "done", "prove-undo": "failed", "prove": "failed", "cleanup": "done"}
        now = states(story.drill())
        return faults_in_any(story, DrillState.FAILED, "drill-not-equal: Restored and swapped in, ") + faults_of(
            {
                f"steps {now}": now | done == now,
                "exchanges": len(story.sides.exchanges) == 2,
                "kept": story.sides.databases == {},
            }
        )

    assert kill_everywhere(tmp_path, DrillKind.RESTORE, differ, judge, after=after) == []


def test_another_schema_after_the_swap_is_named(tmp_path: Path) -> None:
    story = Drilling(tmp_path)
    story.sides.drift = "public.lost"
    drill = story.perform()
    assert "the table public.lost is missing" in drill.problem
    assert states(drill)["prove-undo"] == "failed"


def test_a_run_that_parks_is_left_to_people(tmp_path: Path) -> None:
    story = Drilling(tmp_path)
    story.world.cluster.unhealthy.add("api")
    drill = story.perform()
    (run,) = runs(story)
    assert run.state is RunState.PARKED
    assert drill.state is DrillState.FAILED
    assert drill.problem.startswith(f"drill-run-stopped: Run {run.id} of the drill is parked: ")
    assert states(drill) | {"undo": "skipped", "prove-undo": "skipped", "cleanup": "done"} == states(drill)
    assert [name for name in story.sides.databases if "_kept_" in name] == [story.sides.name("kept", run.id)]


def test_people_can_stop_a_drills_run(tmp_path: Path) -> None:
    story = Drilling(tmp_path)
    world, seen = story.world, len(runs(story))
    assert seen == 0
    meanwhile = world.clock.on_sleep

    def cancel_first() -> None:
        for run in runs(story):
            if run.state is RunState.APPROVED and not run.steps[0].attempts:
                Operations(world.services(Process("another"))).handle(_accepted(story, run))
        meanwhile()

    world.clock.on_sleep = cancel_first
    drill = story.perform()
    (run,) = runs(story)
    assert run.state is RunState.CANCELLED
    assert drill.problem.startswith("drill-run-stopped: ")
    assert faults_in_any(story, DrillState.FAILED, "drill-run-stopped") == []


def _accepted(story: Drilling, run: Run) -> str:
    request = story.world.request("cancel", LEAD_A, run_id=run.id)
    story.world.journal.requests.accept(request)
    return request.id


def moving(story: Drilling, times: int) -> list[str]:
    """Have the world move under each plan, right before it is looked at again."""
    seen: list[str] = []
    world, meanwhile = story.world, story.world.clock.on_sleep

    def move() -> None:
        for run in runs(story):
            if run.state is RunState.APPROVED and run.plan.digest not in seen and len(seen) < times:
                seen.append(run.plan.digest)
                world.database.drift = f"public.drift_{len(seen)}"
        meanwhile()

    world.clock.on_sleep = move
    return seen


def test_a_plan_that_moves_is_approved_again_and_not_for_ever(tmp_path: Path) -> None:
    story = Drilling(tmp_path / "some")
    seen = moving(story, 2)
    drill = story.perform()
    assert len(seen) == 2
    assert next(run.state for run in runs(story)) is RunState.SUCCEEDED
    assert drill.problem.startswith(
        "drill-not-equal: "
    )  # somebody has migrated meanwhile, and the backup is from before
    story = Drilling(tmp_path / "ever")
    moving(story, 99)
    drill = story.perform()
    assert drill.problem.startswith("drill-plan-moves: ")
    assert [run.state for run in runs(story)] == [RunState.CANCELLED]


def test_a_run_nobody_takes_is_not_waited_for_without_end(tmp_path: Path) -> None:
    story = Drilling(tmp_path)
    story.world.clock.on_sleep = lambda: None
    assert story.perform().problem.startswith("drill-run-stalls: ")
    (run,) = runs(story)
    assert run.state is RunState.CANCELLED  # whoever took it after all stopped before anything was touched
    assert story.sides.exchanges == []


@every_kind
def test_production_is_refused_and_not_even_cleaned_up(tmp_path: Path, kind: DrillKind) -> None:
    story = Drilling(tmp_path, kind=kind)
    story.world.environment = replace(STAGING, production=True)
    drill = story.perform()
    assert drill.problem.startswith("drill-in-production: ")
    assert set(states(drill).values()) == {"failed", "skipped"}
    assert not [call for call in story.process.calls if call.startswith(("database.", "sides.", "store.", "cluster."))]


def test_a_drills_run_is_refused_in_production_whoever_asked_for_it(tmp_path: Path) -> None:
    story = Drilling(tmp_path)
    meanwhile = story.world.clock.on_sleep

    def become_production() -> None:
        story.world.environment = replace(STAGING, production=bool(runs(story)))
        meanwhile()

    story.world.clock.on_sleep = become_production
    drill = story.perform()
    assert drill.problem.startswith("drill-run-stopped: ")
    (run,) = runs(story)
    assert run.state is RunState.VOID
    assert run.problem.startswith("drill-in-production: ")
    assert story.sides.exchanges == []


def test_without_a_second_database_there_is_nothing_to_practise(tmp_path: Path) -> None:
    story = Drilling(tmp_path)
    story.world.database.facts = replace(story.world.database.facts, can_create=False)
    assert story.perform().problem.startswith("no-second-database: ")


def test_one_that_is_interrupted_again_and_again_is_given_up(tmp_path: Path) -> None:
    story = Drilling(tmp_path, kind=DrillKind.MIGRATION)
    for _ in range(DrillExecution.max_owners):
        story.take_over()
    for left in (DRILL_ID, f"{DRILL_ID}-alone", f"{DRILL_ID}-chain"):
        story.sides.databases[story.sides.name("side", left)] = ()
    drill = story.perform()
    assert faults_in_any(story, DrillState.FAILED, "drill-given-up: ") == []
    assert states(drill)["cleanup"] == "done"


def test_whoever_was_replaced_stops_without_a_word(tmp_path: Path) -> None:
    story = Drilling(tmp_path, kind=DrillKind.BUNDLE)
    number = story.process.calls
    story.process.after_call[20] = story.take_over
    story.perform()
    assert number
    drill = story.drill()
    assert (drill.state, drill.fencing_token) == (DrillState.RUNNING, 2)
    (left,) = story.world.journal.requests.unfinished(0)
    Operations(story.world.services(Process("the other"))).handle(left.id)
    assert faults_in_passed(story, DrillKind.BUNDLE) == []


def test_an_unknown_drill_is_refused(tmp_path: Path) -> None:
    story = Drilling(tmp_path)
    with pytest.raises(PermanentError, match=r"^unknown-drill: "):
        perform(story.world.services(story.process), "dzzzzz")


def test_one_that_has_ended_is_shown_and_not_done_again(tmp_path: Path) -> None:
    story = Drilling(tmp_path, kind=DrillKind.BUNDLE)
    ended, loads = story.perform(), story.sides.loads
    story.world.announcer.drills.clear()
    perform(story.world.services(story.process), DRILL_ID)
    assert story.world.announcer.drills[DRILL_ID] == [ended]
    assert story.sides.loads == loads


def test_what_another_server_cannot_load_is_not_held_against_the_bundle(tmp_path: Path) -> None:
    story = Drilling(tmp_path, kind=DrillKind.BUNDLE)
    story.sides.load_error = PermanentError("load-failed", "There is no such role.")
    story.perform()
    assert story.prod.backups[0].verified is None
    story = Drilling(tmp_path, kind=DrillKind.BUNDLE)
    story.sides.changed = {SETTINGS: TableContent(SETTINGS, 4)}
    story.perform()
    verified = story.prod.backups[0].verified
    assert verified is not None
    assert (verified.level, verified.problem[:14]) == (3, "bundle-differs")


def test_a_bundle_without_manifest_is_presented_only_where_it_can_be_told(tmp_path: Path) -> None:
    story = Drilling(tmp_path, kind=DrillKind.BUNDLE)
    old = replace(bundle_of("prod"), manifest=None, verified=Verification(3, NOON, schema_version=27))
    story.prod.backups[0] = old
    story.prod.gullible = {Corruption.EDITED, Corruption.SHORTENED}
    drill = story.perform()
    assert drill.state is DrillState.PASSED
    assert "it has no manifest" in drill.step("control").detail


def test_an_up_script_that_is_no_way_back_is_told_and_no_fault(tmp_path: Path) -> None:
    story = Drilling(tmp_path, kind=DrillKind.MIGRATION)
    story.world.scripts.ups[26] = UpScript(26, "026_tracking", ())
    story.script_tests.irreversible = {26: "goes up to another schema: no table public.x"}
    drill = story.perform()
    assert drill.state is DrillState.PASSED
    assert drill.step("alone").detail.endswith(". But 026 goes up to another schema: no table public.x")
    assert {p.version: p.reversible for p in story.world.drills.proofs} == {27: True, 26: False, 25: None}
    assert story.script_tests.compared_privileges is False


def test_a_script_that_is_edited_between_alone_and_chain_is_not_proven(tmp_path: Path) -> None:
    story = Drilling(tmp_path, kind=DrillKind.MIGRATION)
    probe = Drilling(tmp_path, kind=DrillKind.MIGRATION)
    probe.perform()
    number = probe.process.calls.index("trials.alone") + 1
    story.process.after_call[number] = lambda: story.world.scripts.edit(26)
    story.perform()
    assert {proof.version for proof in story.world.drills.proofs} == {27, 25}


def test_an_owner_that_was_replaced_holds_nothing_against_the_bundle(tmp_path: Path) -> None:
    """Its successor has dropped the database that it was loading into, to load it again."""
    drilling = Drilling(tmp_path, kind=DrillKind.BUNDLE)

    def replaced() -> None:
        drilling.take_over()
        drilling.sides.load_error = PermanentError("bundle-unreadable", "The database is gone.")

    drilling.process.before["sides.load"] = [replaced]
    drilling.perform()
    assert drilling.prod.backups[0].verified is None
    assert drilling.drill().state is DrillState.RUNNING
