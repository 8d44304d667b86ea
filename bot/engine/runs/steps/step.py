"""Defines a step: act, probe, and undo (its compensation)."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.domain.runs import StepState
from bot.engine.runs.execution import Execution

UNDO_PATIENCE_S = 120.0
"""For how long temporary errors are retried while a run is compensated, in seconds."""


@dataclass(frozen=True)
class Outcome:
    """The end of a step: a short line for people, and data to remember (None keeps what it remembers already)."""

    detail: str
    data: Mapping[str, Any] | None = None
    state: StepState = StepState.DONE


class Action(ABC):
    """A step. `act` may be repeated after a crash at any point of it, or after a temporary error.

    Attributes:
        key: of the checklist.
        patience_s: seconds for which temporary errors are retried.
        undoes: what `undo` does, as a clause; "" where there is nothing to undo.
    """

    key: str
    patience_s: float = 60.0
    undoes: str = ""

    def probe(self, execution: Execution) -> Outcome | None:
        """Return the outcome if the world shows that it is done already; None to act."""
        del execution
        return None

    def patience(self, execution: Execution) -> float:
        """Return the seconds for which temporary errors are retried here."""
        del execution
        return self.patience_s

    @abstractmethod
    def act(self, execution: Execution) -> Outcome:
        """Do it. Idempotent: a successor does it again.

        Raises:
            BotError: it cannot be done.
            RunInterrupt: see `interrupts`.
        """

    def undo(self, execution: Execution) -> str:
        """Put back what `act` may have changed, whole or in part; return a short line. Used where `undoes` is set."""
        del execution
        return "nothing to put back"
