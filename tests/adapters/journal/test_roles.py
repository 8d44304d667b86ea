"""The role that the bot serves with adds to the audit log and does nothing else to it; another one owns all."""

import itertools
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest

from bot.adapters.clock import SystemClock
from bot.adapters.journal import PostgresJournal, migrate, open_pool, prepare, roles, schema
from bot.adapters.journal.roles import Login
from bot.adapters.outbox import PostgresOutbox
from bot.adapters.queue import ProcrastinateQueue, Worker
from bot.domain.approvals import Choice, Vote
from bot.domain.runs import RunState, StepState
from bot.engine.audit.verification import verify
from bot.errors import PermanentError
from bot.ports import AuditEntry, Message, Request
from bot.sandbox.postgres import PostgresServer
from tests.adapters.samples import NOON, STEPS, counter, make_run
from tests.fakes.keyring import KEYRING

_NUMBERS = itertools.count(1)


class State:
    """A state database with two roles."""

    def __init__(self, server: PostgresServer) -> None:
        number = next(_NUMBERS)
        self.server = server
        self.database = f"state_{number}"
        self.owner, self.serving = f"owner_{number}", f"serving_{number}"

    def initialise(self) -> None:
        logins = (Login(self.owner, self.server.password), Login(self.serving, self.server.password))
        roles.initialise(self.server.superuser_dsn, self.database, *logins)

    @property
    def dsn(self) -> str:
        return self.server.dsn(self.serving, self.database)

    @property
    def owner_dsn(self) -> str:
        return self.server.dsn(self.owner, self.database)

    def run(self, statement: str, dsn: str = "") -> list[tuple[Any, ...]]:
        with psycopg.connect(dsn or self.dsn, autocommit=True) as conn:
            cursor = conn.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []


@pytest.fixture
def state(postgres: PostgresServer) -> State:
    return State(postgres)


@pytest.fixture
def ready(state: State) -> State:
    state.initialise()
    return state


@pytest.fixture
def journal(ready: State) -> Iterator[PostgresJournal]:
    with open_pool(ready.dsn, max_size=4) as pool:
        yield PostgresJournal(pool, SystemClock(), KEYRING)


def test_everything_that_the_bot_does_is_allowed(ready: State, journal: PostgresJournal) -> None:
    prepare(ready.dsn)
    journal.requests.accept(Request("slash:1", "undo", {"run_id": "r1"}))
    with journal.requests.claim("slash:1") as claim:
        assert claim is not None
        claim.finish()
    run = make_run()
    journal.runs.open(run, AuditEntry(run.requester, "requested", {"digest": run.plan.digest}))
    for user in ("U1", "U2"):
        vote = Vote(user, Choice.APPROVE, run.plan.digest, "button", NOON)
        entry = AuditEntry(user, "voted", {"choice": "approve", "digest": run.plan.digest})
        journal.votes.cast(run.id, vote, counter(2), entry)
    taken = journal.runs.take(run.id, "bot:1", 30)
    assert taken is not None
    journal.leases.record_step(taken.lease, STEPS[0].key, StepState.RUNNING)
    running = frozenset({RunState.RUNNING})
    assert journal.runs.end(run.id, RunState.FAILED, "no", expect=running, fencing_token=taken.fencing_token)
    journal.freezes.freeze("prod", "U1", "billing")
    assert journal.freezes.unfreeze("prod")
    assert verify(journal.audit, KEYRING, None).notes[0].startswith("3 events, 1 runs, 2 votes")


