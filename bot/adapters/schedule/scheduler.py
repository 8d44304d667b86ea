"""The clockwork behind drills: APScheduler calls the tick, again and again, in a thread of its own."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from bot.ports import Clock

_log = logging.getLogger(__name__)


class Scheduler:
    """Calls something every few seconds until stopped, never twice at once. What it raises is logged, and no more.

    Args:
        tick: called; gives whether all of it could be done.
        every_s: between the begins of two calls; those that a slow call overlaps are left out.
        clock: tells when.
    """

    def __init__(self, tick: Callable[[], bool], every_s: float, clock: Clock) -> None:
        self._tick = tick
        self._every_s = every_s
        self._clock = clock
        self._ticked_at: datetime | None = None
        self._clockwork = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(1)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone=UTC,
        )

    def start(self) -> None:
        """Begin with a call at once: what was due while nobody was there is noticed at boot."""
        first = self._clock.now()
        self._clockwork.add_job(self._call, IntervalTrigger(seconds=self._every_s, timezone=UTC), next_run_time=first)
        self._clockwork.start()

    def stop(self) -> None:
        """Stop, and wait for the call under way."""
        self._clockwork.shutdown(wait=True)

    def ticked_at(self) -> datetime | None:
        """When the last call that could do everything ended; None: there was none yet."""
        return self._ticked_at

    def _call(self) -> None:
        try:
            if self._tick():
                self._ticked_at = self._clock.now()
        except Exception:  # noqa: BLE001 -- a dead scheduler helps nobody; the metric tells
            _log.exception("the scheduler")
