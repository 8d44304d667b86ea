"""A drill that is interrupted again and again is given up; who was replaced stops."""

from pathlib import Path

from bot.domain.drills import DrillKind, DrillState
from bot.engine.drills.execution import DrillExecution
from bot.engine.operations import Operations
from tests.engine.drills.drill_runs import faults_in_passed
from tests.engine.drills.drill_world import DRILL_ID, Drilling, faults_in_any, states
from tests.fakes.process import Process


def test_one_that_is_interrupted_again_and_again_is_given_up(tmp_path: Path) -> None:
    story = Drilling(tmp_path, kind=DrillKind.MIGRATION)
    for _ in range(DrillExecution.max_owners):
        story.take_over()
    for left in (DRILL_ID, f"{DRILL_ID}-alone", f"{DRILL_ID}-chain"):
        story.sides.databases[story.sides.name("side", left)] = ()
    drill = story.perform()
    assert faults_in_any(story, DrillState.FAILED, "drill-given-up: ") == []
    assert states(drill)["cleanup"] == "done"


def test_a_replaced_owner_stops_without_a_word(tmp_path: Path) -> None:
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
