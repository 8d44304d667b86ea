"""Verifies the audit log in one pass: chain, anchors, agreement with the rows, and what people have seen of it."""

import re
from collections.abc import Iterable

from bot.domain.audit import AuditEvent
from bot.domain.signing import Keyring
from bot.engine.audit.agreement import AgreementCheck
from bot.engine.audit.anchors import AnchorCheck
from bot.engine.audit.chain import ChainCheck
from bot.engine.audit.findings import Findings
from bot.errors import BotError, PermanentError
from bot.ports.anchors import AnchorStore
from bot.ports.journal import Audit

_HEAD = re.compile(r"(\d{1,18})[·.:]([0-9a-f]{8})")


def parse_head(text: str) -> tuple[int, str]:
    """Read a head of the log as a card or report shows it: the sequence, and the digest's first characters.

    Raises:
        PermanentError: ``head-unreadable``.
    """
    found = _HEAD.fullmatch(text.strip().removeprefix("log").strip())
    if found is None:
        raise PermanentError(
            "head-unreadable", f"“{text[:40]}” is no head of the log.", "Copy it from a card, e.g. 1234·a1b2c3d4."
        )
    return int(found[1]), found[2]


def verify(audit: Audit, keyring: Keyring, store: AnchorStore | None, seen: Iterable[tuple[int, str]] = ()) -> Findings:
    """Read the whole log once and check everything that can be checked.

    Args:
        audit: the log.
        keyring: with every key that has ever signed.
        store: of the anchors; None leaves them out, and says so.
        seen: heads that people have read on cards and reports, see `parse_head`.

    Raises:
        TemporaryError, PermanentError: the state database does not answer.
    """
    findings, records = Findings(), audit.records()
    chain, agreement, heads = ChainCheck(keyring, records.now), AgreementCheck(records), _Heads(seen)
    anchors = _anchors(store, keyring, findings)
    for event in audit.events():
        for check in (chain, agreement, heads, anchors):
            if check is not None:
                check.add(event)
    chain.report(findings)
    if anchors is not None:
        anchors.report(records.now)
    _report_keyless(chain, anchors, findings)
    agreement.report(findings)
    heads.report(findings)
    length = chain.last.sequence if chain.last else 0
    findings.notes.insert(
        0,
        f"{length} events, {len(records.runs)} runs, {len(records.votes)} votes and {len(records.freezes)} freezes "
        "were compared.",
    )
    return findings


def _anchors(store: AnchorStore | None, keyring: Keyring, findings: Findings) -> AnchorCheck | None:
    if store is None:
        findings.unchecked.append(
            "THE ANCHORS WERE LEFT OUT (--without-anchors): a log that was emptied, cut at its end, or rewritten by "
            "somebody who has the key would pass."
        )
        return None
    try:
        kept = store.read_all()
    except BotError as error:
        findings.unchecked.append(
            f"The anchors in {store.place} could not be read ({error.reference}): a log that was emptied, cut at its "
            "end, or rewritten by somebody who has the key would pass."
        )
        return None
    if not kept.versions_seen:
        findings.unchecked.append(
            f"{store.place} does not show older versions: an anchor that was replaced by a signed one would not show."
        )
    return AnchorCheck(kept, keyring, findings)


def _report_keyless(chain: ChainCheck, anchors: AnchorCheck | None, findings: Findings) -> None:
    if not chain.keyless_to:
        return
    before = f"Events up to {chain.keyless_to} are from before digests had a key"
    newest = anchors.newest if anchors else None
    if newest is None:
        findings.unchecked.append(f"{before}: anyone who can write to the table can have rewritten them.")
    else:
        findings.notes.append(f"{before}: what was changed in them before the first anchor would not show.")


class _Heads:
    """Compares the log with what people have seen of it."""

    def __init__(self, seen: Iterable[tuple[int, str]]) -> None:
        self._seen: dict[int, set[str]] = {}
        for sequence, short in seen:
            self._seen.setdefault(sequence, set()).add(f"{sequence}·{short}")
        self._faults: list[str] = []

    def add(self, event: AuditEvent) -> None:
        """Compare the next event."""
        for seen in self._seen.pop(event.sequence, set()) - {event.short}:
            self._faults.append(
                f"Event {event.sequence} is {event.short} in the log, and was seen as {seen}: "
                "the log was rewritten up to there."
            )

    def report(self, findings: Findings) -> None:
        """Add what was found."""
        findings.faults += self._faults
        findings.faults += [f"Event {sequence}, which was seen, is not in the log." for sequence in self._seen]
