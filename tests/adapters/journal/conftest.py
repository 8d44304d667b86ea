"""The journal, the fake that the engine's tests use in its place, and a database of an older version."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from bot.adapters.journal import Pool, PostgresJournal, migrate, open_pool
from bot.sandbox.postgres import PostgresServer
from tests.fakes.clock import FakeClock
from tests.fakes.journal import FakeJournal

OLDER = Path(__file__).parent / "older" / "schema.sql"
_NUMBERS = itertools.count()


@pytest.fixture(params=["real", "fake"])
def either(request: pytest.FixtureRequest) -> PostgresJournal | FakeJournal:
    if request.param == "fake":
        return FakeJournal(FakeClock())
    journal: PostgresJournal = request.getfixturevalue("journal")
    return journal


@pytest.fixture
def older_dsn(postgres: PostgresServer) -> str:
    """An empty database with the schema from before there were leases."""
    name = f"journal_older_{next(_NUMBERS)}"
    with psycopg.connect(postgres.superuser_dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    dsn = postgres.dsn("postgres", name)
    with psycopg.connect(dsn) as connection:
        connection.execute(OLDER.read_bytes())
        connection.execute("INSERT INTO backstop.applied_schema (sha256) VALUES ('older')")
    return dsn


@pytest.fixture
def migrated(older_dsn: str) -> Iterator[Callable[[], Pool]]:
    """Migrates that database when called, and opens it."""
    pools = []

    def migrate_and_open() -> Pool:
        migrate(older_dsn)
        pools.append(open_pool(older_dsn, max_size=4))
        return pools[0]

    yield migrate_and_open
    for pool in pools:
        pool.close()
