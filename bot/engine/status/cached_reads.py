"""Runs slow reads concurrently, with a deadline and a short cache.

A read that misses its deadline continues in its own thread, and the same read is not started again until it ends: a
hanging database must not collect sessions. The adapters' own timeouts end it.
"""

import logging
import threading
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar, cast

from bot.errors import BotError, TemporaryError
from bot.ports import Clock

T = TypeVar("T")
MAX_KEPT = 200

_log = logging.getLogger(__name__)


class CachedRead(Generic[T]):
    """A read, running or ended."""

    def __init__(self, read: Callable[[], T], clock: Clock, keep_s: float) -> None:
        self._read = read
        self._clock = clock
        self._keep_s = keep_s
        self._done = threading.Event()
        self._value: T | None = None
        self._error: BotError | None = None
        self._ended_at = 0.0

    def run(self) -> None:
        """Read, and keep the result or the error."""
        try:
            self._value = self._read()
        except BotError as error:
            self._error = error
        except Exception:  # noqa: BLE001 -- a waiting person must hear of it instead of waiting for ever
            _log.exception("a read failed")
            self._error = BotError("internal-error", "Something in Backstop broke.", "The log has the details.")
        finally:
            self._ended_at = self._clock.monotonic()
            self._done.set()

    @property
    def fresh(self) -> bool:
        """Return whether it is running, or succeeded less than `keep_s` ago; a failure is never cached."""
        if not self._done.is_set():
            return True
        return self._error is None and self._clock.monotonic() - self._ended_at < self._keep_s

    def wait(self, timeout_s: float) -> T:
        """Wait for the result.

        Raises:
            TemporaryError: ``no-answer-in-time``.
            BotError: raised by the read.
        """
        if not self._done.wait(max(0.0, timeout_s)):
            raise TemporaryError("no-answer-in-time", "It did not answer in time.", "Try again in a moment.")
        if self._error is not None:
            raise self._error
        return cast("T", self._value)


class CachedReads:
    """Caches reads by name for a moment."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._kept: dict[Hashable, CachedRead[Any]] = {}
        self._lock = threading.Lock()

    def begin(self, key: Hashable, read: Callable[[], T], keep_s: float) -> CachedRead[T]:
        """Start a read, unless the same one is running or ended less than `keep_s` ago.

        Args:
            key: names the read; the same key always means the same read.
            read: raises nothing but `BotError`.
            keep_s: for how long its result is good enough.
        """
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None and kept.fresh:
                return kept
            cached_read = CachedRead(read, self.clock, keep_s)
            self._forget_old()  # keys hold what people typed, so their number has no natural limit
            self._kept[key] = cached_read
        # A thread each: a pool would let hanging reads take the places of healthy ones.
        threading.Thread(target=cached_read.run, name="cached-read", daemon=True).start()
        return cached_read

    def _forget_old(self) -> None:
        if len(self._kept) >= MAX_KEPT:
            self._kept = {key: cached_read for key, cached_read in self._kept.items() if cached_read.fresh}


class Deadline:
    """Limits how long several reads together may take.

    Attributes:
        problems: a sentence per read that `take` did not get.
    """

    def __init__(self, clock: Clock, timeout_s: float) -> None:
        self._clock = clock
        self._until = clock.monotonic() + timeout_s
        self.problems: list[str] = []

    def demand(self, cached_read: CachedRead[T]) -> T:
        """Wait for a required read.

        Raises:
            TemporaryError: ``no-answer-in-time``.
            BotError: raised by the read.
        """
        return cached_read.wait(self._until - self._clock.monotonic())

    def take(self, cached_read: CachedRead[T], sentence: str) -> T | None:
        """Wait for an optional read; None where it failed, and then `problems` has a sentence beginning with that."""
        try:
            return self.demand(cached_read)
        except BotError as error:
            self.problems.append(f"{sentence}: {error.reference}: {error.message}")
            return None
