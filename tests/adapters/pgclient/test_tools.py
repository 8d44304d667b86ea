"""Client tools: their version, their environment, their end."""

import os
import stat
from pathlib import Path

import pytest

from bot.adapters.database.connections import Connections
from bot.adapters.pgclient.tools import PgTools, ToolFailedError
from bot.errors import PermanentError
from bot.sandbox.postgres import PostgresServer, find_bin_dir, free_port


def fake(directory: Path, tool: str, body: str) -> PgTools:
    path = directory / tool
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return PgTools(directory)


def test_the_version(tmp_path: Path) -> None:
    assert PgTools(find_bin_dir()).version().startswith("18.")
    assert fake(tmp_path, "pg_dump", "echo 'pg_dump (PostgreSQL) 17beta1'").version() == "17"


@pytest.mark.parametrize(("server", "refused"), [(160004, False), (170000, False), (180001, True)])
def test_a_tool_older_than_the_server_is_refused(tmp_path: Path, server: int, *, refused: bool) -> None:
    tools = fake(tmp_path, "pg_dump", "echo 'pg_dump (PostgreSQL) 17.2'")
    if not refused:
        tools.check_version(server)
        return
    with pytest.raises(PermanentError, match=r"tool-too-old: pg_dump is 17\.2 and the server is PostgreSQL 18"):
        tools.check_version(server)


def test_a_tool_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="tool-missing"):
        PgTools(tmp_path).version()
    with pytest.raises(PermanentError, match="tool-missing"):
        fake(tmp_path, "pg_dump", "echo nonsense").version()


def test_secrets_go_through_the_environment_and_ours_stay_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKSTOP_SLACK_BOT_TOKEN", "xoxb-secret")
    monkeypatch.setenv("PGPASSWORD", "somebody else's")
    dsn = "postgresql://someone:pass%20'word@db.example:6432/live?sslmode=require&options=-c%20a.b%3Dc"
    tools = fake(tmp_path, "pg_dump", f'echo "$@" > {tmp_path}/arguments; env > {tmp_path}/environment')

    environment = Connections(dsn, "postgres", 1.0).tool_environment("other", "backstop x")
    tools.start_schema_dump(environment, tmp_path / "file", 1.5).wait()

    said = dict(line.split("=", 1) for line in (tmp_path / "environment").read_text().splitlines() if "=" in line)
    wanted = {
        "PGHOST": "db.example",
        "PGPORT": "6432",
        "PGUSER": "someone",
        "PGPASSWORD": "pass 'word",
        "PGDATABASE": "other",
        "PGSSLMODE": "require",
        "PGOPTIONS": "-c a.b=c",
        "PGAPPNAME": "backstop x",
    }
    assert {name: said[name] for name in wanted} == wanted
    assert "BACKSTOP_SLACK_BOT_TOKEN" not in said
    arguments = (tmp_path / "arguments").read_text()
    assert "--lock-wait-timeout=1500" in arguments
    assert "word" not in arguments
    assert "db.example" not in arguments


def test_a_server_that_is_not_there_in_words_without_its_address(tmp_path: Path) -> None:
    environment = Connections(f"postgresql://u:p@127.0.0.1:{free_port()}/d", "postgres", 1.0).tool_environment()

    with pytest.raises(ToolFailedError) as caught:
        PgTools(find_bin_dir()).start_schema_dump(environment, tmp_path / "file", 1.0).wait()

    assert caught.value.message == "Connection refused"
    assert not caught.value.locked


def test_a_dump_cut_short_is_refused(postgres: PostgresServer, tmp_path: Path) -> None:
    environment = Connections(postgres.superuser_dsn, "postgres", 1.0).tool_environment()
    tools = PgTools(find_bin_dir())
    file = tmp_path / "schema"
    tools.start_schema_dump(environment, file, 1.0).wait()
    os.truncate(file, 100)

    with pytest.raises(ToolFailedError, match="could not read from input file"):
        tools.list_contents(file)


def test_a_running_tool_can_be_killed_even_if_it_will_not_listen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.adapters.pgclient.tools.KILL_PATIENCE_S", 0.1)
    run = fake(tmp_path, "deaf", f"trap '' TERM; touch {tmp_path}/up; while :; do sleep 0.05; done").start(
        "deaf", [], {}
    )
    while not (tmp_path / "up").exists():
        assert run.is_running()

    run.kill()
    run.kill()

    assert not run.is_running()
    assert run.failed
