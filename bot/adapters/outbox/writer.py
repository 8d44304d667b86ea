"""Sends what is in the outbox, in three threads per process."""

import logging
import threading
from collections.abc import Callable

from bot.adapters.outbox.channels import Channels
from bot.adapters.outbox.ephemerals import Ephemerals, HomeTabPublisher
from bot.adapters.outbox.rate_limits import Pace
from bot.adapters.outbox.store import PostgresOutbox
from bot.errors import BotError
from bot.ports import Chat, Clock

_log = logging.getLogger(__name__)


class Writer:
    """Sends to channels in order and at Slack's pace, to persons at once, and Home tabs separately.

    Decision 17: many Home tabs must not delay a card. Any number of writers, in any number of processes, share one
    outbox.

    Args:
        outbox: has the messages.
        chat: receives them.
        clock: measures Slack's pauses.
        pace: says how fast.
    """

    def __init__(self, outbox: PostgresOutbox, chat: Chat, clock: Clock, pace: Pace | None = None) -> None:
        self._outbox = outbox
        self._pace = pace or Pace()
        self._channels = Channels(outbox, chat, clock, self._pace)
        self._stopping = threading.Event()
        self._woken = (threading.Event(), threading.Event(), threading.Event())
        self._ephemerals = Ephemerals(outbox, chat, self._pace, self._woken[1])
        self._homes = HomeTabPublisher(outbox, chat, clock, self._pace)
        self._threads = [
            threading.Thread(target=self._loop, args=(sweep, woken), name=name, daemon=True)
            for name, sweep, woken in (
                ("outbox-channels", self.sweep_channels, self._woken[0]),
                ("outbox-ephemerals", self.sweep_ephemerals, self._woken[1]),
                ("outbox-homes", self.sweep_homes, self._woken[2]),
            )
        ]

    def start(self) -> None:
        """Start sending, with what a predecessor left first."""
        for event in self._woken:
            self._outbox.listen(event)
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Finish the calls under way; the rest stays in the outbox."""
        self._stopping.set()
        for event in self._woken:
            event.set()
        for thread, event in zip(self._threads, self._woken, strict=True):
            if thread.ident is not None:  # it was started
                thread.join()
                self._outbox.unlisten(event)
        self._ephemerals.stop()

    def sweep_channels(self) -> int:
        """Send now what may go out to channels; returns how many calls to Slack that took."""
        return self._channels.sweep()

    def sweep_ephemerals(self) -> int:
        """Start to send ephemerals that are due; returns how many."""
        return self._ephemerals.sweep()

    def sweep_homes(self) -> int:
        """Publish now the Home tabs that are due; returns how many calls to Slack that took."""
        return self._homes.sweep()

    def _loop(self, sweep: Callable[[], int], woken: threading.Event) -> None:
        while not self._stopping.is_set():
            woken.clear()  # before the sweep: a message put during it sets it again
            try:
                sweep()
            except BotError as error:
                _log.warning("outbox: %s", error.reference)
                self._stopping.wait(1.0)
            except Exception:  # noqa: BLE001 -- a writer that is dead says nothing more; the next sweep may fare better
                _log.exception("outbox")
                self._stopping.wait(1.0)
            woken.wait(self._pace.poll_s)
