"""A small log with its anchors, to tamper with."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from bot.domain.audit import AuditEvent, sign_event
from bot.domain.signing import Keyring
from bot.engine.audit.chain import ChainCheck
from bot.engine.audit.findings import Findings
from bot.engine.maintenance.witness import Witness
from tests.fakes.anchors import FakeAnchors
from tests.fakes.clock import FakeClock
from tests.fakes.journal import FakeJournal
from tests.fakes.keyring import KEYRING


class Log:
    """A journal in memory, with a witness of its log."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.journal = FakeJournal(self.clock)
        self.anchors = FakeAnchors()
        self.witness = self.new_witness()

    @property
    def events(self) -> list[AuditEvent]:
        return self.journal.audit.log

    def new_witness(self) -> Witness:
        """Make the witness of another process."""
        return Witness(self.journal.audit, self.anchors, KEYRING, self.clock)

    def write(self, count: int = 1, event: str = "step", **details: Any) -> None:
        for number in range(count):
            self.clock.sleep(1)
            self.journal.audit.append("", "backstop", event, {"n": number, **details})

    def anchor(self) -> None:
        self.witness.anchor_now()


def check(events: Iterable[AuditEvent], keyring: Keyring = KEYRING) -> Findings:
    """Check a chain alone."""
    findings, chain = Findings(), ChainCheck(keyring, FakeClock().now().replace(year=2999))
    for event in events:
        chain.add(event)
    chain.report(findings)
    return findings


def rewritten(events: Iterable[AuditEvent], keyring: Keyring, **changes: Any) -> list[AuditEvent]:
    """Write a log again from its first event, which is changed, as somebody with that key can."""
    done: list[AuditEvent] = []
    for event in events:
        previous = done[-1].digest if done else event.previous
        changed = replace(event, previous=previous, **(changes if not done else {}))
        done.append(sign_event(changed, keyring))
    return done
