"""Sends what one person sees: ephemeral messages, at once and in no order, and Home tabs."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from psycopg import Connection
from psycopg.rows import DictRow

from bot.adapters.journal.connections import connection
from bot.adapters.outbox.rate_limits import Pace, Retries
from bot.adapters.outbox.signatures import check_row, sign_without_url
from bot.adapters.outbox.store import PostgresOutbox, fetch_one, read_message
from bot.errors import BotError, PermanentError, TemporaryError
from bot.ports import Chat, Clock

_ANSWERS = "answers"
_HOME_TABS = "Home tabs"
_Note = Callable[[Connection[DictRow]], object]
"""Notes the outcome of a call in a transaction."""

_log = logging.getLogger(__name__)


class Ephemerals:
    """Sends ephemeral messages concurrently; one that hangs delays nobody else's.

    Args:
        outbox: has the messages.
        chat: receives them.
        pace: says how many at once.
        woken: set whenever there is room for more.
    """

    def __init__(self, outbox: PostgresOutbox, chat: Chat, pace: Pace, woken: threading.Event) -> None:
        self._outbox = outbox
        self._chat = chat
        self._pace = pace
        self._woken = woken
        self._retries = Retries(pace, outbox.keyring)
        self._executor = ThreadPoolExecutor(pace.ephemerals_at_once, "ephemeral")
        self._room = threading.Semaphore(pace.ephemerals_at_once)

    def sweep(self) -> int:
        """Start to send what is due, as far as there is room; returns how many messages.

        Raises:
            TemporaryError: ``journal-unreachable``.
        """
        begun = 0
        while self._room.acquire(blocking=False):
            row = self._claim()
            if row is None:
                break
            self._executor.submit(self._attempt, row).add_done_callback(self._leave)
            begun += 1
        return begun

    def stop(self) -> None:
        """Wait for calls under way."""
        self._executor.shutdown()

    def _leave(self, _: Future[None]) -> None:
        self._room.release()
        self._woken.set()

    def _claim(self) -> DictRow | None:
        """Take the next message; without one, release its room."""
        row = None
        try:
            row = self._outbox.fetch("claim_ephemeral", {"claim_s": self._pace.ephemeral_claim_s})
        finally:
            if row is None:
                self._room.release()
        return row

    def _attempt(self, row: DictRow) -> None:
        note = self._send(row)
        try:
            with connection(self._outbox.pool) as conn:
                note(conn)
        except BotError as error:
            _log.warning("message %s: its outcome could not be noted: %s", row["key"], error.reference)

    def _send(self, row: DictRow) -> _Note:
        try:
            check_row(self._outbox.keyring, row)
            self._chat.ephemeral(read_message(row), row["thread_ts"])
        except TemporaryError as error:
            if row["age_s"] > self._pace.ephemeral_late_s:
                late = PermanentError("answer-too-late", "Slack did not take the answer while it was of use.")
                return lambda conn: self._retries.give_up(conn, row, late)
            failed = error
            return lambda conn: self._retries.delay(conn, row, failed, _ANSWERS)
        except PermanentError as error:
            # A response_url works five times within 30 minutes; the channel still does afterwards.
            forged = error.reference == "forged-message"
            if not forged and row["response_url"] and row["user_id"] and row["channel"]:
                _log.info("message %s: %s; an ephemeral in the channel instead", row["key"], error.reference)
                values = {**row, "signature": sign_without_url(self._outbox.keyring, row)}
                return lambda conn: fetch_one(conn, "forget_response_url", values)
            refused = error
            return lambda conn: self._retries.give_up(conn, row, refused)
        self._retries.admit(_ANSWERS)
        return lambda conn: fetch_one(conn, "mark_ephemeral_shown", row)


class HomeTabPublisher:
    """Publishes Home tabs one after the other. Publishing is idempotent, so an unknown outcome does no harm.

    Args:
        outbox: has the tabs.
        chat: receives them.
        clock: measures Slack's pauses.
        pace: a tab is set no more often than a message is edited.
    """

    def __init__(self, outbox: PostgresOutbox, chat: Chat, clock: Clock, pace: Pace) -> None:
        self._outbox = outbox
        self._chat = chat
        self._clock = clock
        self._pace = pace
        self._silent_until = 0.0
        self._retries = Retries(pace, outbox.keyring)

    def sweep(self) -> int:
        """Publish what is due; returns how many calls to Slack that took.

        Raises:
            TemporaryError: ``journal-unreachable``.
        """
        calls = 0
        while self._clock.monotonic() >= self._silent_until:
            row = self._outbox.fetch("claim_home", {"claim_s": self._pace.ephemeral_claim_s})
            if row is None:
                break
            note = self._publish(row)
            with connection(self._outbox.pool) as conn:
                note(conn)
            calls += 1
        return calls

    def _publish(self, row: DictRow) -> _Note:
        try:
            check_row(self._outbox.keyring, row)
            self._chat.publish_home(row["channel"], row["blocks"])
        except TemporaryError as error:
            if error.retry_after_s is not None:  # the limit is the method's, over all people
                self._silent_until = self._clock.monotonic() + self._pace.delay_s(row["attempts"], error)
            failed = error
            return lambda conn: self._retries.delay(conn, row, failed, _HOME_TABS)
        except PermanentError as error:
            refused = error
            return lambda conn: self._retries.give_up(conn, row, refused)
        self._retries.admit(_HOME_TABS)
        return lambda conn: fetch_one(conn, "mark_published", {**row, "edit_every_s": self._pace.edit_every_s})
