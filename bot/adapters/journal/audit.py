"""Appends to the audit log under a lock, each event's digest covering the one before it (a checksum chain)."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC
from typing import Any

from psycopg import Connection
from psycopg.rows import DictRow

from bot.adapters.journal import mapping
from bot.adapters.journal.connections import Table, connection
from bot.adapters.named_queries import load
from bot.ports import AuditEntry, AuditEvent

ORIGIN = "0" * 64
"""Digest that the first event follows."""

PAGE = 500
_QUERIES = load("sql.journal", "queries.sql")


class Audit(Table):
    """A `bot.ports.journal.Audit`."""

    def append(self, run_id: str, actor: str, event: str, details: Mapping[str, Any]) -> None:
        """Append to the hash-chained audit log."""
        with connection(self._pool) as conn:
            append(conn, run_id, AuditEntry(actor, event, details))

    def events(self, run_id: str | None = None) -> Iterator[AuditEvent]:
        """The audit log, oldest first, read in pages: no connection is held while the caller works."""
        after = 0
        while True:
            page = self._all("events_after", after=after, run_id=run_id, limit=PAGE)
            yield from map(mapping.read_event, page)
            if len(page) < PAGE:
                return
            after = page[-1]["sequence"]


def append(conn: Connection[DictRow], run_id: str, entry: AuditEntry | None) -> None:
    """Append an entry, if there is one, in the caller's transaction: as its last statement, for it holds up the log."""
    if entry is None:
        return
    conn.execute(_QUERIES["lock_audit"])
    last = conn.execute(_QUERIES["last_event"]).fetchone() or {}
    appended = AuditEvent(
        sequence=last["sequence"] + 1,
        at=last["now"],
        run_id=run_id,
        actor=entry.actor,
        event=entry.event,
        details=entry.details,
        previous=last["digest"] or ORIGIN,
        digest="",
    )
    columns = vars(appended) | {"details": mapping.to_json(dict(entry.details)), "digest": compute_digest(appended)}
    conn.execute(_QUERIES["append_event"], columns)


def compute_digest(event: AuditEvent) -> str:
    """sha256, hex, of the canonical JSON of everything in the event but the digest itself."""
    covered = {
        "sequence": event.sequence,
        "at": event.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "run_id": event.run_id,
        "actor": event.actor,
        "event": event.event,
        "details": event.details,
        "previous": event.previous,
    }
    return hashlib.sha256(json.dumps(covered, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def verify_chain(events: Iterable[AuditEvent], head: AuditEvent | None = None) -> list[str]:
    """Say what is wrong with the whole log, one sentence a fault; empty when nothing is.

    Events cut off the end leave no trace in the log itself: pass the newest event known from an export as `head`.
    """
    faults: list[str] = []
    sequence, digest = 0, ORIGIN
    head_seen = head is None
    for event in events:
        if event.sequence != sequence + 1:
            faults.append(f"After event {sequence} comes {event.sequence}: {_missing(sequence, event.sequence)}.")
        elif event.previous != digest:
            faults.append(f"Event {event.sequence} does not follow event {sequence}: the link is broken.")
        if event.digest != compute_digest(event):
            faults.append(f"Event {event.sequence} was altered: its digest is not that of its content.")
        head_seen = head_seen or (head is not None and event.digest == head.digest)
        sequence, digest = event.sequence, event.digest
    if head is not None and not head_seen:
        faults.append(f"Event {head.sequence}, known from before, is not in the log: it was cut off or replaced.")
    return faults


def _missing(last: int, found: int) -> str:
    if found <= last:
        return "the order is broken"
    first, final = last + 1, found - 1
    return f"{first} is missing" if first == final else f"{first} to {final} are missing"