def test_messages_and_the_queue_need_no_more_rights(ready: State) -> None:
    with open_pool(ready.dsn, max_size=2) as pool:
        PostgresOutbox(pool, KEYRING).put(Message("key", "C1", "text", []))
        assert [waiting.waiting for waiting in PostgresOutbox(pool, KEYRING).backlog()][:1]
    done = threading.Event()
    worker = Worker(ready.dsn, lambda _: done.set(), lambda _: None)
    with closing(ProcrastinateQueue(ready.dsn)) as queue:
        worker.start()
        queue.defer_request("slash:1")
        assert done.wait(20)
        queue.heal()
        worker.stop(5)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE backstop.audit SET actor = 'U2'",
        "DELETE FROM backstop.audit",
        "TRUNCATE backstop.audit",
        "ALTER TABLE backstop.audit DISABLE TRIGGER ALL",
        "ALTER TABLE backstop.audit OWNER TO CURRENT_USER",
        "DROP TABLE backstop.audit",
        "DROP SCHEMA backstop CASCADE",
        "CREATE TABLE backstop.spare (i int)",
        "CREATE RULE r AS ON INSERT TO backstop.audit DO INSTEAD NOTHING",
        "CREATE TRIGGER t BEFORE INSERT ON backstop.audit EXECUTE FUNCTION backstop.refuse_audit_change()",
        "CREATE OR REPLACE FUNCTION backstop.refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'",
        "CREATE FUNCTION public.now() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "SET session_replication_role = replica",
        "UPDATE backstop.applied_schema SET sha256 = ''",
        "INSERT INTO backstop.applied_queue (version) VALUES ('9')",
        "MERGE INTO backstop.audit USING (SELECT 1) AS one ON true WHEN MATCHED THEN DELETE",
        "INSERT INTO backstop.audit SELECT * FROM backstop.audit ON CONFLICT (sequence) DO UPDATE SET actor = 'U2'",
        "SELECT * FROM backstop.audit FOR UPDATE",
        "CREATE ROLE friend",
        "ALTER DATABASE {database} SET search_path = evil",
    ],
)
def test_the_serving_role_only_adds_to_the_log(ready: State, journal: PostgresJournal, statement: str) -> None:
    journal.audit.append("", "U1", "frozen", {})
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        ready.run(statement.format(database=ready.database))


def test_nor_can_it_become_the_owner(ready: State) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        ready.run(f"SET ROLE {ready.owner}")
    assert roles.look(ready.dsn) == roles.Powers(ready.serving, ready.owner, is_current=True, weaknesses=())


def test_the_owner_itself_is_stopped_by_the_trigger_first(ready: State, journal: PostgresJournal) -> None:
    journal.audit.append("", "U1", "frozen", {})
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
        ready.run("DELETE FROM backstop.audit", ready.owner_dsn)


def test_initialising_again_changes_nothing(ready: State, journal: PostgresJournal) -> None:
    journal.audit.append("", "U1", "frozen", {})
    before = ready.run("SELECT oid, relowner, relacl FROM pg_class WHERE relname NOT LIKE 'pg_%' ORDER BY oid")
    ready.initialise()
    assert ready.run("SELECT oid, relowner, relacl FROM pg_class WHERE relname NOT LIKE 'pg_%' ORDER BY oid") == before
    assert len(list(journal.audit.events())) == 1


def test_a_database_with_one_role_is_handed_over_with_its_rows(state: State) -> None:
    admin = state.server.superuser_dsn
    state.run(f"CREATE ROLE {state.serving} LOGIN PASSWORD '{state.server.password}'", admin)
    state.run(f"CREATE DATABASE {state.database} OWNER {state.serving}", admin)
    prepare(state.dsn)
    with open_pool(state.dsn, max_size=2) as pool:
        PostgresJournal(pool, SystemClock(), KEYRING).audit.append("", "U1", "frozen", {})
    (weakness,) = roles.look(state.dsn).weaknesses
    assert f"the bot's own role {state.serving} owns the log" in weakness
    state.initialise()
    assert roles.look(state.dsn).weaknesses == ()
    assert state.run("SELECT count(*) FROM backstop.audit") == [(1,)]
    left = "SELECT relname FROM pg_class WHERE relowner = (SELECT oid FROM pg_roles WHERE rolname = '{}')"
    assert state.run(left.format(state.serving)) == []
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        state.run("DELETE FROM backstop.audit")


def test_a_schema_that_is_not_current_is_migrated_by_the_owner_only(ready: State) -> None:
    ready.run("UPDATE backstop.applied_schema SET sha256 = 'older'", ready.owner_dsn)
    with pytest.raises(PermanentError, match="journal-needs-migration") as refused:
        prepare(ready.dsn)
    assert "backstop db migrate" in refused.value.hint
    assert not roles.look(ready.dsn).is_current
    migrate(ready.owner_dsn, ready.serving)
    prepare(ready.dsn)
    assert roles.look(ready.dsn).is_current


