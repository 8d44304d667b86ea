"""Messages everyone sees: in order of creation, one writer a channel, never twice."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
from psycopg import Connection
from psycopg.rows import DictRow

from bot.adapters.journal.connections import connection
from bot.adapters.outbox.delivery import Posting, Sharing, Way
from bot.adapters.outbox.rate_limits import Pace
from bot.adapters.outbox.retries import Retries, give_up, outcome_unknown
from bot.adapters.outbox.store import QUERIES, PostgresOutbox, message_of, one
from bot.errors import PermanentError, TemporaryError
from bot.ports import BarredError, Chat, Clock

_GONE = "message-not-found"

_log = logging.getLogger(__name__)


class Channels:
    """Sends posts and edits. Several may be at work, in one process or many."""

    def __init__(self, outbox: PostgresOutbox, chat: Chat, clock: Clock, pace: Pace) -> None:
        self._outbox = outbox
        self._chat = chat
        self._clock = clock
        self._pace = pace
        self._no_edits_until = 0.0
        self._posting, self._sharing = Posting(chat), Sharing(chat)
        self._retries = Retries(pace)
        self._begun = False

    def sweep(self) -> int:
        """Send everything that may go out now; gives how many calls to Slack that took.

        Raises:
            TemporaryError: ``journal-unreachable``.
        """
        with connection(self._outbox.pool) as conn:
            if not self._begun:  # a new token comes with a new process
                one(conn, "try_barred", {})
            busy = [row["channel"] for row in conn.execute(QUERIES["busy_channels"]).fetchall()]
        self._begun = True
        return sum(self._sweep_channel(channel) for channel in busy)

    def _sweep_channel(self, channel: str) -> int:
        sent = 0
        with connection(self._outbox.pool) as conn, _only_writer(conn, channel) as locked:
            while locked and (row := self._next(conn, channel)) is not None:
                self._send(conn, row)
                sent += 1
        return sent

    def _next(self, conn: Connection[DictRow], channel: str) -> DictRow | None:
        values = {
            "channel": channel,
            "may_edit": self._clock.monotonic() >= self._no_edits_until,
            "edit_every_s": self._pace.edit_every_s,
            "stale_after_s": self._pace.stale_after_s,
            "window_s": self._pace.window_s,
            "burst": self._pace.burst,
        }
        row = one(conn, "next_in_channel", values)
        conn.commit()  # no transaction is open while Slack is asked
        return row

    def _send(self, conn: Connection[DictRow], row: DictRow) -> None:
        if row["ts"]:
            self._edit(conn, row)
        else:
            self._say(conn, row, self._sharing if row["attachment_name"] else self._posting)
        conn.commit()

    def _edit(self, conn: Connection[DictRow], row: DictRow) -> None:
        try:
            self._chat.update(message_of(row), row["ts"])
        except TemporaryError as error:
            if error.retry_after_s is not None:  # the limit is the method's, over all messages
                self._no_edits_until = self._clock.monotonic() + error.retry_after_s
            self._retries.put_off(conn, row, error, f"channel {row['channel']}")
        except PermanentError as error:
            if error.reference.endswith(_GONE):
                one(conn, "mark_gone", row)
            else:
                give_up(conn, row, error)
        else:
            one(conn, "mark_edited", row)
            self._retries.admit(f"channel {row['channel']}")

    def _say(self, conn: Connection[DictRow], row: DictRow, way: Way) -> None:
        """Send for the first time, so that a crash at any point neither loses nor doubles it."""
        place = f"{'files in ' if way is self._sharing else ''}channel {row['channel']}"
        sending = row["sending"]  # once something may have arrived, only Slack's yes ends the doubt
        try:
            if sending and self._found(conn, row, way):
                return
            one(conn, "mark_sending", row)
            conn.commit()
            sent = way.send(row)
        except TemporaryError as error:
            self._retries.put_off(conn, row, error, place, uncertain=sending or outcome_unknown(error))
        except PermanentError as error:
            give_up(conn, row, error)
        else:
            one(conn, way.mark, {**row, **sent})
            self._retries.admit(place)

    def _found(self, conn: Connection[DictRow], row: DictRow, way: Way) -> bool:
        """Whether an earlier attempt of unknown outcome did arrive; it is then noted as sent."""
        try:
            found = way.find(row)
        except (BarredError, PermanentError) as error:  # reading may be barred where writing is not
            _log.warning("message %s: cannot look for it: %s; it may appear twice", row["key"], error.reference)
            return False
        if found is None:
            return False
        one(conn, way.mark, {**row, **found, "revision": row["sending_revision"]})
        return True


@contextmanager
def _only_writer(conn: Connection[DictRow], channel: str) -> Iterator[bool]:
    """Hold the channel, if nobody else does; the server lets go of it when this process or its connection dies."""
    row = one(conn, "lock_channel", {"channel": channel})
    conn.commit()
    locked = row is not None and bool(row["locked"])
    try:
        yield locked
    finally:
        if locked:
            with suppress(psycopg.Error):  # a connection that is lost has let go by itself
                conn.rollback()
                one(conn, "unlock_channel", {"channel": channel})
                conn.commit()
