"""Migration, and what happens when the state database is away."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from bot.adapters.journal import PostgresJournal, migrate, open_pool
from bot.errors import PermanentError, TemporaryError
from bot.sandbox.postgres import PostgresServer, free_port
from tests.adapters.samples import StoppedClock
from tests.fakes.keyring import KEYRING


def test_replicas_that_start_at_once_migrate_once(postgres: PostgresServer) -> None:
    with psycopg.connect(postgres.superuser_dsn, autocommit=True) as connection:
        connection.execute("CREATE DATABASE journal_fresh")
    dsn = postgres.dsn("postgres", "journal_fresh")
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: migrate(dsn), range(4)))
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT count(*) FROM backstop.applied_schema").fetchone() == (1,)
        assert connection.execute("SELECT to_regclass('procrastinate_jobs')::text").fetchone() == (
            "procrastinate_jobs",
        )


def test_migrating_again_keeps_what_is_there_and_locks_nothing(state_dsn: str, journal: PostgresJournal) -> None:
    journal.freezes.freeze("prod", "U1", "billing")
    with psycopg.connect(state_dsn) as other:
        other.execute("LOCK TABLE backstop.runs, backstop.audit IN ACCESS EXCLUSIVE MODE")
        migrate(state_dsn)
    assert journal.freezes.frozen("prod") is not None


def test_an_older_schema_is_completed(state_dsn: str, journal: PostgresJournal) -> None:
    journal.freezes.freeze("prod", "U1", "billing")
    with psycopg.connect(state_dsn) as connection:
        connection.execute("DROP TABLE backstop.outbox")
        connection.execute("UPDATE backstop.applied_schema SET sha256 = 'older'")
    migrate(state_dsn)
    with psycopg.connect(state_dsn) as connection:
        assert connection.execute("SELECT to_regclass('backstop.outbox') IS NOT NULL").fetchone() == (True,)
        connection.execute("DELETE FROM backstop.applied_schema WHERE sha256 = 'older'")
    assert journal.freezes.frozen("prod") is not None


def test_an_index_that_was_there_twice_is_there_once(state_dsn: str, journal: PostgresJournal) -> None:
    del journal
    with psycopg.connect(state_dsn) as connection:
        connection.execute("CREATE INDEX steps_left_open ON backstop.steps (work_id) WHERE state = 'open'")
        connection.execute("UPDATE backstop.applied_schema SET sha256 = 'older'")
    migrate(state_dsn)
    with psycopg.connect(state_dsn) as connection:
        left = connection.execute(
            "SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = 'backstop.steps'::regclass "
            "AND indpred IS NOT NULL"
        ).fetchall()
        connection.execute("DELETE FROM backstop.applied_schema WHERE sha256 = 'older'")
    assert left == [("backstop.steps_open",)]


def test_an_unreachable_server_is_a_temporary_error_without_its_address() -> None:
    port = free_port()
    dsn = f"postgresql://bot:sesame@127.0.0.1:{port}/state"
    with pytest.raises(TemporaryError) as failed:
        migrate(dsn)
    with open_pool(dsn, max_size=1) as pool:
        pool.timeout = 0.2
        with pytest.raises(TemporaryError) as refused:
            PostgresJournal(pool, StoppedClock(), KEYRING).freezes.frozen("prod")
    for error in (failed.value, refused.value):
        assert error.reference == "journal-unreachable"
        assert not [secret for secret in ("sesame", str(port), "127.0.0.1") if secret in str(error)]


def test_connections_that_died_are_replaced_unseen(journal: PostgresJournal, state_dsn: str) -> None:
    journal.freezes.freeze("prod", "U1", "billing")
    with psycopg.connect(state_dsn) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity WHERE application_name = 'backstop'"
        )
    assert journal.freezes.frozen("prod") is not None


def test_what_the_database_refuses_is_a_permanent_error_without_the_text(journal: PostgresJournal) -> None:
    with pytest.raises(PermanentError, match="journal-refused") as refused:
        journal.freezes.freeze("pr\0od", "U1", "secret")
    assert "secret" not in str(refused.value)
