"""Defines what a step of a run can do: a step of the machine that can also be undone."""

from bot.engine.runs.execution import Execution
from bot.engine.runs.step_machine import MachineStep, Outcome

__all__ = ["UNDO_PATIENCE_S", "Action", "Outcome"]

UNDO_PATIENCE_S = 120.0
"""For how long temporary errors are retried while a run is compensated, in seconds."""


class Action(MachineStep[Execution]):
    """A step of a run.

    Attributes:
        undoes: what `undo` does, announced before it is done; "" where there is nothing to undo.
    """

    patience_s = 60.0
    undoes: str = ""

    def undo(self, execution: Execution) -> str:
        """Put back what `act` may have changed, whole or in part; returns a short line. Called if `undoes` is set."""
        del execution
        return "nothing to put back"
