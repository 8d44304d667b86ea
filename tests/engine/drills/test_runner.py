"""Drills that pass: what they prove and measure, and that nothing is left of them."""

from pathlib import Path

from bot.domain.drills import DrillKind
from tests.engine.drills.drill_runs import every_kind, faults_in_passed
from tests.engine.drills.drill_world import Drilling


@every_kind
def test_a_drill_passes_and_leaves_nothing(tmp_path: Path, kind: DrillKind) -> None:
    story = Drilling(tmp_path, kind=kind)
    story.perform()
    assert faults_in_passed(story, kind) == []
