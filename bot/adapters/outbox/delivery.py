"""The two ways of saying something for the first time: as a message, which has an address, or as a file."""

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, Protocol

from psycopg.rows import DictRow

from bot.adapters.outbox.store import message_of
from bot.ports import Chat


class Way(Protocol):
    """How a row of the outbox gets into chat, and how it is found there.

    Attributes:
        mark: the query that notes it as sent, with what `send` or `find` gave.
    """

    mark: str

    def find(self, row: DictRow) -> Mapping[str, Any] | None:
        """Look for an earlier attempt; None when it is not there."""

    def send(self, row: DictRow) -> Mapping[str, Any]:
        """Send it."""


class Posting:
    """A message."""

    mark = "mark_posted"

    def __init__(self, chat: Chat) -> None:
        self._chat = chat

    def find(self, row: DictRow) -> Mapping[str, Any] | None:
        """Find it by its key."""
        ts = self._chat.find_posted(row["channel"], row["thread_ts"], row["key"])
        return None if ts is None else {"ts": ts}

    def send(self, row: DictRow) -> Mapping[str, Any]:
        """Post it."""
        return {"ts": self._chat.post(message_of(row), row["thread_ts"])}


class Sharing:
    """A file. Slack says no address of one and shows it a moment after it has taken it.

    Each revision is a file of its own, so each has a name of its own: what is found is this very content.
    """

    mark = "mark_shared"

    def __init__(self, chat: Chat) -> None:
        self._chat = chat

    def find(self, row: DictRow) -> Mapping[str, Any] | None:
        """Find it by its name."""
        name = _name(row["attachment_name"], row["sending_revision"])
        return {} if self._chat.find_file(row["channel"], row["thread_ts"], name) else None

    def send(self, row: DictRow) -> Mapping[str, Any]:
        """Upload it."""
        self._chat.upload(message_of(row), row["thread_ts"], _name(row["attachment_name"], row["revision"]))
        return {}


def _name(name: str, revision: int) -> str:
    """``report.html``, then ``report-2.html`` and so on."""
    path = PurePath(name)
    return name if revision == 1 else f"{path.stem}-{revision}{path.suffix}"
