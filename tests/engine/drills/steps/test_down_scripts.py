"""Down scripts run alone and as a chain; what is proven is the script as it was."""

from pathlib import Path

from bot.domain.drills import DrillKind, DrillState
from bot.domain.migrations import UpScript
from tests.engine.drills.drill_world import Drilling


def test_an_up_script_that_is_no_way_back_is_reported_and_no_fault(tmp_path: Path) -> None:
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
    number = probe.process.calls.index("script_tests.alone") + 1
    story.process.after_call[number] = lambda: story.world.scripts.edit(26)
    story.perform()
    assert {proof.version for proof in story.world.drills.proofs} == {27, 25}
