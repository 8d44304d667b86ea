"""What a step is made of."""

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
    """How a step ended: a short line for people, and what to remember (None: what it remembers already)."""

    detail: str
    data: Mapping[str, Any] | None = None
    state: StepState = StepState.DONE


class Action(ABC):
    """A step. `act` may be repeated after a crash at any point of it, or after a temporary error.

    Attributes:
        key: of the checklist.
        patience_s: for how long temporary errors are retried, in seconds.
        undoes: what `undo` does, said before it is done; "" where there is nothing to undo.
    """

    key: str
    patience_s: float = 60.0
    undoes: str = ""

    def probe(self, execution: Execution) -> Outcome | None:
        """Say the outcome if it is already so, from the world and not from memory; None to act."""
        del execution
        return None

    def patience(self, execution: Execution) -> float:
        """For how many seconds temporary errors are retried here."""
        del execution
        return self.patience_s

    @abstractmethod
    def act(self, execution: Execution) -> Outcome:
        """Make it so.

        Raises:
            BotError: it cannot be made so.
            DetourError: see `detours`.
        """

    def undo(self, execution: Execution) -> str:
        """Put back what `act` may have changed, whole or in part; gives a short line. Asked where `undoes` is set."""
        del execution
        return "nothing to put back"