def test_an_empty_database_is_none_to_serve_with(state: State) -> None:
    state.run(f"CREATE ROLE {state.serving} LOGIN PASSWORD '{state.server.password}'", state.server.superuser_dsn)
    state.run(f"CREATE DATABASE {state.database}", state.server.superuser_dsn)
    for look in (prepare, roles.look):
        with pytest.raises(PermanentError, match="journal-needs-migration"):
            look(state.dsn)


def test_what_a_migration_adds_is_granted_with_it(ready: State) -> None:
    ready.run("CREATE TABLE backstop.novelty (i int)", ready.owner_dsn)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        ready.run("INSERT INTO backstop.novelty VALUES (1)")
    migrate(ready.owner_dsn, ready.serving)
    ready.run("INSERT INTO backstop.novelty VALUES (1)")


@pytest.mark.parametrize(
    ("statement", "weakness"),
    [
        ("ALTER ROLE {serving} SUPERUSER", "is a superuser"),
        ("ALTER ROLE {serving} CREATEROLE", "may create roles"),
        ("GRANT {owner} TO {serving}", "owns the log"),
        ("GRANT {owner} TO {serving} WITH INHERIT FALSE, SET TRUE", "owns the log"),
        ("GRANT UPDATE (actor) ON backstop.audit TO {serving}", "may change or delete"),
        ("GRANT DELETE ON backstop.audit TO {serving}", "may change or delete"),
        ("GRANT TRUNCATE ON backstop.audit TO {serving}", "may change or delete"),
        ("GRANT pg_write_all_data TO {serving}", "may change or delete"),
        ("GRANT TRIGGER ON backstop.audit TO PUBLIC", "may put triggers"),
        ("ALTER DATABASE {database} OWNER TO {serving}", "owns the state database"),
        ("ALTER TABLE backstop.audit DISABLE TRIGGER audit_append_only", "trigger is missing or disabled"),
        ("DROP TRIGGER audit_append_only ON backstop.audit", "trigger is missing or disabled"),
    ],
)
def test_whatever_gives_it_more_is_named(ready: State, statement: str, weakness: str) -> None:
    names = {"owner": ready.owner, "serving": ready.serving, "database": ready.database}
    ready.run(statement.format(**names), ready.server.dsn("postgres", ready.database))
    (found,) = roles.look(ready.dsn).weaknesses
    assert weakness in found


def test_one_name_for_both_roles_is_refused(state: State) -> None:
    login = Login("backstop")
    with pytest.raises(PermanentError, match="state-roles-same"):
        roles.initialise(state.server.superuser_dsn, state.database, login, login)


@pytest.mark.parametrize("dsn", ["postgresql://", "nonsense", "host=a dbname=b"])
def test_a_dsn_without_a_role_is_refused_and_not_quoted(dsn: str) -> None:
    with pytest.raises(PermanentError, match="bad-dsn"):
        roles.read_login(dsn)


def test_a_password_is_no_part_of_a_login_s_text(ready: State) -> None:
    login, database = roles.read_login(ready.dsn)
    assert (login.role, login.password, database) == (ready.serving, ready.server.password, ready.database)
    assert ready.server.password not in repr(login)


def test_an_administrator_needs_no_superuser(state: State) -> None:
    admin, password = f"admin_{state.database}", state.server.password
    state.run(f"CREATE ROLE {admin} LOGIN CREATEROLE CREATEDB PASSWORD '{password}'", state.server.superuser_dsn)
    logins = (Login(state.owner, password), Login(state.serving, password))
    for _ in range(2):
        roles.initialise(state.server.dsn(admin, "postgres"), state.database, *logins)
    assert roles.look(state.dsn).weaknesses == ()


def test_the_queue_is_brought_up_to_date_by_its_own_migrations() -> None:
    names = [file.name for file in schema._queue_migrations("3.2.0", "3.4.0")]
    assert names[0] == "03.03.00_01_pre_priority_lock_fetch_job.sql"
    assert names[-1] == "03.04.00_50_post_add_retry_failed_job_procedure.sql"
    assert schema._queue_migrations("3.10.0", "3.10.0") == []
