"""Loading: every format, what a role may not do is told by name, what fails leaves nothing."""

import threading
import time
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from bot.adapters.clock import SystemClock
from bot.adapters.database import Server
from bot.adapters.database.connections import Connection
from bot.adapters.pgclient.tools import PgTools
from bot.adapters.sides import PostgresSides
from bot.domain.backups import BundleKind
from bot.domain.runs import Progress
from bot.errors import PermanentError, TemporaryError
from bot.sandbox.postgres import PostgresServer
from tests.adapters.sides.conftest import TIMING, TRACKING, Nasty, dump_directory, ignore, loader_login, restore_aside
from tests.adapters.sides.dumps import dump_as, plain, refused
from tests.adapters.sides.test_equivalence import schema_text, state

NAP = "CREATE TABLE nap (id int, at text DEFAULT pg_catalog.pg_sleep(60)::text);\nINSERT INTO nap (id) VALUES (1);\n"
"""What reading cannot stop: an expression that runs while rows are loaded."""


@pytest.mark.parametrize("kind", [BundleKind.CUSTOM, BundleKind.TAR, BundleKind.PLAIN])
def test_archives_of_the_old_scripts(nasty: Nasty, tmp_path: Path, kind: BundleKind) -> None:
    side = restore_aside(nasty, dump_as(nasty, kind, tmp_path / "dump"))
    side_dsn = nasty.superuser_dsn.replace(nasty.name, side)
    assert nasty.sides.copy_settings(side) == []
    assert schema_text(side_dsn) == schema_text(nasty.superuser_dsn)
    before, after = state(nasty.superuser_dsn), state(side_dsn)
    assert {name for name in before if before[name] != after[name]} == {"database"}  # its comment has our note


def test_what_a_function_raises_about_a_row_is_not_repeated(nasty: Nasty, tmp_path: Path) -> None:
    with psycopg.connect(nasty.owner_dsn, autocommit=True) as conn:
        conn.execute(
            """CREATE FUNCTION guard(name text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
            IF current_database() LIKE '%backstop%' THEN RAISE 'patient % (0901-234-567) has no clinic', name; END IF;
            RETURN true; END $$"""
        )
        conn.execute("CREATE TABLE a_patients (name text CHECK (public.guard(name)))")
        conn.execute("INSERT INTO a_patients VALUES ('Nguyen Van An')")

    error = refused(nasty, dump_directory(nasty, tmp_path))

    assert error.reference == "load-failed"
    assert "the database's own code raised an exception; the server's log has its words" in error.message
    assert "a_patients" in error.message
    assert "Nguyen" not in str(error)
    assert "0901" not in str(error)


def test_problems_are_named(nasty: Nasty, tmp_path: Path) -> None:
    side = nasty.sides.load("r1", dump_directory(nasty, tmp_path), ignore)
    with psycopg.connect(nasty.bot_dsn.replace(nasty.name, side), autocommit=True) as conn:
        conn.execute("ALTER TABLE visits DROP CONSTRAINT unknown_patient")
        conn.execute("INSERT INTO visits (id, patient, during) VALUES (9000, 1000, 'empty')")
    assert list(nasty.sides.problems(side)) == [
        "Constraint later on old_rule is not validated.",
        "Constraint not_enforced on visits is not validated.",
        "Constraint short on visits is not validated.",
        "Sequence public.visits_id_seq is at 4000, behind public.visits.id at 9000.",
    ]


def test_stopped_by_its_report_it_leaves_nothing(nasty: Nasty, tmp_path: Path) -> None:
    def stop(progress: Progress) -> None:
        assert progress.unit == "bytes"
        raise PermanentError("cancelled", "Somebody said stop.")

    with pytest.raises(PermanentError, match="cancelled"):
        nasty.sides.load("r1", plain(tmp_path / "dump.sql", NAP), stop)
    assert nasty.sides.list() == []


def test_a_load_that_stands_still_is_ended(
    nasty: Nasty, tmp_path: Path, tools: PgTools, postgres: PostgresServer
) -> None:
    timing = replace(TIMING, stall_s=1.0)
    loader = loader_login(postgres)
    sides = PostgresSides(Server(nasty.bot_dsn, TRACKING, timing, tools, SystemClock(), loader=loader))
    with pytest.raises(TemporaryError) as error:
        sides.load("r1", plain(tmp_path / "dump.sql", NAP), ignore)
    assert error.value.reference == "load-stalled"
    assert sides.list() == []


