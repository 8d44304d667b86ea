"""Cleans up after a drill: scratch databases, downloads, and the database that an undo has put aside."""

from bot.domain.drills import DrillKind
from bot.engine.drills.execution import DrillExecution, DrillStep
from bot.engine.drills.steps import keys
from bot.engine.runs.steps.step import Outcome
from bot.ports import SideFacts


class ClearUp(DrillStep):
    """Done whatever has gone wrong."""

    key = keys.CLEAR
    title = "Drop what the drill has made"
    needs = ()

    def act(self, execution: DrillExecution) -> Outcome:
        """Drop its databases and delete its files; gone already is well.

        Raises:
            BotError: a database could not be dropped.
        """
        execution.clear_scratch()
        mine = [side for side in execution.sides.list() if _is_mine(execution, side)]
        for side in mine:
            execution.sides.drop(side.name)
        execution.audit("drill-databases-dropped", databases=[side.name for side in mine])
        return Outcome(", ".join(side.name for side in mine) + " dropped" if mine else "nothing was left")


def _is_mine(execution: DrillExecution, side: SideFacts) -> bool:
    drill = execution.drill
    if side.kind == "side":
        return side.run_id == drill.id or side.run_id.startswith(f"{drill.id}-")
    # What the undo has put aside is the restored copy, with what was written meanwhile. Where the undo did not come to
    # its end, the database from before is still to be swapped back, and stays as after any other restore.
    if side.kind == "undone" and drill.kind is DrillKind.RESTORE and execution.is_done(keys.UNDO):
        return side.run_id == execution.data(keys.UNDO).get(keys.RUN)
    return False
