"""A check that accepts a corrupted copy fails the drill."""

from dataclasses import replace
from pathlib import Path

from bot.domain.backups import Verification
from bot.domain.drills import Corruption, DrillKind, DrillState
from tests.engine.drills.drill_runs import kill_everywhere
from tests.engine.drills.drill_world import Drilling, accept_corrupted, bundle_of, faults_in_any
from tests.engine.kills import killed_after
from tests.fakes.clock import NOON


@killed_after
def test_a_control_that_passes_is_red_wherever_the_process_dies(tmp_path: Path, *, after: bool) -> None:
    def judge(story: Drilling) -> list[str]:
        return faults_in_any(story, DrillState.FAILED, "control-passed: ")

    assert (
        kill_everywhere(
            tmp_path, DrillKind.BUNDLE, lambda s: accept_corrupted(s, Corruption.EDITED), judge, after=after
        )
        == []
    )


def test_a_bundle_without_manifest_is_presented_only_where_it_can_be_recognised(tmp_path: Path) -> None:
    story = Drilling(tmp_path, kind=DrillKind.BUNDLE)
    old = replace(bundle_of("prod"), manifest=None, verified=Verification(3, NOON, schema_version=27))
    story.prod.backups[0] = old
    story.prod.gullible = {Corruption.EDITED, Corruption.SHORTENED}
    drill = story.perform()
    assert drill.state is DrillState.PASSED
    assert "it has no manifest" in drill.step("control").detail
