"""A clock that advances when somebody sleeps."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class FakeClock:
    """A `bot.ports.Clock`; `on_sleep` is what others do meanwhile."""

    def __init__(self) -> None:
        self.elapsed_s = 0.0
        self.on_sleep: Callable[[], object] = lambda: None

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.elapsed_s)

    def monotonic(self) -> float:
        return 1000.0 + self.elapsed_s

    def sleep(self, seconds: float) -> None:
        self.elapsed_s += seconds
        self.on_sleep()
