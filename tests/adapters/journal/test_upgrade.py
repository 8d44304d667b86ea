"""A journal of the version before leases is migrated with nothing lost, and an older replica is refused afterwards."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row
from pydantic import TypeAdapter

from bot.adapters.journal import Pool, PostgresDrillRepository, PostgresJournal, mapping, migrate
from bot.domain.approvals import Choice
from bot.domain.audit import ORIGIN, AuditEvent, check_event, keyless_digest
from bot.domain.drills import Drill, DrillKind, DrillState, Measurement, ScriptProof
from bot.domain.jobs import JobHolder, JobKind
from bot.domain.runs import OPEN, Lease, Progress, Run, RunState, Step, StepState, WorkKind
from bot.domain.signing import SignatureState
from bot.errors import PermanentError
from bot.ports import Request
from tests.adapters.journal.conftest import OLDER
from tests.adapters.samples import NOON, STEPS, StoppedClock, lease, make_run
from tests.fakes.keyring import KEYRING

_STEPS = TypeAdapter(tuple[Step, ...])
HOUR = timedelta(hours=1)
DONE = Step("fetch", 0, "Fetch", StepState.DONE, "12 MB", {"bytes": 12}, NOON, NOON + HOUR, 1)
DOING = Step("load", 1, "Load", StepState.RUNNING, "", {}, NOON + HOUR, None, 2, Progress(3, 4, "rows"))
MEASURED = Measurement("prod_nightly", 10, 20, 30, (("load", 4.5),), 60.0)


def as_run(state: RunState, number: int) -> Run:
    run = make_run(f"r{number:05}", state.value, NOON + number * HOUR)
    if state is RunState.PENDING:
        return run
    begun = state not in {RunState.APPROVED, RunState.REJECTED, RunState.EXPIRED}
    return replace(
        run,
        state=state,
        fencing_token=3 if begun else 0,
        started_at=NOON if begun else None,
        ended_at=None if state in OPEN else NOON + HOUR,
        problem="" if state in {RunState.APPROVED, RunState.RUNNING, RunState.SUCCEEDED} else "x: Why.",
        cancel_requested_by="U1" if state is RunState.CANCELLED else "",
        steps=(replace(STEPS[0], state=StepState.DONE, started_at=NOON, ended_at=NOON + HOUR, attempts=1), STEPS[1]),
    )


RUNS = [as_run(state, number) for number, state in enumerate(RunState)]
RUNNING = next(run for run in RUNS if run.state is RunState.RUNNING)
DRILLS = [
    Drill("daaaaa", "weekly", "staging", DrillKind.BUNDLE, "prod", NOON, NOON + HOUR, announced_at=NOON),
    Drill(
        "dbbbbb",
        "",
        "dev",
        DrillKind.MIGRATION,
        "prod",
        NOON,
        NOON,
        DrillState.RUNNING,
        "U1",
        NOON,
        fencing_token=2,
        steps=(DONE, DOING),
    ),
    Drill(
        "dccccc",
        "weekly",
        "staging",
        DrillKind.RESTORE,
        "staging",
        NOON - HOUR,
        NOON - HOUR,
        DrillState.PASSED,
        "",
        NOON - HOUR,
        NOON,
        fencing_token=1,
        steps=(DONE,),
        measured=MEASURED,
    ),
    Drill("ddddd2", "weekly", "staging", DrillKind.BUNDLE, "prod", NOON - 2 * HOUR, NOON, DrillState.MISSED),
]
PROOF = ScriptProof(27, "ab" * 32, NOON, "dccccc", reversible=True)


NEWER = {"runs": {"request_id", "signature"}, "votes": {"channel", "ts", "request_id", "signature"}}
"""Columns that the older schema has not."""


def insert(conn: psycopg.Connection[Any], table: str, row: dict[str, Any]) -> None:
    row = {column: value for column, value in row.items() if column not in NEWER.get(table, ())}
    columns, values = ", ".join(row), ", ".join(f"%({column})s" for column in row)
    conn.execute(f"INSERT INTO backstop.{table} ({columns}) VALUES ({values})".encode(), row)


def write_run(conn: psycopg.Connection[Any], run: Run) -> None:
    changed = {name: getattr(run, name) for name in ("started_at", "ended_at", "problem", "cancel_requested_by")}
    owner = {"owner": "bot:1", "lease_until": NOON.replace(year=2999)} if run is RUNNING else {}
    row = mapping.run_row(run) | changed | owner | {"state": run.state.value, "fence": run.fencing_token}
    insert(conn, "runs", row)
    for step in run.steps:
        times = {"started_at": step.started_at, "ended_at": step.ended_at, "attempts": step.attempts}
        insert(conn, "steps", {"run_id": run.id} | mapping.step_row(step) | times)


def write_drill(conn: psycopg.Connection[Any], drill: Drill) -> None:
    names = ("id", "schedule", "environment", "bundle_of", "due_at", "start_at", "user_id", "started_at", "ended_at")
    row = {name: getattr(drill, name) for name in (*names, "announced_at", "problem")}
    row |= {"kind": drill.kind.value, "state": drill.state.value, "fence": drill.fencing_token}
    measured = TypeAdapter(Measurement).dump_json(drill.measured).decode() if drill.measured else None
    insert(conn, "drills", row | {"steps": _STEPS.dump_json(drill.steps).decode(), "measured": measured})


def append_keyless(conn: psycopg.Connection[Any], run_id: str) -> None:
    """Append an event as it was done before digests had a key."""
    last = conn.execute("SELECT sequence, digest FROM backstop.audit ORDER BY sequence DESC LIMIT 1").fetchone()
    previous = last or {"sequence": 0, "digest": ORIGIN}
    event = AuditEvent(
        previous["sequence"] + 1, NOON, run_id, "backstop", "run-taken-up", {"fence": 3}, previous["digest"], ""
    )
    row = vars(event) | {"details": json.dumps(event.details), "digest": keyless_digest(event)}
    insert(conn, "audit", row)


def find_runs(journal: PostgresJournal) -> list[Run]:
    """Read the runs, without the place in the log, which their rows do not have."""
    found = [journal.runs.find(run.id) for run in RUNS]
    assert all(run and run.log_head for run in found)
    return [replace(run, log_head="") for run in found if run]


@pytest.fixture
def older(older_dsn: str) -> str:
    """A journal as the older version leaves it, with rows of every kind."""
    with psycopg.connect(older_dsn, row_factory=dict_row) as conn:
        for run in RUNS:
            write_run(conn, run)
            append_keyless(conn, run.id)
        for drill in DRILLS:
            write_drill(conn, drill)
        vote = {"run_id": RUNS[0].id, "user_id": "U1", "choice": "approve", "digest": RUNS[0].plan.digest}
        insert(conn, "votes", vote | {"how": "button", "at": NOON})
        for request_id in ("slash:1", "slash:2"):
            payload = json.dumps({"label": "x"})
            insert(conn, "requests", {"id": request_id, "kind": "take", "payload": payload})
        chore = {"environment": "prod", "kind": "take", "request_id": "slash:1", "user_id": "U2", "attempts": 2}
        insert(conn, "chores", chore | {"since": NOON})
        insert(conn, "freezes", {"environment": "prod", "user_id": "U1", "reason": "billing"})
        insert(conn, "script_proofs", vars(PROOF))
    return older_dsn


@pytest.fixture
def journal(older: str, migrated: Callable[[], Pool]) -> PostgresJournal:
    del older
    return PostgresJournal(migrated(), StoppedClock(), KEYRING)


@pytest.fixture
def drills(older: str, migrated: Callable[[], Pool]) -> PostgresDrillRepository:
    del older
    return PostgresDrillRepository(migrated(), StoppedClock())


def test_runs_are_read_as_they_were(journal: PostgresJournal) -> None:
    assert find_runs(journal) == RUNS
    assert {run.state for run in RUNS} == set(RunState)
    assert [run.id for run in journal.runs.newest(limit=100)] == [run.id for run in RUNS[::-1]]


def test_a_running_owner_keeps_its_lease(journal: PostgresJournal) -> None:
    assert journal.runs.take(RUNNING.id, "bot:2", 30) is None
    assert journal.runs.unowned() == [run.id for run in RUNS if run.state is RunState.APPROVED]
    journal.leases.record_step(RUNNING.lease, STEPS[1].key, StepState.DONE)
    journal.leases.renew(RUNNING.lease, 0)
    assert RUNNING.id in journal.runs.unowned()
    with pytest.raises(PermanentError, match="fenced-off"):
        journal.leases.renew(lease(2, RUNNING.id), 30)


def test_a_parked_run_goes_on_with_the_next_token(journal: PostgresJournal) -> None:
    parked = next(run for run in RUNS if run.state is RunState.PARKED)
    assert journal.runs.resume(parked.id)
    taken = journal.runs.take(parked.id, "bot:2", 30)
    assert taken is not None
    assert (taken.fencing_token, taken.steps) == (4, parked.steps)


def test_drills_are_read_as_they_were_and_go_on(drills: PostgresDrillRepository) -> None:
    assert [drills.drill(drill.id) for drill in DRILLS] == DRILLS
    assert drills.script_proofs() == {PROOF.sha256: PROOF}
    taken = drills.take("dbbbbb", (), "bot:2", 30)
    assert taken is not None
    assert (taken.fencing_token, taken.steps) == (3, (DONE, DOING))


def test_a_job_keeps_its_holder_and_its_attempts(journal: PostgresJournal) -> None:
    assert journal.jobs.hold("prod", JobKind.TAKE, "slash:2", "U9") == JobHolder("slash:1", "U2", NOON)
    taken = journal.jobs.take("slash:1", [Step("take", 0, "Take it")], "bot:2", 30)
    assert taken == Lease(WorkKind.JOB, "slash:1", 3)


def test_everything_else_is_there(journal: PostgresJournal) -> None:
    (vote,) = journal.votes.current(RUNS[0].id)
    assert (vote.user_id, vote.choice) == ("U1", Choice.APPROVE)
    journal.audit.append("", "U1", "frozen", {"environment": "prod", "reason": "billing"})
    *events, newest = journal.audit.events()
    assert check_event(newest, KEYRING) is SignatureState.VALID
    assert newest.previous == events[-1].digest
    assert [check_event(event, KEYRING) for event in events] == [SignatureState.UNSIGNED] * len(RUNS)
    assert journal.requests.under_way() == [Request(i, "take", {"label": "x"}) for i in ("slash:1", "slash:2")]
    assert "billing" in (journal.freezes.frozen("prod") or "")


def test_a_request_from_before_attempts_were_counted_has_none(journal: PostgresJournal) -> None:
    with journal.requests.claim("slash:1") as claim:
        assert claim is not None
        assert claim.interrupted == 0


def test_migrating_again_changes_nothing(older: str, journal: PostgresJournal) -> None:
    with psycopg.connect(older) as conn:
        conn.execute("UPDATE backstop.applied_schema SET sha256 = sha256 || '-older'")
    migrate(older)
    assert find_runs(journal) == RUNS


@pytest.mark.parametrize(
    ("statement", "read"),
    [
        (
            "UPDATE backstop.runs SET fence = 4 WHERE id = %(run)s",
            "SELECT fencing_token FROM backstop.leases WHERE work_id = %(run)s",
        ),
        (
            "UPDATE backstop.drills SET fence = 4 WHERE id = 'dbbbbb'",
            "SELECT fencing_token FROM backstop.leases WHERE work_id = 'dbbbbb'",
        ),
        (
            "UPDATE backstop.chores SET attempts = 4 WHERE request_id = 'slash:1'",
            "SELECT fencing_token FROM backstop.leases WHERE work_id = 'slash:1'",
        ),
        (
            "UPDATE backstop.steps SET attempts = 4 WHERE run_id = %(run)s",
            "SELECT max(attempts) FROM backstop.steps WHERE work_id = %(run)s",
        ),
    ],
)
def test_what_an_older_replica_commits_while_the_migration_waits_for_it_is_kept(
    older: str, statement: str, read: str
) -> None:
    values = {"run": RUNNING.id}
    with psycopg.connect(older) as replica, ThreadPoolExecutor(1) as threads:
        replica.execute(statement.encode(), values)
        migration = threads.submit(migrate, older)
        with psycopg.connect(older, autocommit=True) as other:
            waiting = "SELECT FROM pg_locks JOIN pg_database ON oid = database WHERE datname = %s AND NOT granted"
            while not other.execute(waiting, [conninfo_to_dict(older)["dbname"]]).fetchall():
                assert not migration.done()
        replica.commit()
        migration.result()
        assert replica.execute(read.encode(), values).fetchone() == (4,)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE backstop.runs SET fence = fence + 1, owner = 'bot:1' WHERE id = 'r00002'",
        "UPDATE backstop.steps SET state = 'done' WHERE run_id = 'r00002'",
        "UPDATE backstop.drills SET fence = fence + 1, steps = '[]'",
        "INSERT INTO backstop.chores (environment, kind, request_id, user_id) VALUES ('prod', 'verify', 'x', 'U1')",
    ],
)
@pytest.mark.usefixtures("journal")
def test_an_older_replica_is_refused(older: str, statement: str) -> None:
    """Everything by which it takes work, or writes about it, names a column or a table that is gone."""
    with psycopg.connect(older) as conn, pytest.raises((psycopg.errors.UndefinedColumn, psycopg.errors.UndefinedTable)):
        conn.execute(statement.encode())


@pytest.mark.usefixtures("journal")
def test_an_older_replica_that_starts_again_changes_nothing(older: str) -> None:
    """It finds another text than its own, and applies that."""
    with psycopg.connect(older) as conn, pytest.raises(psycopg.errors.UndefinedColumn):
        conn.execute(OLDER.read_bytes())
    with psycopg.connect(older) as conn:
        assert conn.execute("SELECT to_regclass('backstop.chores') IS NULL").fetchone() == (True,)
