"""Plays users of the app while something happens to it, and measures their waits."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from types import TracebackType
from typing import LiteralString, Self

import psycopg

from bot.adapters.clock import SystemClock
from bot.sandbox.story import Story

EVERY_S = 0.02
PROBE_EVERY_S = 0.005
KEPT_OUT_S = 5.0
"""Longest time a swap keeps people out, even on a busy machine. The bench measures a quiet one."""

_CLOCK = SystemClock()


class Loop(ABC):
    """Repeats an action in a thread, and keeps the times of its successes."""

    def __init__(self, name: str, every_s: float) -> None:
        self.times: list[datetime] = []
        self._every_s = every_s
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for the last one. Can be called twice."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(self._every_s):
            if self._do():
                self.times.append(_CLOCK.now())

    @abstractmethod
    def _do(self) -> bool:
        """Do it once, and tell whether it succeeded."""

    @property
    def longest_gap_s(self) -> float:
        """Return the longest time between two successes."""
        pairs = zip(self.times, self.times[1:], strict=False)
        return max(((after - before).total_seconds() for before, after in pairs), default=0.0)

    def successes(self, since: datetime, until: datetime | None) -> int:
        """Count the successes in a period."""
        return sum(since <= at and (until is None or at <= until) for at in self.times)


class Prober(Loop):
    """Asks the database itself, as the app's role, with a new session whenever the old one is cut."""

    def __init__(self, dsn: str, query: LiteralString = "SELECT count(*) FROM clinics") -> None:
        super().__init__("prober", PROBE_EVERY_S)
        self._dsn = dsn
        self._query = query
        self._conn: psycopg.Connection | None = None

    def stop(self) -> None:
        """End, and close the session."""
        super().stop()
        if self._conn is not None:
            self._conn.close()

    def _do(self) -> bool:
        try:
            if self._conn is None:
                self._conn = psycopg.connect(self._dsn, autocommit=True, connect_timeout=5)
            self._conn.execute(self._query)
        except psycopg.Error:
            if self._conn is not None:
                with suppress(psycopg.Error):
                    self._conn.close()
            self._conn = None
            return False
        return True


class Crowd:
    """Several at once; a context that ends with them."""

    def __init__(self, probers: Sequence[Prober]) -> None:
        self.probers = probers

    def __enter__(self) -> Self:
        for prober in self.probers:
            prober.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for prober in self.probers:
            prober.stop()

    @property
    def longest_gap_s(self) -> float:
        """The longest any of them was without an answer."""
        return max(prober.longest_gap_s for prober in self.probers)


class Booker(Loop):
    """Books appointments through the app's Service; a context that ends with the booking."""

    def __init__(self, story: Story) -> None:
        super().__init__("booker", EVERY_S)
        self._story = story
        self.prober = Prober(story.sandbox.sample.app_dsns[story.environment])

    def __enter__(self) -> Self:
        self.start()
        self.prober.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self.prober.stop()

    def _do(self) -> bool:
        where = self._story.namespace, "physioflow-api"
        status = self._story.sandbox.cluster.through_service(*where, "POST", "/api/appointments", b"{}")[0]
        return 200 <= status < 300  # noqa: PLR2004 -- HTTP's own numbers

    def wait_more(self, number: int) -> None:
        """Wait until so many more have been booked."""
        wanted = len(self.times) + number
        self._story.wait(lambda: len(self.times) >= wanted, f"{number} bookings", 30.0)
