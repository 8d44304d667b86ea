"""One database, however it is named, is one; two are two."""

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from bot.adapters.database import identify
from bot.sandbox.physioflow.clones import Clone
from bot.sandbox.postgres import PostgresServer


def test_its_names_do_not_matter(postgres: PostgresServer, shared_clone: Clone) -> None:
    words = make_conninfo(shared_clone.app_dsn)

    here = identify(shared_clone.owner_dsn)
    assert here is not None
    assert identify(words) == here
    assert identify(make_conninfo(words, host="localhost")) == here
    assert identify(shared_clone.owner_dsn, "postgres") == here
    assert identify(postgres.superuser_dsn) not in {here, None}


def test_a_closed_one_is_known_from_beside(postgres: PostgresServer, shared_clone: Clone) -> None:
    here = identify(shared_clone.owner_dsn)
    with psycopg.connect(postgres.superuser_dsn, autocommit=True) as conn:
        conn.execute(f"ALTER DATABASE {shared_clone.name} ALLOW_CONNECTIONS false".encode())
        try:
            assert identify(shared_clone.owner_dsn) is None
            assert identify(shared_clone.owner_dsn, "postgres") == here
        finally:
            conn.execute(f"ALTER DATABASE {shared_clone.name} ALLOW_CONNECTIONS true".encode())


def test_the_same_name_on_another_server_is_another(
    postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with PostgresServer(tmp_path_factory.mktemp("other") / "data") as other:
        assert identify(other.superuser_dsn) not in {identify(postgres.superuser_dsn), None}


@pytest.mark.parametrize("dsn", ["postgresql://127.0.0.1:1/x", "host='unclosed", "host=nowhere.invalid dbname=x"])
def test_whoever_does_not_answer_is_nobody(dsn: str) -> None:
    assert identify(dsn) is None
