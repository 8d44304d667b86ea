"""The system's clock: the only place where the time is read."""

import time
from datetime import UTC, datetime


class SystemClock:
    """A `bot.ports.Clock`."""

    def now(self) -> datetime:
        """Tell the time, aware, UTC."""
        return datetime.now(UTC)  # noqa: TID251 -- this is the clock that everyone else takes

    def monotonic(self) -> float:
        """Seconds that never go backwards, from an arbitrary start."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait; not at all for zero or less."""
        time.sleep(max(0.0, seconds))
