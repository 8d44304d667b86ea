"""Anchors the head of the audit log where the state database's owner cannot rewrite it."""

import logging
import threading
from datetime import datetime

from bot.domain.audit import ANCHORED, Anchor, AuditEvent, fingerprint, read_anchor
from bot.domain.signing import Keyring, SignatureState
from bot.errors import BotError
from bot.ports import Anchoring, AnchorStore, Clock
from bot.ports.journal import Audit

EVENTS = 100
INTERVAL_S = 60.0
"""An anchor is made after so many new events, and at least so often while there are new ones."""
RETRY_AFTER_S = 20.0
"""A store that did not answer is left alone for so long, so that no run waits for it twice."""
_ATTEMPTS = 5

_log = logging.getLogger(__name__)


class Witness:
    """Makes anchors; threads share it.

    A store that is away stops nothing: runs go on, the anchor is made later, and `standing` says since when there is
    none (decision 46).

    Args:
        audit: the log.
        store: of the anchors.
        keyring: signs them.
        clock: for their times.
    """

    def __init__(self, audit: Audit, store: AnchorStore, keyring: Keyring, clock: Clock) -> None:
        self._audit = audit
        self._store = store
        self._keyring = keyring
        self._clock = clock
        self._lock = threading.Lock()
        self._newest: Anchor | None = None
        self._fingerprint = ""
        self._number = 0
        self._is_read = False
        self._failed_at: float | None = None
        self._standing = Anchoring()

    @property
    def standing(self) -> Anchoring:
        """The log's standing after the last attempt."""
        return self._standing

    @property
    def store(self) -> AnchorStore:
        """The store of the anchors."""
        return self._store

    def anchor_when_due(self) -> None:
        """Anchor the head if enough is new.

        Raises:
            BotError: the state database does not answer. A store that does not is logged, and tried again later.
        """
        self._attempt(is_forced=False)

    def anchor_now(self) -> None:
        """Anchor the head if anything is new: before a run starts or ends. Never raises, never waits twice."""
        try:
            self._attempt(is_forced=True)
        except BotError as error:
            _log.warning("the log was not anchored: %s", error.reference)

    def examine(self) -> Anchoring:
        """Compare log and store now, and anchor nothing.

        Raises:
            BotError: the state database does not answer; a store that does not is a `Anchoring.problem`.
        """
        with self._lock:
            head = self._audit.head()
            try:
                self._read()
                self._compare(head)
                self._note(since=self._find_since(head))
            except BotError as error:
                if error.reference.startswith("journal-"):
                    raise
                self._fail(head, error)
        return self._standing

    def _attempt(self, *, is_forced: bool) -> None:
        with self._lock:
            head = self._audit.head()
            if self._failed_at is not None and self._clock.monotonic() - self._failed_at < RETRY_AFTER_S:
                return
            try:
                self._anchor(head, is_forced=is_forced)
            except BotError as error:
                if error.reference.startswith("journal-"):
                    raise
                self._fail(head, error)

    def _fail(self, head: AuditEvent | None, error: BotError) -> None:
        _log.warning("the log cannot be anchored in %s: %s", self._store.place, error.reference)
        self._failed_at, self._is_read = self._clock.monotonic(), False
        since = self._standing.since or self._find_since(head) or (None if self._newest else self._clock.now())
        self._note(since=since, problem=error.reference)

    def _anchor(self, head: AuditEvent | None, *, is_forced: bool) -> None:
        if not self._is_read:
            self._read()
        for _ in range(_ATTEMPTS):
            self._compare(head)
            since = self._find_since(head)
            if head is None or since is None or not (is_forced or self._is_due(head)):
                self._note(since=since)
                return
            if self._put(head):
                self._note(since=None)
                return
            self._read()  # another replica was first

    def _read(self) -> None:
        found = self._store.newest()
        if found is not None and found[0] < self._number:
            self._contradict(f"Anchor {self._number} is gone from {self._store.place}.")
        number, document = found or (0, b"")
        anchor = read_anchor(document)
        if found is not None and (anchor is None or anchor.check(self._keyring) is SignatureState.WRONG):
            self._contradict(f"Anchor {number} in {self._store.place} is forged: the bot's key has not signed it.")
            anchor = None
        self._number = max(number, self._number)
        self._newest = anchor if anchor is not None else self._newest
        self._fingerprint = fingerprint(document) if document else ""
        self._failed_at, self._is_read = None, True

    def _compare(self, head: AuditEvent | None) -> None:
        """Compare the log with the newest anchor, before another is made: the log must have grown from there."""
        newest = self._newest
        if newest is None:
            return
        event = self._audit.find(newest.sequence)
        if event is None:
            end = f"ends with event {head.sequence}" if head else "is empty"
            self._contradict(f"The log {end}, and anchor {newest.number} saw event {newest.sequence}.")
        elif event.digest != newest.digest:
            self._contradict(f"Event {newest.sequence} is not the one that anchor {newest.number} saw.")

    def _contradict(self, sentence: str) -> None:
        """Keep it: the next anchor is made of the log as it is, so that what comes is covered, and hides this one."""
        if not self._standing.contradiction:
            _log.error("audit log: %s Run: backstop audit verify", sentence)
            self._standing = Anchoring(contradiction=sentence)

    def _find_since(self, head: AuditEvent | None) -> datetime | None:
        """Find the time of the oldest event without an anchor. One that only names an anchor needs none."""
        if head is None:
            return None
        newest = self._newest
        if newest is None or head.sequence < newest.sequence:
            return head.at
        first = self._audit.find(newest.sequence + 1)
        if first is not None and first.event == ANCHORED:
            first = self._audit.find(newest.sequence + 2)
        return first.at if first is not None else None

    def _is_due(self, head: AuditEvent) -> bool:
        newest = self._newest
        if newest is None or not 0 <= head.sequence - newest.sequence < EVENTS:
            return True
        return (self._clock.now() - newest.at).total_seconds() >= INTERVAL_S

    def _put(self, head: AuditEvent) -> bool:
        first = self._audit.find(1)
        anchor = Anchor(
            number=self._number + 1,
            log=first.digest if first else "",
            sequence=head.sequence,
            digest=head.digest,
            at=self._clock.now(),
            previous=self._fingerprint,
        ).sign(self._keyring)
        document = anchor.write()
        if not self._store.put(anchor.number, document):
            return False
        self._newest, self._number, self._fingerprint = anchor, anchor.number, fingerprint(document)
        details = {"number": anchor.number, "sequence": head.sequence, "sha256": self._fingerprint}
        # Named in the log as well: anyone who removes the anchor must change the log, too.
        self._audit.append("", "backstop", ANCHORED, details)
        return True

    def _note(self, since: datetime | None, problem: str = "") -> None:
        last_at = self._newest.at if self._newest else None
        self._standing = Anchoring(last_at, since, problem, self._standing.contradiction)
