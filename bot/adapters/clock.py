"""Reads the system's clock; no other module does."""

import time
from datetime import UTC, datetime


class SystemClock:
    """Implements `bot.ports.Clock`."""

    def now(self) -> datetime:
        """Return the time, aware, UTC."""
        return datetime.now(UTC)  # noqa: TID251 -- this is the clock that everyone else takes

    def monotonic(self) -> float:
        """Return seconds that never go backwards, from an arbitrary start."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait; not at all for zero or less."""
        time.sleep(max(0.0, seconds))
