"""Messages of client tools are repeated without hosts, queries and values of rows."""

import pytest

from bot.adapters.pgclient.redaction import summarise_errors


@pytest.mark.parametrize(
    ("message", "words"),
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
def test_a_tool_s_words_without_host_query_and_detail(message: str, words: str) -> None:
    assert summarise_errors(message) == words


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


@pytest.mark.parametrize(
    "said",
    [
        "Nguyen Van An is not insured",
        "geometry POINT(Nguyen) is not valid",
        "AUDIT: SESSION,1,1,Nguyen",
        "patient Nguyen has 2 visits",
    ],
)
def test_what_is_not_the_servers_own_is_not_repeated_even_without_quotes(said: str) -> None:
    shown = summarise_errors(f"pg_restore: error: could not execute query: ERROR:  {said}")
    assert shown == "an error whose words may quote a row; the server's log has them"
