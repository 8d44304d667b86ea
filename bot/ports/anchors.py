"""Declares the place where anchors of the audit log are kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True)
class KeptAnchor:
    """Everything that is kept under one anchor's number.

    Attributes:
        number: by its place in the store.
        documents: all that were ever stored there, oldest first; None where one was deleted.
    """

    number: int
    documents: tuple[bytes | None, ...]


@dataclass(frozen=True)
class KeptAnchors:
    """All anchors, by number; `versions_seen` is False where the store does not show what was there before."""

    anchors: Sequence[KeptAnchor]
    versions_seen: bool


@dataclass(frozen=True)
class Anchoring:
    """The standing of the log among its anchors, as far as this process knows.

    Attributes:
        last_at: when the newest known anchor was made; None before the first.
        since: when the oldest event that has no anchor was written; None when there is none.
        problem: the reference of what keeps the store from answering; "" when it answers.
        contradiction: how log and anchors disagree, as a sentence; "" when they agree.
    """

    last_at: datetime | None = None
    since: datetime | None = None
    problem: str = ""
    contradiction: str = ""


class AnchorStore(Protocol):
    """Keeps anchors of the audit log.

    Every method raises TemporaryError ``storage-unavailable``, or PermanentError ``bucket-not-found``,
    ``storage-forbidden``, ``storage-refused``.
    """

    @property
    def place(self) -> str:
        """Name the place of the anchors, for messages."""

    def newest(self) -> tuple[int, bytes] | None:
        """Read the anchor with the highest number; None where there is none."""

    def put(self, number: int, document: bytes) -> bool:
        """Store an anchor; False when that number is taken."""

    def read_all(self) -> KeptAnchors:
        """Read every anchor, deleted and replaced ones too, where the store still has them."""

    def weakness(self) -> str:
        """Say, in a sentence, what somebody with the bot's access to the store could do to anchors; "" for nothing."""
