"""Checks the chain of events: order, links, digests and times. Each event passes once, however long the log is."""

from datetime import datetime, timedelta

from bot.domain.audit import ORIGIN, AuditEvent, check_event
from bot.domain.signing import Keyring, SignatureState
from bot.engine.audit.findings import Findings, Ranges, span

_AHEAD = timedelta(minutes=1)
_ALTERED = "altered"
_KEYLESS = "keyless"
_UNKNOWN = "unknown key "
_FUTURE = "future"


class ChainCheck:
    """Takes the whole log, oldest event first, and says what is wrong with it.

    Args:
        keyring: with every key that has ever signed.
        now: the state database's time.
    """

    def __init__(self, keyring: Keyring, now: datetime) -> None:
        self._keyring = keyring
        self._latest = now + _AHEAD
        self._ranges = Ranges()
        self._faults: list[str] = []
        self._first_keyed = 0
        self.keyless_to = 0
        """Sequence of the last event from before there were keys."""
        self.last: AuditEvent | None = None

    def add(self, event: AuditEvent) -> None:
        """Check the next event."""
        self._check_place(event)
        self._check_digest(event)
        self._check_time(event)
        self.last = event

    def _check_place(self, event: AuditEvent) -> None:
        sequence, digest = (self.last.sequence, self.last.digest) if self.last else (0, ORIGIN)
        if event.sequence != sequence + 1:
            self._faults.append(f"After event {sequence} comes {event.sequence}: {_missing(sequence, event.sequence)}.")
            return
        if event.previous != digest:
            self._faults.append(f"Event {event.sequence} does not follow event {sequence}: the link is broken.")

    def _check_digest(self, event: AuditEvent) -> None:
        state = check_event(event, self._keyring)
        if state is SignatureState.WRONG:
            self._ranges.add(_ALTERED, event.sequence)
        elif state is SignatureState.UNKNOWN_KEY:
            self._ranges.add(_UNKNOWN + event.digest.partition(":")[0][:32], event.sequence)
        elif state is SignatureState.UNSIGNED and self._first_keyed:
            self._ranges.add(_KEYLESS, event.sequence)
        elif state is SignatureState.UNSIGNED:
            self.keyless_to = event.sequence
        if event.is_keyed and not self._first_keyed:
            self._first_keyed = event.sequence

    def _check_time(self, event: AuditEvent) -> None:
        if self.last is not None and self.last.sequence < event.sequence and event.at < self.last.at:
            self._faults.append(
                f"Event {event.sequence} is dated {event.at:%Y-%m-%d %H:%M:%S}, before event {self.last.sequence}: "
                "time went backwards."
            )
        if event.at > self._latest:
            self._ranges.add(_FUTURE, event.sequence)

    def report(self, findings: Findings) -> None:
        """Add what was found."""
        findings.faults += self._faults
        for kind, first, last in self._ranges:
            events = span(first, last)
            if kind == _ALTERED:
                findings.faults.append(f"{events} altered or inserted: the digest is not the bot's of this content.")
            elif kind == _KEYLESS:
                findings.faults.append(
                    f"{events} inserted or rewritten: no key made the digest, and event {self._first_keyed} has one."
                )
            elif kind == _FUTURE:
                findings.faults.append(f"{events} dated in the future, by the state database's clock.")
            else:
                findings.unchecked.append(
                    f"{events} signed with {kind.removeprefix('unknown ')}, which is not in the keyring: "
                    "nothing says that the content is what was written."
                )


def _missing(last: int, found: int) -> str:
    if found <= last:
        return "the order is broken"
    first, final = last + 1, found - 1
    return f"{first} is missing" if first == final else f"{first} to {final} are missing"
