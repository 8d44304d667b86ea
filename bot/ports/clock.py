"""Declares the port that tells the time."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Time, and waiting."""

    def now(self) -> datetime:
        """Return the time, aware, in UTC."""

    def monotonic(self) -> float:
        """Return seconds that never go backwards, from an arbitrary start."""

    def sleep(self, seconds: float) -> None:
        """Wait."""