def test_a_session_cut_off_is_temporary(nasty: Nasty, tmp_path: Path, server: Connection) -> None:
    def cut(progress: Progress) -> None:
        del progress
        server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'backstop load%'"
        )

    with pytest.raises(TemporaryError) as error:
        nasty.sides.load("r1", plain(tmp_path / "dump.sql", NAP), cut)
    assert error.value.reference == "database-unreachable"
    assert nasty.sides.list() == []


def test_stopping_the_count_stops_its_sessions(nasty: Nasty, tmp_path: Path, server: Connection) -> None:
    side = nasty.sides.load("r1", dump_directory(nasty, tmp_path), ignore)

    def stop(progress: Progress) -> None:
        del progress
        raise PermanentError("cancelled", "Somebody said stop.")

    with pytest.raises(PermanentError, match="cancelled"):
        nasty.sides.contents(side, stop)
    deadline = time.monotonic() + 5
    while server.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = %s", (side,)).fetchall() != [(0,)]:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert not any(thread.name.startswith("side-hash") for thread in threading.enumerate())


GUARD = "CREATE FUNCTION guard() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'"
FORCED = "CREATE TABLE lab (id int); ALTER TABLE lab ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"


@pytest.mark.parametrize(
    ("statements", "outcome"),
    [
        (f"{GUARD}; CREATE EVENT TRIGGER guard ON ddl_command_end EXECUTE FUNCTION guard()", "lost"),
        ("CREATE PUBLICATION everything FOR ALL TABLES", "lost"),
        ("SET ROLE nasty_owner; CREATE PUBLICATION narrow FOR TABLE patients", "loaded"),
        ("CREATE FUNCTION wait(float8) RETURNS void LANGUAGE internal AS 'pg_sleep'", "refused"),
        ("CREATE FUNCTION one() RETURNS int LANGUAGE sql LEAKPROOF AS 'SELECT 1'", "refused"),
        ("CREATE CAST (integer AS xid) WITHOUT FUNCTION", "refused"),
        ("CREATE FOREIGN DATA WRAPPER away", "refused"),
        ("CREATE OPERATOR FAMILY fam USING btree", "refused"),
        ("CREATE TEXT SEARCH TEMPLATE tmpl (LEXIZE = dsimple_lexize)", "refused"),
        ("CREATE ACCESS METHOD heap_too TYPE TABLE HANDLER heap_tableam_handler", "refused"),
    ],
)
def test_a_look_at_the_live_database_predicts_what_a_load_does(
    nasty: Nasty, tmp_path: Path, statements: str, outcome: str
) -> None:
    before = nasty.database.obstacles()
    with psycopg.connect(nasty.superuser_dsn, autocommit=True) as conn:
        conn.execute(statements.encode())
    found = nasty.database.obstacles()
    lost, unloadable = set(found.lost) - set(before.lost), set(found.unloadable) - set(before.unloadable)
    bundle = dump_directory(nasty, tmp_path)

    if unloadable:
        assert refused(nasty, bundle).reference in {"load-failed", "bundle-unsafe-statement"}
        assert outcome == "refused"
        return
    side = restore_aside(nasty, bundle)
    live, loaded = schema_text(nasty.superuser_dsn), schema_text(nasty.superuser_dsn.replace(nasty.name, side))
    assert (outcome, bool(lost)) == (("loaded", False) if live == loaded else ("lost", True))


def test_forced_row_security_keeps_a_loaded_backup_from_being_compared(
    nasty: Nasty, tmp_path: Path, server: Connection
) -> None:
    with psycopg.connect(nasty.owner_dsn, autocommit=True) as conn:
        conn.execute(FORCED)
    assert [item.table for item in nasty.database.obstacles().hidden] == ["public.lab"]
    server.execute("ALTER ROLE nasty_bot BYPASSRLS")
    try:
        seen = nasty.database.obstacles()
        assert (seen.hidden, seen.forced) == ((), ("public.lab",))
        side = nasty.sides.load("r1", dump_directory(nasty, tmp_path), ignore)
        with pytest.raises(PermanentError, match="row-level security"):
            nasty.sides.contents(side, ignore)
    finally:
        server.execute("ALTER ROLE nasty_bot NOBYPASSRLS")
