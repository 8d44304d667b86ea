from collections.abc import Callable

import psycopg
import pytest

from bot.sandbox.physioflow import clones
from bot.sandbox.postgres import PostgresServer


def test_copies_are_apart(sample_database: Callable[[], clones.Clone]) -> None:
    one, other = sample_database(), sample_database()
    with psycopg.connect(one.owner_dsn) as conn:
        conn.execute("DROP TABLE feature_flag_audit_log")
    with psycopg.connect(other.owner_dsn) as conn:
        assert next(conn.execute("SELECT count(*) > 0 FROM feature_flag_audit_log")) == (True,)


def test_a_copy_is_an_environments_database(sample_database: Callable[[], clones.Clone]) -> None:
    copy = sample_database()
    with psycopg.connect(copy.app_dsn) as conn:
        assert next(conn.execute("SHOW statement_timeout")) == ("30s",)
    with psycopg.connect(copy.owner_dsn) as conn:
        assert next(conn.execute("SHOW physioflow.environment")) == ("prod",)
        (public_may_connect,) = next(
            conn.execute("SELECT has_database_privilege('backstop', current_database(), 'CONNECT')")
        )
        assert public_may_connect is False


def test_nobody_can_disturb_the_template(postgres: PostgresServer, sample_template: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="not currently accepting connections"):
        psycopg.connect(postgres.dsn("postgres", sample_template))


def test_dropping_ends_sessions_and_may_be_repeated(
    postgres: PostgresServer, sample_database: Callable[[], clones.Clone]
) -> None:
    copy = sample_database()
    with psycopg.connect(copy.owner_dsn, autocommit=True) as conn:
        clones.drop(postgres, copy.name)
        with pytest.raises(psycopg.OperationalError):
            conn.execute("SELECT 1")
    clones.drop(postgres, copy.name)
