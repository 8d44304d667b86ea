"""Time."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Time, and waiting."""

    def now(self) -> datetime:
        """Tell the time, aware, UTC."""

    def monotonic(self) -> float:
        """Seconds that never go backwards, from an arbitrary start."""

    def sleep(self, seconds: float) -> None:
        """Wait."""
