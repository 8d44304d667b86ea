"""Sends what everyone in a channel sees: in order of creation, by one writer per channel, never twice."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import PurePath
from typing import Any, Protocol

import psycopg
from psycopg import Connection
from psycopg.rows import DictRow

from bot.adapters.journal.connections import connection
from bot.adapters.outbox.rate_limits import Pace, Retries, is_outcome_unknown
from bot.adapters.outbox.signatures import check_row, is_posted_there, sign_posted
from bot.adapters.outbox.store import QUERIES, PostgresOutbox, fetch_one, read_message
from bot.errors import PermanentError, TemporaryError
from bot.ports import BarredError, Chat, Clock

_GONE = "message-not-found"

_log = logging.getLogger(__name__)


class _Delivery(Protocol):
    """Sends a row of the outbox for the first time, and finds it in the channel.

    Attributes:
        mark: the query that notes it as sent, with what `send` or `find` returned.
    """

    mark: str

    def find(self, row: DictRow) -> Mapping[str, Any] | None:
        """Look for an earlier attempt; None when it is not there."""

    def send(self, row: DictRow) -> Mapping[str, Any]:
        """Send it."""


class _Posting:
    """Delivers messages."""

    mark = "mark_posted"

    def __init__(self, chat: Chat) -> None:
        self._chat = chat

    def find(self, row: DictRow) -> Mapping[str, Any] | None:
        """Find it by its key."""
        ts = self._chat.find_posted(row["channel"], row["thread_ts"], row["key"])
        return None if ts is None else {"ts": ts}

    def send(self, row: DictRow) -> Mapping[str, Any]:
        """Post it."""
        return {"ts": self._chat.post(read_message(row), row["thread_ts"])}


class _Sharing:
    """Delivers files. Slack returns no address of a file, and shows it a moment after it has taken it.

    Each revision is a file with a name of its own, so that a file that is found has this very content.
    """

    mark = "mark_shared"

    def __init__(self, chat: Chat) -> None:
        self._chat = chat

    def find(self, row: DictRow) -> Mapping[str, Any] | None:
        """Find it by its name."""
        name = _file_name(row["attachment_name"], row["sending_revision"])
        return {} if self._chat.find_file(row["channel"], row["thread_ts"], name) else None

    def send(self, row: DictRow) -> Mapping[str, Any]:
        """Upload it."""
        self._chat.upload(read_message(row), row["thread_ts"], _file_name(row["attachment_name"], row["revision"]))
        return {}


def _file_name(name: str, revision: int) -> str:
    """Return ``report.html``, then ``report-2.html`` and so on."""
    path = PurePath(name)
    return name if revision == 1 else f"{path.stem}-{revision}{path.suffix}"


class Channels:
    """Sends posts and edits; any number of writers, in one process or many, share the channels."""

    def __init__(self, outbox: PostgresOutbox, chat: Chat, clock: Clock, pace: Pace) -> None:
        self._outbox = outbox
        self._chat = chat
        self._clock = clock
        self._pace = pace
        self._no_edits_until = 0.0
        self._posting, self._sharing = _Posting(chat), _Sharing(chat)
        self._retries = Retries(pace, outbox.keyring)
        self._begun = False

    def sweep(self) -> int:
        """Send everything that may go out now; returns how many calls to Slack that took.

        Raises:
            TemporaryError: ``journal-unreachable``.
        """
        with connection(self._outbox.pool) as conn:
            if not self._begun:  # a new token comes with a new process
                fetch_one(conn, "try_barred", {})
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
        row = fetch_one(conn, "next_in_channel", values)
        conn.commit()  # no transaction stays open during a call to Slack
        return row

    def _send(self, conn: Connection[DictRow], row: DictRow) -> None:
        try:
            check_row(self._outbox.keyring, row)
        except PermanentError as error:
            self._retries.give_up(conn, row, error)
            conn.commit()
            return
        if row["ts"] and not is_posted_there(self._outbox.keyring, row):
            # An earlier version posted it, or somebody points it at another message: edited, that would say this.
            _log.warning("message %s: it is not known where it is; it is posted again", row["key"])
            fetch_one(conn, "mark_gone", row)
        elif row["ts"]:
            self._edit(conn, row)
        else:
            self._send_first(conn, row, self._sharing if row["attachment_name"] else self._posting)
        conn.commit()

    def _edit(self, conn: Connection[DictRow], row: DictRow) -> None:
        try:
            self._chat.update(read_message(row), row["ts"])
        except TemporaryError as error:
            if error.retry_after_s is not None:  # the limit is the method's, over all messages
                self._no_edits_until = self._clock.monotonic() + error.retry_after_s
            self._retries.delay(conn, row, error, f"channel {row['channel']}")
        except PermanentError as error:
            if error.reference.endswith(_GONE):
                fetch_one(conn, "mark_gone", row)  # somebody deleted it: it is posted again
            else:
                self._retries.give_up(conn, row, error)
        else:
            fetch_one(conn, "mark_edited", row)
            self._retries.admit(f"channel {row['channel']}")

    def _send_first(self, conn: Connection[DictRow], row: DictRow, delivery: _Delivery) -> None:
        """Send for the first time; a crash at any point neither loses nor doubles it."""
        place = f"{'files in ' if delivery is self._sharing else ''}channel {row['channel']}"
        sending = row["sending"]  # once something may have arrived, only Slack's yes ends the doubt
        try:
            if sending and self._found(conn, row, delivery):
                return
            fetch_one(conn, "mark_sending", row)
            conn.commit()  # before the call: after a crash it must be known that the message may have arrived
            sent = delivery.send(row)
        except TemporaryError as error:
            self._retries.delay(conn, row, error, place, uncertain=sending or is_outcome_unknown(error))
        except PermanentError as error:
            self._retries.give_up(conn, row, error)
        else:
            self._mark(conn, row, delivery, sent)
            self._retries.admit(place)

    def _found(self, conn: Connection[DictRow], row: DictRow, delivery: _Delivery) -> bool:
        """Return whether an earlier attempt of unknown outcome arrived; it is then noted as sent."""
        try:
            found = delivery.find(row)
        except (BarredError, PermanentError) as error:  # reading may be barred where writing is not
            _log.warning("message %s: cannot look for it: %s; it may appear twice", row["key"], error.reference)
            return False
        if found is None:
            return False
        self._mark(conn, row, delivery, {**found, "revision": row["sending_revision"]})
        return True

    def _mark(self, conn: Connection[DictRow], row: DictRow, delivery: _Delivery, sent: Mapping[str, Any]) -> None:
        signature = sign_posted(self._outbox.keyring, row, str(sent.get("ts", "")))
        fetch_one(conn, delivery.mark, {**row, "posted_signature": signature, **sent})


@contextmanager
def _only_writer(conn: Connection[DictRow], channel: str) -> Iterator[bool]:
    """Lock the channel if it is free; the server unlocks it when this process or its connection dies."""
    row = fetch_one(conn, "lock_channel", {"channel": channel})
    conn.commit()
    locked = row is not None and bool(row["locked"])
    try:
        yield locked
    finally:
        if locked:
            with suppress(psycopg.Error):  # a connection that is lost has let go by itself
                conn.rollback()
                fetch_one(conn, "unlock_channel", {"channel": channel})
                conn.commit()
