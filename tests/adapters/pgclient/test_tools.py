import os
import stat
from pathlib import Path

import pytest

from bot.adapters.database.connections import Connections
from bot.adapters.pgclient.redaction import FUNCTION_SPOKE, summarise_errors
from bot.adapters.pgclient.restore_errors import read_restore_errors
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


@pytest.mark.parametrize(
    ("complained", "words"),
    [
        (
            'pg_dump: error: connection to server at "10.0.0.5", port 5432 failed: FATAL:  role "x" does not exist',
            'FATAL:  role "x" does not exist',
        ),
        (
            "pg_dump: error: query failed: ERROR:  permission denied for table t\npg_dump: detail: Query was: LOCK x",
            "query failed: ERROR:  permission denied for table t",
        ),
        (
            """pg_restore: while PROCESSING TOC:
            pg_restore: from TOC entry 2; 3079 16400 EXTENSION x
            pg_restore: error: could not execute query: ERROR:  permission denied to create extension
            HINT:  Must be superuser.
            Command was: CREATE EXTENSION x;""",
            "permission denied to create extension",
        ),
        ("", "it ended without a word"),
        ("Segmentation fault", "Segmentation fault"),
    ],
)
def test_a_tool_s_words_without_host_query_and_detail(complained: str, words: str) -> None:
    assert summarise_errors(complained) == words


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            'pg_restore: error: COPY failed for table "patients": ERROR:  invalid input syntax for type date: "Ng "Z""',
            'COPY failed for table "patients": ERROR:  invalid input syntax for type date: …',
        ),
        (
            'pg_restore: error: could not execute query: ERROR:  malformed array literal: "{Nguyen,An}"',
            "malformed array literal: …",
        ),
        ('pg_restore: error: ERROR:  value "99999999999" is out of range for type integer', "… is out of range for"),
        ('pg_restore: error: ERROR:  "1e9999" is out of range for type double precision', "… is out of range for type"),
        ('pg_restore: error: ERROR:  syntax error at or near "Nguyen"', "syntax error at or near …"),
        ("psql:a.sql:7: error: invalid command \\Nguyen", "invalid command \\…"),
        ('pg_restore: error: ERROR:  permission denied for table "patients"', 'permission denied for table "patients"'),
    ],
)
def test_values_of_rows_are_left_out(said: str, told: str) -> None:
    assert told in summarise_errors(f"{said}\nDETAIL:  Key (name)=(Nguyen)")
    assert "Nguyen" not in summarise_errors(said)
    assert "9999" not in summarise_errors(said)


def test_a_value_that_holds_a_quote_and_a_line_s_end_is_left_out() -> None:
    said = """pg_restore: error: COPY failed for table "patients": ERROR:  invalid input syntax for type integer: "An "
Nguyen Van"
CONTEXT:  COPY patients, line 1, column age: "An "
Nguyen Van\""""

    assert (
        summarise_errors(said) == 'COPY failed for table "patients": ERROR:  invalid input syntax for type integer: …'
    )


RAISED = """pg_restore: error: COPY failed for table "a_patients": ERROR:  patient Nguyen Van An has no clinic
CONTEXT:  PL/pgSQL function public.guard() line 3 at RAISE
COPY a_patients, line 1: "Nguyen Van An"
pg_restore: error: could not execute query: ERROR:  permission denied for table b
Command was: GRANT SELECT ON TABLE b TO c;
"""


def test_what_a_function_raised_is_not_repeated() -> None:
    assert summarise_errors(RAISED) == f'COPY failed for table "a_patients": ERROR:  {FUNCTION_SPOKE}'
    assert [str(restore_error) for restore_error in read_restore_errors(RAISED)] == [
        f'COPY failed for table "a_patients": ERROR:  {FUNCTION_SPOKE}.',
        "GRANT SELECT ON TABLE b TO c: permission denied for table b.",
    ]


@pytest.mark.parametrize(
    "words",
    [
        'role "app" does not exist',
        'relation "public.patients" already exists',
        'extension "postgis" is not available',
        'permission denied to create extension "postgis"',
        'must be able to SET ROLE "app"',
        'could not extend file "base/16384/16400": No space left on device',
        'could not obtain lock on relation "public.patients"',
        "canceling statement due to lock timeout",
        'insert or update on table "visits" violates foreign key constraint "visits_patient_id_fkey"',
        'duplicate key value violates unique constraint "patients_pkey"',
        'null value in column "name" of relation "patients" violates not-null constraint',
    ],
)
def test_what_people_need_to_act_is_repeated(words: str) -> None:
    assert summarise_errors(f"pg_restore: error: could not execute query: ERROR:  {words}") == words
