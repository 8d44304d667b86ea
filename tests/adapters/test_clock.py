"""`bot.adapters.clock`."""

from datetime import UTC, timedelta

from bot.adapters.clock import SystemClock
from bot.ports import Clock


def test_the_clock_tells_aware_utc() -> None:
    clock: Clock = SystemClock()
    first, second = clock.now(), clock.now()
    assert first.tzinfo is UTC
    assert timedelta(0) <= second - first < timedelta(seconds=5)


def test_waiting_waits_and_never_backwards() -> None:
    clock: Clock = SystemClock()
    before = clock.monotonic()
    clock.sleep(0.02)
    clock.sleep(-1)
    assert 0.02 <= clock.monotonic() - before < 10
