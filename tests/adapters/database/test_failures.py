"""What the server says, and what of it may be repeated."""

from collections.abc import Iterator

import psycopg
import pytest

from bot.adapters.database.connections import Connection
from bot.adapters.database.failures import server_words
from bot.sandbox.physioflow.clones import Clone

RAISE = "DO $$ BEGIN RAISE {}; END $$"
IN_THE_LOG = "the server's log has its words"
UNSAID = f"a function raised an exception; {IN_THE_LOG}"


@pytest.fixture
def conn(shared_clone: Clone) -> Iterator[Connection]:
    with psycopg.connect(shared_clone.owner_dsn) as conn:
        yield conn
        conn.rollback()


def words_of(conn: Connection, statement: str) -> str:
    with pytest.raises(psycopg.Error) as caught:
        conn.execute(statement.encode())
    return server_words(caught.value)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (RAISE.format("'patient Nguyen Van An is unknown'"), f"{UNSAID} (P0001)"),
        (RAISE.format("'patient Nguyen' USING ERRCODE = 'restrict_violation'"), f"{UNSAID} (23001)"),
        (RAISE.format("'patient Nguyen' USING ERRCODE = 'insufficient_privilege'"), f"{UNSAID} (42501)"),
        (
            """SELECT 'Nguyen "Van" An'::integer""",
            f"invalid text representation; {IN_THE_LOG} (22P02)",
        ),
        ("SELECT 1 / 0", f"division by zero; {IN_THE_LOG} (22012)"),
        (
            "DO $$ BEGIN ASSERT false, 'patient Nguyen'; END $$",
            f"assert failure; {IN_THE_LOG} (P0004)",
        ),
        (
            "DO $$ BEGIN EXECUTE 'SELECT ''x'' Nguyen Van'; END $$",
            f"syntax error; {IN_THE_LOG} (42601)",
        ),
    ],
)
def test_values_and_what_functions_say_are_left_out(conn: Connection, statement: str, said: str) -> None:
    assert words_of(conn, statement) == said


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("SELEC 1", 'syntax error at or near "SELEC" (42601)'),
        ("DROP TABLE nothing", 'table "nothing" does not exist (42P01)'),
        ("INSERT INTO clinics (code) VALUES (NULL)", "null value in column"),
        ("DELETE FROM clinics", "violates foreign key constraint"),
        (
            "INSERT INTO clinics (code, name) SELECT code, name FROM clinics",
            "duplicate key value violates unique",
        ),
    ],
)
def test_what_people_need_to_act_is_repeated(conn: Connection, statement: str, said: str) -> None:
    assert said in words_of(conn, statement)
