"""Drills that fail: whatever fails, nothing is left."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.backups import TableContent
from bot.domain.drills import Corruption, DrillKind, DrillState
from bot.engine.drills.runner import perform
from bot.errors import PermanentError, TemporaryError
from tests.engine.drills.drill_runs import every_kind
from tests.engine.drills.drill_world import (
    DRILL_ID,
    STAGING,
    Drilling,
    accept_corrupted,
    bundle_of,
    faults_in_any,
    states,
)
from tests.engine.story import traffic_faults
from tests.fakes.database import SETTINGS

Fault = Callable[[Drilling], object]


def stay_away(story: Drilling) -> None:
    story.process.faults["store.fetch_corrupted"] = [TemporaryError("storage-unavailable", "It is away.")] * 9


RED: list[tuple[DrillKind, str, Fault, str]] = [
    *(
        (
            kind,
            f"{corrupt} accepted",
            lambda s, corrupt=corrupt: accept_corrupted(s, corrupt),
            "control-passed: A copy ",
        )
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
        lambda s: setattr(s.world.reader, "problem", "cut short"),
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


@every_kind
def test_production_is_refused_and_not_even_cleaned_up(tmp_path: Path, kind: DrillKind) -> None:
    story = Drilling(tmp_path, kind=kind)
    story.world.environment = replace(STAGING, production=True)
    drill = story.perform()
    assert drill.problem.startswith("drill-in-production: ")
    assert set(states(drill).values()) == {"failed", "skipped"}
    assert not [call for call in story.process.calls if call.startswith(("database.", "sides.", "store.", "cluster."))]


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
