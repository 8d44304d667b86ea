"""Looks that may be slow: begun once, kept for a moment, never waited for longer than asked."""

import threading
import time

import pytest

from bot.engine.status.cached_reads import MAX_KEPT, CachedReads, Deadline
from bot.errors import BotError, PermanentError, TemporaryError
from tests.fakes.clock import FakeClock

SOON_S = 20.0


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def cached_reads(clock: FakeClock) -> CachedReads:
    return CachedReads(clock)


class Counted:
    """A look that counts, and that can be made to hang."""

    def __init__(self) -> None:
        self.looks = 0
        self.released = threading.Event()
        self.released.set()

    def __call__(self) -> int:
        self.looks += 1
        assert self.released.wait(SOON_S)
        return self.looks


def test_what_was_seen_is_kept_for_its_time(cached_reads: CachedReads, clock: FakeClock) -> None:
    look = Counted()
    assert cached_reads.begin("a", look, 5.0).wait(SOON_S) == 1
    clock.sleep(4.9)
    assert cached_reads.begin("a", look, 5.0).wait(SOON_S) == 1
    assert cached_reads.begin("b", look, 5.0).wait(SOON_S) == 2
    clock.sleep(0.2)
    assert cached_reads.begin("a", look, 5.0).wait(SOON_S) == 3


def test_what_hangs_is_left_after_its_time_and_not_asked_again(cached_reads: CachedReads) -> None:
    look = Counted()
    look.released.clear()
    began_s = time.monotonic()
    for _ in range(3):
        with pytest.raises(TemporaryError, match="no-answer-in-time"):
            cached_reads.begin("a", look, 0.0).wait(0.05)
    assert time.monotonic() - began_s < SOON_S
    assert look.looks == 1
    look.released.set()
    assert cached_reads.begin("a", look, 60.0).wait(SOON_S) == 1


@pytest.mark.parametrize(
    ("failure", "reference"),
    [(PermanentError("no-such-bucket", "Gone."), "no-such-bucket"), (ValueError("dsn"), "internal-error")],
)
def test_a_failure_is_reported_and_not_kept(cached_reads: CachedReads, failure: Exception, reference: str) -> None:
    failures = [failure]

    def look() -> str:
        if failures:
            raise failures.pop()
        return "seen"

    with pytest.raises(BotError, match=reference) as refused:
        cached_reads.begin("a", look, 60.0).wait(SOON_S)
    assert "dsn" not in str(refused.value)
    assert cached_reads.begin("a", look, 60.0).wait(SOON_S) == "seen"


def test_a_patience_is_shared_and_says_what_is_missing(cached_reads: CachedReads, clock: FakeClock) -> None:
    slow, quick = Counted(), Counted()
    slow.released.clear()
    patience = Deadline(clock, 0.05)
    assert patience.take(cached_reads.begin("slow", slow, 0.0), "The bucket cannot be listed") is None
    clock.sleep(1.0)  # the time is up; what has been seen by then still counts
    assert cached_reads.begin("quick", quick, 60.0).wait(SOON_S) == 1
    assert patience.take(cached_reads.begin("quick", quick, 60.0), "Never") == 1
    assert patience.problems == ["The bucket cannot be listed: no-answer-in-time: It did not answer in time."]
    slow.released.set()


def test_old_looks_are_forgotten(cached_reads: CachedReads) -> None:
    for number in range(MAX_KEPT * 2):
        cached_reads.begin(number, lambda: 1, 0.0).wait(SOON_S)
    assert len(cached_reads._kept) <= MAX_KEPT
