"""The clockwork: calls again and again, survives what it calls, ends when told."""

import logging
import threading
import time
from collections.abc import Callable

import pytest

from bot.adapters.clock import SystemClock
from bot.adapters.schedule.scheduler import Scheduler


def counting(calls: list[float], *, done: bool) -> Callable[[], bool]:
    def call() -> bool:
        calls.append(time.monotonic())
        return done

    return call


def wait_for(calls: list[float], number: int) -> None:
    deadline = time.monotonic() + 10
    while len(calls) < number:
        assert time.monotonic() < deadline, f"only {len(calls)} calls"
        time.sleep(0.01)


def test_it_calls_at_once_and_again_until_it_is_stopped() -> None:
    calls: list[float] = []
    scheduler = Scheduler(counting(calls, done=True), 0.1, SystemClock())
    assert scheduler.ticked_at() is None
    scheduler.start()
    wait_for(calls, 3)
    scheduler.stop()
    ticked_at, made = scheduler.ticked_at(), len(calls)
    assert ticked_at is not None
    assert abs((SystemClock().now() - ticked_at).total_seconds()) < 10
    time.sleep(0.3)
    assert len(calls) == made
    assert not [thread for thread in threading.enumerate() if "APScheduler" in thread.name]


def test_an_error_is_logged_and_the_next_call_comes(caplog: pytest.LogCaptureFixture) -> None:
    calls: list[float] = []

    def fails() -> bool:
        calls.append(0.0)
        raise ValueError("broken")

    scheduler = Scheduler(fails, 0.1, SystemClock())
    with caplog.at_level(logging.ERROR):
        scheduler.start()
        wait_for(calls, 3)
        scheduler.stop()
    assert "ValueError: broken" in caplog.text
    assert scheduler.ticked_at() is None


def test_a_call_that_could_not_do_everything_is_no_tick() -> None:
    calls: list[float] = []
    scheduler = Scheduler(counting(calls, done=False), 0.1, SystemClock())
    scheduler.start()
    wait_for(calls, 2)
    scheduler.stop()
    assert scheduler.ticked_at() is None


def test_a_slow_call_is_never_overtaken() -> None:
    under_way, most = [0], [0]
    calls: list[float] = []

    def slow() -> bool:
        under_way[0] += 1
        most[0] = max(most[0], under_way[0])
        time.sleep(0.25)
        under_way[0] -= 1
        calls.append(0.0)
        return True

    scheduler = Scheduler(slow, 0.05, SystemClock())
    scheduler.start()
    wait_for(calls, 3)
    scheduler.stop()
    assert most == [1]
    assert under_way == [0], "stopping waits for the call under way"
