"""What a replica refuses to start with."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from bot.app import Parts, Service, assemble, check_apart
from bot.config import Config, load
from bot.config.new_key import generate_key
from bot.errors import PermanentError
from bot.sandbox.postgres import PostgresServer

DEPLOYED = Path(__file__).parents[1] / "deploy" / "backstop.toml"
SECRETS = {
    "BACKSTOP_SLACK_BOT_TOKEN": "xoxb-1-sample",
    "BACKSTOP_SLACK_SIGNING_SECRET": "0123456789abcdef0123456789abcdef",
    "BACKSTOP_SIGNING_KEYS": generate_key("k1"),
    "BACKSTOP_STATE_DSN": "postgresql://localhost/state",
    "BACKSTOP_DEV_DSN": "postgresql://localhost/dev",
    "BACKSTOP_STAGING_DSN": "postgresql://localhost/staging",
    "BACKSTOP_PROD_DSN": "postgresql://localhost/prod",
    "BACKSTOP_DEV_LOADER_PASSWORD": "one",
    "BACKSTOP_STAGING_LOADER_PASSWORD": "two",
    "BACKSTOP_PROD_LOADER_PASSWORD": "three",
}


def test_http_mode_is_refused_instead_of_hearing_nobody(tmp_path: Path) -> None:
    file = tmp_path / "backstop.toml"
    scripts = DEPLOYED.parents[1] / "sql" / "down"
    text = DEPLOYED.read_text().replace('mode = "socket"', 'mode = "http"').replace("sql/down", str(scripts))
    file.write_text(text)
    with pytest.raises(PermanentError, match="http-mode-not-available"):
        Service(load(file, SECRETS), cast("Parts", None), listen=True)


def configured(tmp_path: Path, **dsns: str) -> Config:
    file = tmp_path / "backstop.toml"
    scripts = DEPLOYED.parents[1] / "sql" / "down"
    file.write_text(DEPLOYED.read_text().replace("sql/down", str(scripts)))
    secrets = {f"BACKSTOP_{name.upper()}_DSN": dsn for name, dsn in dsns.items()}
    return load(file, SECRETS | {"BACKSTOP_SLACK_APP_TOKEN": "xapp-1-sample"} | secrets)


@pytest.fixture
def apart(postgres: PostgresServer) -> Iterator[dict[str, str]]:
    """A database for the journal and one for production; staging and dev are away."""
    names = {"state": "apart_state", "prod": "apart_prod"}
    with psycopg.connect(postgres.superuser_dsn, autocommit=True) as conn:
        for name in names.values():
            conn.execute(f"CREATE DATABASE {name}".encode())
        away = {name: f"postgresql://127.0.0.1:1/{name}" for name in ("dev", "staging")}
        yield away | {key: postgres.dsn("postgres", name) for key, name in names.items()}
        for name in names.values():
            conn.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def test_a_database_under_two_names_is_refused_before_anything_is_made_in_it(
    tmp_path: Path, apart: dict[str, str]
) -> None:
    other_name = make_conninfo(apart["prod"], host="localhost")
    config = configured(tmp_path, **apart | {"state": other_name})
    with pytest.raises(PermanentError) as caught, assemble(config):
        pass
    assert str(caught.value).startswith(
        "same-database: environments.prod.database is the same database as state, by another name."
    )
    with psycopg.connect(apart["prod"]) as conn:
        assert conn.execute("SELECT count(*) FROM pg_namespace WHERE nspname = 'backstop'").fetchone() == (0,)


def test_two_databases_and_two_that_are_away_are_no_reason(tmp_path: Path, apart: dict[str, str]) -> None:
    check_apart(configured(tmp_path, **apart))
