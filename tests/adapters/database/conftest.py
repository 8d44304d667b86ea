"""A copy of PhysioFlow's sample for each test, and the adapter on it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from bot.adapters.clock import SystemClock
from bot.adapters.database import PostgresDatabase, Server, Tracking
from bot.adapters.database.connections import Connection
from bot.adapters.database.exclusive_access import PostgresExclusiveAccess
from bot.adapters.migration_files.files import ScriptFiles
from bot.adapters.pgclient.tools import PgTools
from bot.domain.environments import Timing
from bot.domain.migrations import DownScript
from bot.sandbox.physioflow import clones
from bot.sandbox.physioflow.clones import Clone
from bot.sandbox.postgres import PostgresServer, find_bin_dir

DOWN_DIR = Path(__file__).parents[3] / "sql" / "down"
TRACKING = Tracking("schema_migrations", ("version", "name"))
TIMING = Timing(lock_timeout_s=0.3, chain_attempts=2, stall_s=30.0)
REMAINING = frozenset(range(1, 24))
"""What is left when 027 to 024 are undone."""


@pytest.fixture(scope="session")
def scripts() -> dict[int, DownScript]:
    return dict(ScriptFiles(DOWN_DIR, "schema_migrations").load())


@pytest.fixture
def chain(scripts: dict[int, DownScript]) -> tuple[DownScript, ...]:
    return tuple(scripts[version] for version in (27, 26, 25, 24))


@pytest.fixture(scope="module")
def shared_clone(postgres: PostgresServer, sample_template: str) -> Iterator[Clone]:
    """A copy for tests that leave it as it was."""
    copy = clones.clone(postgres, sample_template, "sample_shared")
    yield copy
    clones.drop(postgres, copy.name)


@pytest.fixture
def clone(sample_database: Callable[[], Clone]) -> Clone:
    return sample_database()


@pytest.fixture
def clock() -> SystemClock:
    return SystemClock()


@pytest.fixture
def tools() -> PgTools:
    return PgTools(find_bin_dir())


@pytest.fixture
def database(clone: Clone, tools: PgTools, clock: SystemClock) -> PostgresDatabase:
    return PostgresDatabase(Server(clone.bot_dsn, TRACKING, TIMING, tools, clock))


@pytest.fixture
def owner(clone: Clone) -> Iterator[Connection]:
    """Somebody at work in the database, as its owner."""
    with psycopg.connect(clone.owner_dsn, autocommit=True, application_name="owner at work") as conn:
        yield conn
        if not conn.closed:
            conn.close()


@pytest.fixture
def superuser(clone: Clone) -> Iterator[Connection]:
    with psycopg.connect(clone.superuser_dsn, autocommit=True, application_name="superuser at work") as conn:
        yield conn
        conn.close()


@pytest.fixture
def server(clone: Clone, postgres_dsn: str) -> Iterator[Connection]:
    """A superuser beside the database, whom exclusive access does not touch."""
    del clone
    with psycopg.connect(postgres_dsn, autocommit=True) as conn:
        yield conn


@pytest.fixture
def postgres_dsn(clone: Clone) -> str:
    return clone.superuser_dsn.rpartition("/")[0] + "/postgres"


@pytest.fixture
def take_access(database: PostgresDatabase) -> Iterator[Callable[[], PostgresExclusiveAccess]]:
    """Closes the database when called; it is open again after the test."""
    made: list[PostgresExclusiveAccess] = []

    def close_database() -> PostgresExclusiveAccess:
        made.append(database.take_exclusive_access("rtest1"))
        return made[-1]

    yield close_database
    for each in made:
        each.close()
    database.reopen()
