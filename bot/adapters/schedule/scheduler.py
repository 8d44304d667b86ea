"""Calls the drills' tick every few seconds, in a thread of APScheduler."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from bot.ports import Clock

_log = logging.getLogger(__name__)


class Scheduler:
    """Calls `tick` every few seconds until stopped, never twice at once, and logs what it raises.

    A call that would overlap a slow one is skipped. `tick` returns whether everything could be done.
    """

    def __init__(self, tick: Callable[[], bool], every_s: float, clock: Clock) -> None:
        self._tick = tick
        self._every_s = every_s
        self._clock = clock
        self._ticked_at: datetime | None = None
        self._scheduler = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(1)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone=UTC,
        )

    def start(self) -> None:
        """Start, with a first call at once."""
        # Decision 23: every replica schedules; a drill that fell due while none ran is noticed at boot.
        first = self._clock.now()
        self._scheduler.add_job(self._call, IntervalTrigger(seconds=self._every_s, timezone=UTC), next_run_time=first)
        self._scheduler.start()

    def stop(self) -> None:
        """Stop, and wait for the running call."""
        self._scheduler.shutdown(wait=True)

    def ticked_at(self) -> datetime | None:
        """The end of the last call that could do everything; None before the first."""
        return self._ticked_at

    def _call(self) -> None:
        try:
            if self._tick():
                self._ticked_at = self._clock.now()
        except Exception:  # noqa: BLE001 -- the scheduler must go on; the metric shows that it failed
            _log.exception("the scheduler")
