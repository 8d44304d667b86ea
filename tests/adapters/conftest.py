"""A state database, emptied before each test."""

from collections.abc import Iterator

import psycopg
import pytest

from bot.adapters.journal import PostgresJournal, migrate, open_pool
from bot.adapters.journal.connections import Pool
from bot.adapters.outbox import PostgresOutbox
from bot.sandbox.postgres import PostgresServer
from tests.adapters.outbox.loudspeaker import Loudspeaker
from tests.adapters.samples import StoppedClock
from tests.fakes.keyring import KEYRING

TABLES = (
    "requests, request_attempts, jobs, leases, script_proofs, drills, drill_schedules, drill_alerts, runs, steps, "
    "votes, freezes, outbox"
)


@pytest.fixture(scope="session")
def state_dsn(postgres: PostgresServer) -> str:
    with psycopg.connect(postgres.superuser_dsn, autocommit=True) as connection:
        connection.execute("CREATE DATABASE journal_tests")
        connection.execute("ALTER DATABASE journal_tests SET timezone TO 'Asia/Ho_Chi_Minh'")
    dsn = postgres.dsn("postgres", "journal_tests")
    migrate(dsn)
    return dsn


@pytest.fixture(scope="module")
def shared_pool(state_dsn: str) -> Iterator[Pool]:
    with open_pool(state_dsn, max_size=20) as pool:
        yield pool


@pytest.fixture
def pool(shared_pool: Pool) -> Pool:
    with shared_pool.connection() as connection:
        for table in TABLES.split(", "):
            connection.execute(f"TRUNCATE backstop.{table} CASCADE".encode())
        connection.execute("SET LOCAL session_replication_role = replica")  # past the audit log's trigger
        connection.execute("DELETE FROM backstop.audit")
        connection.execute("DELETE FROM procrastinate_jobs")
    return shared_pool


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
def journal(pool: Pool, clock: StoppedClock) -> PostgresJournal:
    return PostgresJournal(pool, clock, KEYRING)


@pytest.fixture
def outbox(pool: Pool) -> PostgresOutbox:
    return PostgresOutbox(pool, KEYRING)


@pytest.fixture
def chat() -> Loudspeaker:
    return Loudspeaker()
