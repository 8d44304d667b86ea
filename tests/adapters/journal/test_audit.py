"""The audit log: append-only, chained, and telling when it was tampered with."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psycopg
import pytest

from bot.adapters.journal import PostgresJournal, audit, verify_chain
from bot.adapters.journal.connections import Pool
from bot.ports import AuditEvent

Events = list[AuditEvent]
DETAILS = {"digest": "ab", "seen": {"bot": False}, "n": [1, 2.5, 1e22, 1e-7], "text": "Nguyễn \0 \ud800"}


def write(journal: PostgresJournal, count: int) -> Events:
    for number in range(count):
        journal.audit.append(f"r{number % 2}", "U1", "voted", {**DETAILS, "number": number})
    return list(journal.audit.events())


def test_events_come_back_in_order_and_as_written(journal: PostgresJournal) -> None:
    events = write(journal, 4)
    assert [event.sequence for event in events] == [1, 2, 3, 4]
    assert events[0].details == {**DETAILS, "number": 0}
    assert events[0].previous == audit.ORIGIN
    assert events[1].previous == events[0].digest
    assert verify_chain(events) == []
    assert [event.sequence for event in journal.audit.events("r1")] == [2, 4]


def test_the_chain_holds_when_many_append_at_once(journal: PostgresJournal) -> None:
    with ThreadPoolExecutor(20) as threads:
        list(threads.map(lambda number: journal.audit.append("r", "bot", "step", {"n": number}), range(100)))
    events = list(journal.audit.events())
    assert len(events) == 100
    assert verify_chain(events) == []


def test_a_long_log_is_read_in_pages(journal: PostgresJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "PAGE", 3)
    assert [event.sequence for event in write(journal, 7)] == list(range(1, 8))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE backstop.audit SET actor = 'U2'",
        "DELETE FROM backstop.audit",
        "TRUNCATE backstop.audit",
    ],
)
def test_the_database_refuses_to_change_the_log(journal: PostgresJournal, pool: Pool, statement: str) -> None:
    before = write(journal, 2)
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"), pool.connection() as connection:
        connection.execute(statement.encode())
    assert list(journal.audit.events()) == before


@pytest.mark.parametrize(
    ("tamper", "faults"),
    [
        (lambda e: [e[0], replace(e[1], actor="U9"), e[2]], ["Event 2 was altered: its digest is not that"]),
        (lambda e: [e[0], replace(e[1], details={}), e[2]], ["Event 2 was altered"]),
        (lambda e: [e[0], e[2]], ["After event 1 comes 3: 2 is missing."]),
        (lambda e: [e[2]], ["After event 0 comes 3: 1 to 2 are missing."]),
        (lambda e: [e[1], e[0], e[2]], ["1 is missing", "the order is broken", "2 is missing"]),
        (lambda e: [e[0], forged(e[1]), e[2]], ["Event 3 does not follow event 2: the link is broken."]),
    ],
    ids=["actor", "details", "one-gone", "two-gone", "swapped", "rewritten-with-digest"],
)
def test_tampering_shows(journal: PostgresJournal, tamper: Callable[[Events], Events], faults: list[str]) -> None:
    found = verify_chain(tamper(write(journal, 3)))
    assert len(found) == len(faults), found
    for line, fault in zip(found, faults, strict=True):
        assert fault in line


def forged(event: AuditEvent) -> AuditEvent:
    """Someone who knows how digests are made."""
    changed = replace(event, actor="U9")
    return replace(changed, digest=audit.compute_digest(changed))


def test_a_cut_off_end_shows_against_a_known_head(journal: PostgresJournal) -> None:
    events = write(journal, 3)
    assert verify_chain(events[:2]) == []
    assert verify_chain(events[:2], events[2]) == [
        "Event 3, known from before, is not in the log: it was cut off or replaced."
    ]
    assert verify_chain(events, events[2]) == []
