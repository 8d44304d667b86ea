"""A restored copy is compared; the environment gets its own database back."""

from dataclasses import replace
from pathlib import Path

from bot.domain.backups import TableContent
from bot.domain.drills import DrillKind, DrillState
from tests.engine.drills.drill_runs import kill_everywhere
from tests.engine.drills.drill_world import Drilling, faults_in_any, states
from tests.engine.kills import killed_after
from tests.engine.runs.restoring import faults_of
from tests.fakes.database import SETTINGS


def differ(story: Drilling) -> None:
    story.sides.changed_live = {SETTINGS: TableContent(SETTINGS, 4)}


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


def test_without_a_second_database_there_is_nothing_to_practise(tmp_path: Path) -> None:
    story = Drilling(tmp_path)
    story.world.database.facts = replace(story.world.database.facts, can_create=False)
    assert story.perform().problem.startswith("no-second-database: ")
