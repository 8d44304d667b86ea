"""What a drill's step is made of."""

from abc import ABC, abstractmethod

from bot.engine.drills.execution import DrillExecution
from bot.engine.runs.steps.step import Outcome


class DrillStep(ABC):
    """A step of a drill. `act` may be repeated after a crash at any point of it, or after a temporary error.

    Attributes:
        key, title: in the checklist.
        needs: keys of the steps without which it makes no sense. It is done even where others have failed; None: it is
            done only where nothing has.
    """

    key: str
    title: str
    needs: tuple[str, ...] | None = None

    @abstractmethod
    def act(self, execution: DrillExecution) -> Outcome:
        """Do it.

        Raises:
            BotError: it failed; the drill is red.
            OwnershipLostError: another process has the drill.
        """
