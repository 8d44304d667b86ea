"""Stores messages on their way to chat in the outbox's table."""

import hashlib
import json
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import Connection
from psycopg.rows import DictRow

from bot.adapters.journal.connections import Pool, connection
from bot.adapters.named_queries import load
from bot.adapters.outbox.signatures import is_posted_there, sign_row
from bot.domain.signing import Keyring
from bot.ports import Attachment, Backlog, Message, Posted

QUERIES = load("sql.journal", "outbox.sql")
FORGET_BATCH = 500


class PostgresOutbox:
    """Implements `bot.ports.Outbox` in the state database; a `Writer` sends the messages.

    Args:
        pool: see `bot.adapters.journal.open_pool`.
        keyring: signs each message, so that nobody else can make the bot speak.
    """

    def __init__(self, pool: Pool, keyring: Keyring) -> None:
        self.pool = pool
        self.keyring = keyring
        self._listeners: list[threading.Event] = []

    def put(self, message: Message) -> None:
        """Request that the message looks like this (decision 5). A message that was sent is edited.

        Channel, thread and run stay those of the first request.

        Raises:
            TemporaryError: ``journal-unreachable``.
        """
        row = _row(message)
        signed = sign_row(self.keyring, row, _blocks(message))
        if self.fetch("put", row | signed) is not None:  # None: it looks like this already
            for event in tuple(self._listeners):
                event.set()

    def posted(self, channel: str, ts: str) -> Posted | None:
        """Find the message of ours with that address; None if it is not ours.

        Only what this bot noted when Slack had taken the message counts: a reaction is a vote for what it was put on.
        """
        with connection(self.pool) as conn:
            rows = conn.execute(QUERIES["posted"], {"channel": channel, "ts": ts}).fetchall()
        genuine = (row for row in rows if is_posted_there(self.keyring, row))
        return next((Posted(row["key"], row["run_id"], row["channel"], row["ts"]) for row in genuine), None)

    def backlog(self) -> Sequence[Backlog]:
        """Count what has not gone out, per kind of receiver.

        Raises:
            TemporaryError: ``journal-unreachable``.
        """
        with connection(self.pool) as conn:
            rows = conn.execute(QUERIES["backlog"]).fetchall()
        return [Backlog(row["receiver"], row["waiting"], row["given_up"]) for row in rows]

    def forget_ephemerals(self, older_than_s: float) -> int:
        """Delete old ephemerals, one transaction per batch; returns how many."""
        total = 0
        while True:  # in batches: a long delete would hold locks that writers wait for
            row = self.fetch("forget_ephemerals", {"older_than_s": older_than_s, "limit": FORGET_BATCH})
            gone = int(row["gone"]) if row else 0
            total += gone
            if gone < FORGET_BATCH:
                return total

    def listen(self, event: threading.Event) -> None:
        """Set `event` whenever this process puts something new."""
        self._listeners.append(event)

    def unlisten(self, event: threading.Event) -> None:
        """Stop setting `event`."""
        self._listeners.remove(event)

    def fetch(self, query: str, values: Mapping[str, Any]) -> DictRow | None:
        """Run one of the outbox's queries in a transaction of its own; returns the first row."""
        with connection(self.pool) as conn:
            return fetch_one(conn, query, values)


def fetch_one(conn: Connection[DictRow], query: str, values: Mapping[str, Any]) -> DictRow | None:
    """Run a query; returns the first row, None without rows."""
    cursor = conn.execute(QUERIES[query], values)
    return cursor.fetchone() if cursor.description else None


def read_message(row: DictRow) -> Message:
    """Read a message out of its row."""
    return Message(
        key=row["key"],
        channel=row["channel"],
        text=row["text"],
        blocks=row["blocks"],
        thread_key=row["thread_key"],
        run_id=row["run_id"],
        user=row["user_id"],
        response_url=row["response_url"],
        replace=row["replace_original"],
        surface=row.get("surface", ""),
        attachment=_read_attachment(row),
    )


def _read_attachment(row: DictRow) -> Attachment | None:
    if row.get("attachment") is None:
        return None
    return Attachment(row["attachment_name"], row["attachment_title"], bytes(row["attachment"]))


def _row(message: Message) -> dict[str, Any]:
    return {
        "key": message.key,
        "channel": message.channel,
        "thread_key": message.thread_key,
        "run_id": message.run_id,
        "user_id": message.user,
        "response_url": message.response_url,
        "replace_original": message.replace,
        "surface": message.surface,
        "text": message.text.replace("\0", ""),  # PostgreSQL's text has no NUL
        "blocks": json.dumps(_blocks(message)),
        **_attachment_row(message.attachment),
    }


def _blocks(message: Message) -> list[dict[str, Any]]:
    return [dict(block) for block in message.blocks]


def _attachment_row(attachment: Attachment | None) -> dict[str, Any]:
    content = attachment.content if attachment else None
    return {
        "attachment": content,
        "attachment_name": attachment.name if attachment else "",
        "attachment_title": attachment.title.replace("\0", "") if attachment else "",
        "attachment_digest": "" if content is None else hashlib.sha256(content).hexdigest(),
    }
