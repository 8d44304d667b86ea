"""The audit log: append-only, chained, and telling when it was tampered with."""

import re
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from bot.adapters.journal import PostgresJournal, audit
from bot.adapters.journal.connections import Pool
from bot.adapters.named_queries import load
from bot.domain.approvals import Choice, Vote
from bot.domain.audit import ORIGIN, check_event
from bot.domain.signing import SignatureState
from bot.engine.audit.verification import verify
from bot.ports import AuditEntry, AuditEvent
from tests.adapters.samples import NOON, counter, make_run
from tests.fakes.keyring import KEYRING, STRANGERS

_LAST_EVENT = load("sql.journal", "audit.sql")["last_event"]
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
    assert events[0].previous == ORIGIN
    assert events[1].previous == events[0].digest
    assert {check_event(event, KEYRING) for event in events} == {SignatureState.VALID}
    assert {check_event(event, STRANGERS) for event in events} == {SignatureState.WRONG}
    assert [event.sequence for event in journal.audit.events("r1")] == [2, 4]
    assert journal.audit.head() == events[-1]
    assert [journal.audit.find(sequence) for sequence in (0, 2, 5)] == [None, events[1], None]


def test_a_run_knows_its_newest_event_as_cards_show_it(journal: PostgresJournal) -> None:
    journal.runs.open(make_run("raaaaa", "prod"))
    journal.runs.open(make_run("rbbbbb", "dev"), AuditEntry("U1", "requested", {}))
    journal.audit.append("", "U1", "frozen", {})
    runs = [journal.runs.find(run_id) for run_id in ("raaaaa", "rbbbbb")]
    first = journal.audit.find(1)
    assert first is not None
    assert [run.log_head for run in runs if run] == ["", first.short]


def test_an_empty_log_has_no_head(journal: PostgresJournal) -> None:
    assert journal.audit.head() is None
    assert journal.audit.records().head == 0


def test_the_chain_holds_when_many_append_at_once(journal: PostgresJournal) -> None:
    with ThreadPoolExecutor(20) as threads:
        list(threads.map(lambda number: journal.audit.append("r", "bot", "step", {"n": number}), range(100)))
    events = list(journal.audit.events())
    assert len(events) == 100
    assert verify(journal.audit, KEYRING, None).faults == []


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


def test_the_log_is_read_with_the_rows_it_must_agree_with(journal: PostgresJournal) -> None:
    journal.runs.open(run := make_run())
    journal.votes.cast(run.id, Vote("U1", Choice.APPROVE, run.plan.digest, "button", NOON), counter())
    journal.freezes.freeze("prod", "U1", "billing")
    write(journal, 2)
    records = journal.audit.records()
    assert records.head == 2
    assert [(row.id, row.state, row.digest) for row in records.runs] == [(run.id, "pending", run.plan.digest)]
    assert [(row.run_id, row.choice) for row in records.votes] == [(run.id, "approve")]
    assert [(row.environment, row.user_id, row.reason) for row in records.freezes] == [("prod", "U1", "billing")]


def test_appending_takes_as_long_at_the_end_of_a_long_log(journal: PostgresJournal, pool: Pool) -> None:
    write(journal, 1)
    with pool.connection() as connection:
        connection.execute(
            "INSERT INTO backstop.audit "
            "SELECT n, now(), '', 'bot', 'step', '{}', '', 'x' FROM generate_series(2, 50000) n"
        )
        plan = connection.execute(f"EXPLAIN ANALYZE {_LAST_EVENT}".encode()).fetchall()
    assert "Seq Scan on audit" not in str(plan)
    assert {int(rows) for rows in re.findall(r"actual time=\S+ rows=(\d+)", str(plan))} == {1}, plan
