"""A database is recognised whatever it is called, and the server's messages are redacted."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from bot.adapters.database import identify
from bot.adapters.database.connections import Connection, safe_message
from bot.sandbox.physioflow.clones import Clone
from bot.sandbox.postgres import PostgresServer

RAISE = "DO $$ BEGIN RAISE {}; END $$"
IN_THE_LOG = "the server's log has its words"
UNSAID = f"the database's own code raised an exception in a DO block; {IN_THE_LOG}"


def test_its_names_do_not_matter(postgres: PostgresServer, shared_clone: Clone) -> None:
    words = make_conninfo(shared_clone.app_dsn)

    here = identify(shared_clone.bot_dsn)
    assert here is not None
    assert identify(words) == here
    assert identify(make_conninfo(words, host="localhost")) == here
    assert identify(shared_clone.bot_dsn, "postgres") == here
    assert identify(postgres.superuser_dsn) not in {here, None}


def test_a_closed_one_is_known_from_beside(postgres: PostgresServer, shared_clone: Clone) -> None:
    here = identify(shared_clone.bot_dsn)
    with psycopg.connect(postgres.superuser_dsn, autocommit=True) as conn:
        conn.execute(f"ALTER DATABASE {shared_clone.name} ALLOW_CONNECTIONS false".encode())
        try:
            assert identify(shared_clone.bot_dsn) is None
            assert identify(shared_clone.bot_dsn, "postgres") == here
        finally:
            conn.execute(f"ALTER DATABASE {shared_clone.name} ALLOW_CONNECTIONS true".encode())


def test_the_same_name_on_another_server_is_another(
    postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with PostgresServer(tmp_path_factory.mktemp("other") / "data") as other:
        assert identify(other.superuser_dsn) not in {identify(postgres.superuser_dsn), None}


@pytest.mark.parametrize("dsn", ["postgresql://127.0.0.1:1/x", "host='unclosed", "host=nowhere.invalid dbname=x"])
def test_a_database_that_does_not_answer_is_unknown(dsn: str) -> None:
    assert identify(dsn) is None


@pytest.fixture
def conn(shared_clone: Clone) -> Iterator[Connection]:
    with psycopg.connect(shared_clone.owner_dsn) as conn:
        yield conn
        conn.rollback()


def words_of(conn: Connection, statement: str) -> str:
    with pytest.raises(psycopg.Error) as caught:
        conn.execute(statement.encode())
    return safe_message(caught.value)


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
        (
            """DO $$ BEGIN EXECUTE 'DROP TABLE "Nguyen Van"'; END $$""",
            f"undefined table; {IN_THE_LOG} (42P01)",
        ),
        (
            RAISE.format("'Nguyen' USING ERRCODE = 'XX000'"),
            f"{UNSAID} (XX000)",
        ),
        (
            RAISE.format("'Nguyen' USING ERRCODE = '45000'"),
            f"{UNSAID} (45000)",
        ),
    ],
)
def test_values_and_what_functions_say_are_left_out(conn: Connection, statement: str, said: str) -> None:
    assert words_of(conn, statement) == said


def test_the_function_that_raised_is_named(conn: Connection) -> None:
    conn.execute("CREATE FUNCTION public.watch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'Nguyen'; END $$")
    conn.execute("CREATE TRIGGER watch BEFORE DELETE ON clinics FOR EACH ROW EXECUTE FUNCTION public.watch()")
    assert words_of(conn, "DELETE FROM clinics") == (
        f"the database's own code raised an exception in watch(); {IN_THE_LOG} (P0001)"
    )
    conn.rollback()


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
