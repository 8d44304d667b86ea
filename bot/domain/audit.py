"""Defines the audit log's events and anchors, and what proves each of them."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Self

from bot.domain.signing import Keyring, Purpose, SignatureState

ORIGIN = "0" * 64
"""Digest that the first event follows."""

ANCHORED = "anchored"
"""The event that names an anchor in the log, so that log and anchors are each other's witness."""

_SHORT = 8
_FORMAT = 1


@dataclass(frozen=True)
class AuditEvent:
    """A line of the audit log. `digest` covers this event and the one before it.

    The digest is an HMAC with the bot's key, ``ID:HEX``; of events from before there were keys it is a sha256, ``HEX``.
    """

    sequence: int
    at: datetime
    run_id: str
    actor: str
    event: str
    details: Mapping[str, Any]
    previous: str
    digest: str

    @property
    def is_keyed(self) -> bool:
        """Tell if the digest says that a key made it."""
        return ":" in self.digest

    @property
    def short(self) -> str:
        """The event in few characters, e.g. ``1234·a1b2c3d4``: what cards and reports show of the log."""
        return short_head(self.sequence, self.digest)


def short_head(sequence: int, digest: str) -> str:
    """Write a place in the log in few characters, e.g. ``1234·a1b2c3d4``."""
    return f"{sequence}·{digest.rpartition(':')[2][:_SHORT]}"


def sign_event(event: AuditEvent, keyring: Keyring) -> AuditEvent:
    """Complete an event with its digest.

    Raises:
        TypeError: its details are not of JSON's types.
    """
    return replace(event, digest=keyring.sign(Purpose.EVENT, _covered(event)))


def check_event(event: AuditEvent, keyring: Keyring) -> SignatureState:
    """Check an event's digest: ``UNSIGNED`` for a right one from before there were keys."""
    if event.is_keyed:
        return keyring.check(Purpose.EVENT, _covered(event), event.digest)
    return SignatureState.UNSIGNED if event.digest == keyless_digest(event) else SignatureState.WRONG


def keyless_digest(event: AuditEvent) -> str:
    """sha256, hex, of the canonical JSON of everything in the event but the digest: of events from before keys."""
    return hashlib.sha256(json.dumps(_covered(event), sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _covered(event: AuditEvent) -> dict[str, Any]:
    return {
        "sequence": event.sequence,
        "at": _moment(event.at),
        "run_id": event.run_id,
        "actor": event.actor,
        "event": event.event,
        "details": event.details,
        "previous": event.previous,
    }


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


@dataclass(frozen=True)
class Anchor:
    """The head of the log at one moment, kept where the state database's owner cannot rewrite it.

    Attributes:
        number: 1 for the first, each following one 1 more.
        log: digest of the log's first event: which log it is.
        sequence: of the newest event then.
        digest: of that event.
        at: when it was made.
        previous: sha256, hex, of the document of the anchor before; "" for the first.
        signature: by the bot's key, over everything else.
    """

    number: int
    log: str
    sequence: int
    digest: str
    at: datetime
    previous: str
    signature: str = ""

    def sign(self, keyring: Keyring) -> Self:
        """Return the anchor with its signature."""
        return replace(self, signature=keyring.sign(Purpose.ANCHOR, self._fields()))

    def check(self, keyring: Keyring) -> SignatureState:
        """Check the signature."""
        return keyring.check(Purpose.ANCHOR, self._fields(), self.signature)

    def write(self) -> bytes:
        """Serialise it; `read_anchor` reads it back."""
        document = {"format": _FORMAT, **self._fields(), "signature": self.signature}
        return json.dumps(document, indent=2).encode() + b"\n"

    def _fields(self) -> dict[str, Any]:
        return asdict(self) | {"at": _moment(self.at), "signature": ""}


def read_anchor(document: bytes) -> Anchor | None:
    """Read an anchor's document; None when it is none."""
    try:
        found = json.loads(document)
        if found.pop("format") != _FORMAT:
            return None
        at = datetime.fromisoformat(found.pop("at"))
        anchor = Anchor(at=at.astimezone(UTC), **found)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
        return None
    texts = (anchor.log, anchor.digest, anchor.previous, anchor.signature)
    numbers = (anchor.number, anchor.sequence)
    is_sound = all(type(text) is str for text in texts) and all(type(number) is int for number in numbers)
    return anchor if is_sound and at.tzinfo is not None else None


def fingerprint(document: bytes) -> str:
    """sha256, hex, of an anchor's document: what the next anchor and the log say of it."""
    return hashlib.sha256(document).hexdigest()


@dataclass(frozen=True)
class RunRecord:
    """A run's row, as far as the log must agree with it. `drill` is the drill it belongs to, or ""."""

    id: str
    environment: str
    state: str
    requester: str
    digest: str
    drill: str


@dataclass(frozen=True)
class VoteRecord:
    """A vote's row."""

    run_id: str
    user_id: str
    choice: str
    digest: str


@dataclass(frozen=True)
class FreezeRecord:
    """A freeze's row."""

    environment: str
    user_id: str
    reason: str


@dataclass(frozen=True)
class Records:
    """Rows that the log must agree with, read at one moment.

    Attributes:
        head: sequence of the log's newest event at that moment; 0 where there was none.
        now: the state database's time.
    """

    head: int
    now: datetime
    runs: tuple[RunRecord, ...] = ()
    votes: tuple[VoteRecord, ...] = ()
    freezes: tuple[FreezeRecord, ...] = ()
