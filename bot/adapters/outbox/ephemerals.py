"""Messages one person sees: at once, in no order, held up by no channel."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from psycopg import Connection
from psycopg.rows import DictRow

from bot.adapters.journal.connections import connection
from bot.adapters.outbox.rate_limits import Pace
from bot.adapters.outbox.retries import Retries, give_up
from bot.adapters.outbox.store import PostgresOutbox, message_of, one
from bot.errors import BotError, PermanentError, TemporaryError
from bot.ports import Chat

_PLACE = "answers"

_log = logging.getLogger(__name__)


class Ephemerals:
    """Sends ephemeral messages, several side by side; one that hangs holds up nobody else.

    Args:
        outbox: what is wanted.
        chat: where it goes.
        pace: how many at once.
        woken: set whenever there is room for more.
    """

    def __init__(self, outbox: PostgresOutbox, chat: Chat, pace: Pace, woken: threading.Event) -> None:
        self._outbox = outbox
        self._chat = chat
        self._pace = pace
        self._woken = woken
        self._retries = Retries(pace)
        self._executor = ThreadPoolExecutor(pace.ephemerals_at_once, "whisper")
        self._room = threading.Semaphore(pace.ephemerals_at_once)

    def sweep(self) -> int:
        """Begin to send what is due, as far as there is room; gives how many messages that were.

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
        """Wait for what is under way."""
        self._executor.shutdown()

    def _leave(self, _: Future[None]) -> None:
        self._room.release()
        self._woken.set()

    def _claim(self) -> DictRow | None:
        """Take the next message; without one, its room is given back."""
        row = None
        try:
            row = self._outbox.fetch("claim_whisper", {"claim_s": self._pace.ephemeral_claim_s})
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

    def _send(self, row: DictRow) -> Callable[[Connection[DictRow]], object]:
        """Call Slack; gives what is to be noted about it."""
        try:
            self._chat.ephemeral(message_of(row), row["thread_ts"])
        except TemporaryError as error:
            if row["age_s"] > self._pace.ephemeral_late_s:
                late = PermanentError("answer-too-late", "Slack did not take the answer while it was of use.")
                return lambda conn: give_up(conn, row, late)
            failed = error
            return lambda conn: self._retries.put_off(conn, row, failed, _PLACE)
        except PermanentError as error:
            if row["response_url"] and row["user_id"] and row["channel"]:
                _log.info("message %s: %s; an ephemeral in the channel instead", row["key"], error.reference)
                return lambda conn: one(conn, "forget_response_url", row)
            refused = error
            return lambda conn: give_up(conn, row, refused)
        self._retries.admit(_PLACE)
        return lambda conn: one(conn, "mark_whispered", row)
