"""Looks at what may be slow to answer: side by side, and never waited for longer than people wait.

A look that is not back in time goes on in its own thread; until it is, asking for the same thing again begins no other,
so that a database that hangs gathers no crowd of sessions. The adapters' own time limits end it.
"""

import logging
import threading
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar, cast

from bot.errors import BotError, TemporaryError
from bot.ports import Clock

T = TypeVar("T")
KEPT_MOST = 200

_log = logging.getLogger(__name__)


class CachedRead(Generic[T]):
    """One look: under way, or what it saw."""

    def __init__(self, look: Callable[[], T], clock: Clock, keep_s: float) -> None:
        self._look = look
        self._clock = clock
        self._keep_s = keep_s
        self._done = threading.Event()
        self._value: T | None = None
        self._error: BotError | None = None
        self._ended_at = 0.0

    def run(self) -> None:
        """Look; whatever comes of it is kept."""
        try:
            self._value = self._look()
        except BotError as error:
            self._error = error
        except Exception:  # noqa: BLE001 -- whoever waits must hear of it, and not for ever
            _log.exception("a look failed")
            self._error = BotError("internal-error", "Something in Backstop broke.", "The log has the details.")
        finally:
            self._ended_at = self._clock.monotonic()
            self._done.set()

    @property
    def fresh(self) -> bool:
        """Whether it is under way, or saw something not long ago; a failure is never kept."""
        if not self._done.is_set():
            return True
        return self._error is None and self._clock.monotonic() - self._ended_at < self._keep_s

    def wait(self, patience_s: float) -> T:
        """Give what was seen.

        Raises:
            TemporaryError: ``no-answer-in-time``.
            BotError: what the look raised.
        """
        if not self._done.wait(max(0.0, patience_s)):
            raise TemporaryError("no-answer-in-time", "It did not answer in time.", "Try again in a moment.")
        if self._error is not None:
            raise self._error
        return cast("T", self._value)


class CachedReads:
    """Looks by name, kept for a moment."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._kept: dict[Hashable, CachedRead[Any]] = {}
        self._lock = threading.Lock()

    def begin(self, key: Hashable, look: Callable[[], T], keep_s: float) -> CachedRead[T]:
        """Begin to look, unless somebody is looking at that already or did less than `keep_s` ago.

        Args:
            key: what is looked at; the same key must always mean the same kind of look.
            look: raises nothing but `BotError`.
            keep_s: how long what it saw is good enough.
        """
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None and kept.fresh:
                return kept
            cached_read = CachedRead(look, self.clock, keep_s)
            self._forget_old()
            self._kept[key] = cached_read
        threading.Thread(target=cached_read.run, name="glimpse", daemon=True).start()
        return cached_read

    def _forget_old(self) -> None:
        if len(self._kept) >= KEPT_MOST:
            self._kept = {key: cached_read for key, cached_read in self._kept.items() if cached_read.fresh}


class Deadline:
    """How much longer somebody waits, over several looks."""

    def __init__(self, clock: Clock, patience_s: float) -> None:
        self._clock = clock
        self._until = clock.monotonic() + patience_s
        self.problems: list[str] = []

    def demand(self, cached_read: CachedRead[T]) -> T:
        """Wait for a look without which nothing is said.

        Raises:
            TemporaryError: ``no-answer-in-time``.
            BotError: what the look raised.
        """
        return cached_read.wait(self._until - self._clock.monotonic())

    def take(self, cached_read: CachedRead[T], restore_error: str) -> T | None:
        """Wait for a look; where it failed, None, and a sentence in `problems` that begins with `complaint`."""
        try:
            return self.demand(cached_read)
        except BotError as error:
            self.problems.append(f"{restore_error}: {error.reference}: {error.message}")
            return None
