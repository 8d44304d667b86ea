"""Checks the anchors among themselves, and the log against them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.audit import ANCHORED, Anchor, AuditEvent, fingerprint, read_anchor
from bot.domain.signing import Keyring, SignatureState
from bot.engine.audit.findings import Findings, span
from bot.ports.anchors import KeptAnchor, KeptAnchors

_BEHIND = timedelta(minutes=10)


@dataclass(frozen=True)
class _Known:
    """An anchor that the bot's key has signed, and its document's fingerprint."""

    anchor: Anchor
    fingerprint: str

    def __str__(self) -> str:
        return f"anchor {self.anchor.number} of {self.anchor.at:%Y-%m-%d %H:%M:%S} UTC"


class AnchorCheck:
    """Checks anchors, then takes the whole log, oldest event first, and compares it with them."""

    def __init__(self, kept: KeptAnchors, keyring: Keyring, findings: Findings) -> None:
        self._findings = findings
        self._keyring = keyring
        self._known = list(self._read(kept))
        self._check_order()
        self._by_sequence: dict[int, list[_Known]] = {}
        for known in self._known:
            self._by_sequence.setdefault(known.anchor.sequence, []).append(known)
        self._fingerprints = {known.anchor.number: known.fingerprint for known in self._known}
        self._matched = 0
        self._seen = 0
        self._contradicted: list[str] = []
        self._tail: list[AuditEvent] = []

    @property
    def newest(self) -> Anchor | None:
        """The newest anchor that counts."""
        return self._known[-1].anchor if self._known else None

    def _read(self, kept: KeptAnchors) -> Iterator[_Known]:
        expected = 1
        for item in sorted(kept.anchors, key=lambda item: item.number):
            if item.number > expected:
                gone = span(expected, item.number - 1, "Anchor")
                self._findings.faults.append(f"{gone} deleted from the bucket.")
            expected = item.number + 1
            known = self._read_one(item)
            if known is not None:
                yield known

    def _read_one(self, kept: KeptAnchor) -> _Known | None:
        """Read the first document that was stored under a number: later ones are somebody else's."""
        if len(kept.documents) > 1:
            change = "deleted" if kept.documents[-1] is None else "replaced"
            self._findings.faults.append(f"Anchor {kept.number} was {change} in the bucket; its first version counts.")
        document = next((text for text in kept.documents if text is not None), None)
        if document is None:
            self._findings.faults.append(f"Anchor {kept.number} was deleted from the bucket.")
            return None
        anchor = read_anchor(document)
        state = anchor.check(self._keyring) if anchor else SignatureState.WRONG
        if anchor is None or state in {SignatureState.WRONG, SignatureState.UNSIGNED}:
            self._findings.faults.append(f"Anchor {kept.number} is forged: the bot's key has not signed it.")
        elif state is SignatureState.UNKNOWN_KEY:
            key = anchor.signature.partition(":")[0][:32]
            self._findings.unchecked.append(f"Anchor {kept.number} is signed with key {key}, not in the keyring.")
        elif anchor.number != kept.number:
            self._findings.faults.append(f"Anchor {kept.number} is a copy of anchor {anchor.number}.")
        else:
            return _Known(anchor, fingerprint(document))
        return None

    def _check_order(self) -> None:
        """Compare each anchor with the one before."""
        for before, after in zip(self._known, self._known[1:], strict=False):
            one, two = before.anchor, after.anchor
            if two.number == one.number + 1 and two.previous != before.fingerprint:
                self._findings.faults.append(f"Anchor {two.number} does not follow anchor {one.number}.")
            if two.sequence < one.sequence:
                self._findings.faults.append(
                    f"The log shrank from event {one.sequence} to event {two.sequence} between {before} and {after}."
                )
            if two.log != one.log:
                self._findings.faults.append(f"The log was begun again between {before} and {after}.")
            if two.at < one.at - _BEHIND:
                self._findings.faults.append(f"A{str(after)[1:]} is older than the one before it.")

    def add(self, event: AuditEvent) -> None:
        """Compare the next event."""
        self._seen = max(self._seen, event.sequence)
        for known in self._by_sequence.pop(event.sequence, ()):
            if known.anchor.digest == event.digest:
                self._matched = max(self._matched, event.sequence)
            else:
                self._contradicted.append(
                    f"A{str(known)[1:]} saw another event {event.sequence}: the log was rewritten between "
                    f"events {self._matched + 1} and {event.sequence}."
                )
        if event.event == ANCHORED:
            self._check_named(event)
        newest = self.newest
        if newest is not None and event.sequence > newest.sequence and event.event != ANCHORED:
            self._tail.append(event)

    def _check_named(self, event: AuditEvent) -> None:
        """Compare an anchor with what the log says of it."""
        number, expected = event.details.get("number"), event.details.get("sha256")
        found = self._fingerprints.get(number) if isinstance(number, int) else None
        if found is None:
            self._findings.faults.append(
                f"Anchor {number}, which event {event.sequence} names, is not in the bucket: it was deleted or forged."
            )
        elif found != expected:
            self._findings.faults.append(f"Anchor {number} is not the one that event {event.sequence} names.")

    def report(self, now: datetime) -> None:
        """Add what was found, once the log has ended."""
        faults = self._findings.faults
        if self._contradicted:
            others = len(self._contradicted) - 1
            faults.append(self._contradicted[0] + (f" {others} later anchors differ, too." if others else ""))
        cut = max((sequence for sequence in self._by_sequence if sequence > self._seen), default=0)
        if cut:
            saw = self._by_sequence[cut][0]
            faults.append(
                f"{span(self._seen + 1, cut)} cut off: {saw} saw event {cut}, and "
                + (f"the log ends with event {self._seen}." if self._seen else "the log is empty.")
            )
        self._report_tail(now)

    def _report_tail(self, now: datetime) -> None:
        newest = self.newest
        if newest is None:
            self._findings.unchecked.append(
                "There is no anchor: a log that was emptied, cut at its end, or rewritten with the key would not show."
            )
            return
        self._findings.notes.append(
            f"{len(self._known)} anchors; up to event {newest.sequence} the log is compared with {self._known[-1]}."
        )
        if not self._tail:
            return
        text = (
            f"{span(self._tail[0].sequence, self._tail[-1].sequence)} written after the newest anchor: "
            "if more followed and were cut off, that would not show."
        )
        late = now - self._tail[0].at > _BEHIND
        (self._findings.unchecked if late else self._findings.notes).append(text)
