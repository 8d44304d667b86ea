"""Nothing of a drill stays: no scratch database, no download, no database that an undo has put aside."""

from bot.domain.drills import DrillKind
from bot.engine.drills.execution import Exercise
from bot.engine.drills.steps import keys
from bot.engine.drills.steps.step import Stage
from bot.engine.runs.steps.step import Outcome
from bot.ports import SideFacts


class ClearUp(Stage):
    """Done whatever has gone wrong."""

    key = keys.CLEAR
    title = "Drop what the drill has made"
    needs = ()

    def act(self, exercise: Exercise) -> Outcome:
        """Drop its databases and delete its files; gone already is well.

        Raises:
            BotError: a database could not be dropped.
        """
        exercise.clear_scratch()
        mine = [side for side in exercise.sides.list() if _is_mine(exercise, side)]
        for side in mine:
            exercise.sides.drop(side.name)
        exercise.audit("drill-databases-dropped", databases=[side.name for side in mine])
        return Outcome(", ".join(side.name for side in mine) + " dropped" if mine else "nothing was left")


def _is_mine(exercise: Exercise, side: SideFacts) -> bool:
    drill = exercise.drill
    if side.kind == "side":
        return side.run_id == drill.id or side.run_id.startswith(f"{drill.id}-")
    # What the undo has put aside is the restored copy, with what was written meanwhile. Where the undo did not come to
    # its end, the database from before is still to be swapped back, and stays as after any other restore.
    if side.kind == "undone" and drill.kind is DrillKind.RESTORE and exercise.is_done(keys.UNDO):
        return side.run_id == exercise.data(keys.UNDO).get(keys.RUN)
    return False
