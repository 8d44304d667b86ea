"""Appends to the audit log under a lock, each event's digest covering the one before it (a checksum chain)."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from psycopg import Connection
from psycopg.rows import DictRow

from bot.adapters.journal import mapping
from bot.adapters.journal.connections import Pool, Table, connection
from bot.adapters.named_queries import load
from bot.domain.audit import ORIGIN, AuditEvent, FreezeRecord, Records, RunRecord, VoteRecord, sign_event
from bot.domain.signing import Keyring
from bot.ports import AuditEntry, Clock

PAGE = 500
_QUERIES = load("sql.journal", "audit.sql")


class AuditedTable(Table):
    """A topic whose changes are in the audit log.

    Args:
        pool, clock: as `Table`'s.
        keyring: signs what is written.
    """

    def __init__(self, pool: Pool, clock: Clock, keyring: Keyring) -> None:
        super().__init__(pool, clock)
        self._keyring = keyring

    def _append(self, conn: Connection[DictRow], run_id: str, entry: AuditEntry | None) -> None:
        """Append an entry, if there is one, in the caller's transaction: as its last statement, it holds up the log."""
        append(conn, self._keyring, run_id, entry)


class Audit(AuditedTable):
    """A `bot.ports.journal.Audit`."""

    _queries = _QUERIES

    def append(self, run_id: str, actor: str, event: str, details: Mapping[str, Any]) -> None:
        """Append to the audit log."""
        with connection(self._pool) as conn:
            self._append(conn, run_id, AuditEntry(actor, event, details))

    def events(self, run_id: str | None = None) -> Iterator[AuditEvent]:
        """The audit log, oldest first, read in pages: no connection is held while the caller works."""
        after = 0
        while True:
            page = self._all("events_after", after=after, run_id=run_id, limit=PAGE)
            yield from map(mapping.read_event, page)
            if len(page) < PAGE:
                return
            after = page[-1]["sequence"]

    def head(self) -> AuditEvent | None:
        """Read the newest event."""
        row = self._one("head")
        return mapping.read_event(row) if row else None

    def find(self, sequence: int) -> AuditEvent | None:
        """Read one event."""
        row = self._one("event", sequence=sequence)
        return mapping.read_event(row) if row else None

    def records(self) -> Records:
        """Read the rows that the log must agree with, in one snapshot."""
        with connection(self._pool) as conn:
            conn.execute(_QUERIES["one_snapshot"])
            now = conn.execute(_QUERIES["records_head"]).fetchone() or {}
            return Records(
                head=now["sequence"],
                now=mapping.utc(now["now"]),
                runs=tuple(RunRecord(**row) for row in conn.execute(_QUERIES["run_rows"])),
                votes=tuple(VoteRecord(**row) for row in conn.execute(_QUERIES["vote_rows"])),
                freezes=tuple(FreezeRecord(**row) for row in conn.execute(_QUERIES["freeze_rows"])),
            )


def append(conn: Connection[DictRow], keyring: Keyring, run_id: str, entry: AuditEntry | None) -> None:
    """Append an entry, if there is one, in the caller's transaction; see `AuditedTable`."""
    if entry is None:
        return
    details = mapping.to_json(dict(entry.details))
    conn.execute(_QUERIES["lock_audit"])
    last = conn.execute(_QUERIES["last_event"]).fetchone() or {}
    appended = AuditEvent(
        sequence=last["sequence"] + 1,
        at=last["now"],
        run_id=run_id,
        actor=entry.actor,
        event=entry.event,
        details=json.loads(details),  # as it is read back: keys are texts, tuples are lists
        previous=last["digest"] or ORIGIN,
        digest="",
    )
    columns = vars(sign_event(appended, keyring)) | {"details": details}
    conn.execute(_QUERIES["append_event"], columns)
