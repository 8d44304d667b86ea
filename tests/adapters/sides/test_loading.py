"""Loading: every format, what a role may not do is told by name, what fails leaves nothing."""

import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from bot.adapters.clock import SystemClock
from bot.adapters.database import Server
from bot.adapters.database.connections import Connection
from bot.adapters.pgclient.tools import PgTools, ToolFailedError
from bot.adapters.sides import PostgresSides
from bot.adapters.sides.plain import PlainDump, build_environment, check_psql
from bot.domain.backups import BundleKind
from bot.domain.runs import Progress
from bot.errors import BotError, PermanentError, TemporaryError
from bot.ports import FetchedBundle
from bot.sandbox.postgres import find_bin_dir
from tests.adapters.sides.conftest import TIMING, TRACKING, Nasty, dump_directory, ignore
from tests.adapters.sides.test_equivalence import schema_text, state

NAP = "CREATE TABLE nap (id int, at text DEFAULT pg_catalog.pg_sleep(60)::text);\nINSERT INTO nap (id) VALUES (1);\n"
"""What reading cannot stop: an expression that runs while rows are loaded."""

FORMATS = {BundleKind.CUSTOM: "custom", BundleKind.TAR: "tar", BundleKind.PLAIN: "plain"}


def dump_as(nasty: Nasty, kind: BundleKind, path: Path) -> FetchedBundle:
    """A dump as the old scripts made them."""
    command = [
        str(find_bin_dir() / "pg_dump"),
        f"--format={FORMATS[kind]}",
        f"--file={path}",
        f"--dbname={nasty.owner_dsn}",
    ]
    subprocess.run(command, check=True)  # noqa: S603 -- our own tool
    return FetchedBundle(kind, path, None, path.stat().st_size)


def plain(path: Path, text: str) -> FetchedBundle:
    path.write_text(text)
    return FetchedBundle(BundleKind.PLAIN, path, None, len(text))


def refused(nasty: Nasty, bundle: FetchedBundle) -> BotError:
    """The error a load ends with; nothing is left."""
    with pytest.raises(BotError) as error:
        nasty.sides.load("r1", bundle, ignore)
    assert nasty.sides.list() == []
    return error.value


@pytest.mark.parametrize("kind", [BundleKind.CUSTOM, BundleKind.TAR])
def test_archives_of_the_old_scripts(nasty: Nasty, tmp_path: Path, kind: BundleKind) -> None:
    side = nasty.sides.load("r1", dump_as(nasty, kind, tmp_path / "dump"), ignore)
    side_dsn = nasty.superuser_dsn.replace(nasty.name, side)
    assert nasty.sides.copy_settings(side) == []
    assert schema_text(side_dsn) == schema_text(nasty.superuser_dsn)
    before, after = state(nasty.superuser_dsn), state(side_dsn)
    assert {name for name in before if before[name] != after[name]} == {"database"}  # its comment has our note


def test_a_plain_dump(sample_database: Callable[[], object], nasty: Nasty, tmp_path: Path) -> None:
    """Of a database whose objects are all its owner's: psql goes on after nothing."""
    del sample_database
    with psycopg.connect(nasty.owner_dsn, autocommit=True) as conn:
        conn.execute("DROP OWNED BY nasty_app, nasty_clinic CASCADE")
        conn.execute("COMMENT ON EXTENSION hstore IS 'pairs, as we say'")
    bundle = dump_as(nasty, BundleKind.PLAIN, tmp_path / "dump.sql")
    assert b"\\restrict " in bundle.path.read_bytes()
    side = nasty.sides.load("r1", bundle, ignore)
    assert schema_text(nasty.superuser_dsn.replace(nasty.name, side)) == schema_text(nasty.superuser_dsn)


@pytest.mark.parametrize("command", ["\\! touch {file}", "\\o {file}", "\\unrestrict x", "\\copy nothing to {file}"])
def test_psql_runs_no_command_of_the_dump(nasty: Nasty, tmp_path: Path, command: str) -> None:
    file = tmp_path / "touched"
    text = "--\n\\restrict key\nSET xmloption = content;\n\\unrestrict key\n" + command.format(file=file) + "\n"
    bundle = plain(tmp_path / "dump.sql", text)
    assert refused(nasty, bundle).reference in {"bundle-unsafe-statement", "load-failed"}
    # The second line of defence, for what nobody has thought of.
    dump = PlainDump(bundle.path, 180000)
    dump.prepare()
    home = tmp_path / "home"
    home.mkdir()
    environment = {
        **Server(
            nasty.owner_dsn, TRACKING, TIMING, PgTools(find_bin_dir()), SystemClock()
        ).connections.tool_environment(nasty.name),
        **build_environment(home),
    }
    with pytest.raises(ToolFailedError):
        PgTools(find_bin_dir()).start("psql", dump.arguments(), environment).wait()
    assert not file.exists()


def test_a_setting_an_older_server_does_not_know_is_commented_out(tmp_path: Path) -> None:
    file = tmp_path / "dump.sql"
    text = "--\n\\restrict k1\n\nSET transaction_timeout = 0;\nSELECT 1;\n\n\\unrestrict k1\n"
    file.write_text(text)
    PlainDump(file, 160000).prepare()
    assert file.read_text() == "--\n--estrict k1\n\n--T transaction_timeout = 0;\nSELECT 1;\n\n--nrestrict k1\n"
    file.write_text(text)
    PlainDump(file, 170000).prepare()
    assert "\nSET transaction_timeout" in file.read_text()


def fake_tool(folder: Path, name: str, script: str) -> PgTools:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)
    return PgTools(folder)


@pytest.mark.parametrize(("version", "accepted"), [("16.9", False), ("16.10", True), ("12.22", False), ("18.0", True)])
def test_an_old_psql_is_refused(tmp_path: Path, version: str, *, accepted: bool) -> None:
    tools = fake_tool(tmp_path, "psql", f"echo 'psql (PostgreSQL) {version}'")
    if accepted:
        check_psql(tools)
        return
    with pytest.raises(PermanentError, match="CVE-2025-8714") as error:
        check_psql(tools)
    assert error.value.reference == "tool-too-old"


def test_what_a_function_raises_about_a_row_is_not_told(nasty: Nasty, tmp_path: Path) -> None:
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
    assert "a function raised an exception; the server's log has its words" in error.message
    assert "a_patients" in error.message
    assert "Nguyen" not in str(error)
    assert "0901" not in str(error)


def test_an_archive_newer_than_the_tool(nasty: Nasty, tmp_path: Path) -> None:
    bundle = dump_as(nasty, BundleKind.CUSTOM, tmp_path / "dump")
    data = bytearray(bundle.path.read_bytes())
    data[6] = 99  # the format's minor version
    bundle.path.write_bytes(data)
    assert refused(nasty, bundle).reference == "tool-too-old"


def test_a_damaged_archive(nasty: Nasty, tmp_path: Path) -> None:
    bundle = dump_as(nasty, BundleKind.CUSTOM, tmp_path / "dump")
    bundle.path.write_bytes(bundle.path.read_bytes()[: bundle.size_bytes // 2])
    assert refused(nasty, bundle).reference == "load-failed"


def test_what_only_a_superuser_can_do_is_told_by_name(nasty: Nasty, tmp_path: Path) -> None:
    with psycopg.connect(nasty.superuser_dsn, autocommit=True) as conn:
        conn.execute("CREATE FUNCTION watch() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'")
        conn.execute("CREATE EVENT TRIGGER watching ON sql_drop EXECUTE FUNCTION watch()")
        conn.execute("ALTER EVENT TRIGGER watching OWNER TO postgres")
        conn.execute("CREATE TABLE strange (id int)")
        conn.execute("ALTER TABLE strange OWNER TO nasty_stranger")
        conn.execute("GRANT SELECT ON strange TO nasty_owner")
        conn.execute("CREATE PUBLICATION everything FOR ALL TABLES")
        conn.execute("ALTER ROLE nasty_reader IN DATABASE " + nasty.name + " SET work_mem TO '1MB'")
        conn.execute("ALTER DATABASE " + nasty.name + " SET other.tenant TO '1'")
    side = nasty.sides.load("r1", dump_directory(nasty, tmp_path), ignore)
    told = nasty.sides.copy_settings(side)
    print("\n" + "\n".join(told))  # noqa: T201 -- for the handbook
    for word in (
        "EVENT TRIGGER watching",
        "TABLE public.strange",
        "PUBLICATION everything",
        "work_mem of nasty_reader",
        "other.tenant of the database",
    ):
        assert any(word in line for line in told), word
    assert nasty.sides.copy_settings(side) == told


def test_an_extension_only_a_superuser_can_make(
    nasty: Nasty, tmp_path: Path, server: Connection, tools: PgTools
) -> None:
    with psycopg.connect(nasty.superuser_dsn, autocommit=True) as conn:
        conn.execute("CREATE EXTENSION pageinspect")
    bundle = dump_directory(nasty, tmp_path)
    error = refused(nasty, bundle)
    assert error.reference == "load-failed"
    assert "pageinspect" in error.message
    assert "shadow_template" in error.hint
    server.execute("CREATE DATABASE nasty_with_extension TEMPLATE template0 IS_TEMPLATE true")
    try:
        with psycopg.connect(nasty.superuser_dsn.replace(nasty.name, "nasty_with_extension"), autocommit=True) as conn:
            conn.execute("CREATE EXTENSION pageinspect")
        sides = PostgresSides(
            Server(nasty.owner_dsn, TRACKING, TIMING, tools, SystemClock(), template="nasty_with_extension")
        )
        side = sides.load("r1", bundle, ignore)
        assert sides.problems(side)
    finally:
        server.execute("ALTER DATABASE nasty_with_extension IS_TEMPLATE false")
        server.execute("DROP DATABASE nasty_with_extension WITH (FORCE)")


def test_problems_are_named(nasty: Nasty, tmp_path: Path) -> None:
    side = nasty.sides.load("r1", dump_directory(nasty, tmp_path), ignore)
    with psycopg.connect(nasty.owner_dsn.replace(nasty.name, side), autocommit=True) as conn:
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


def test_a_load_that_stands_still_is_ended(nasty: Nasty, tmp_path: Path, tools: PgTools) -> None:
    timing = replace(TIMING, stall_s=1.0)
    sides = PostgresSides(Server(nasty.owner_dsn, TRACKING, timing, tools, SystemClock()))
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


def test_a_leftover_is_replaced(nasty: Nasty, tmp_path: Path, server: Connection) -> None:
    side = nasty.sides.name("side", "r1")
    server.execute(sql.SQL("CREATE DATABASE {} OWNER nasty_owner").format(sql.Identifier(side)))
    assert nasty.sides.load("r1", dump_directory(nasty, tmp_path), ignore) == side
    (facts,) = nasty.sides.list()
    assert (facts.name, facts.kind, facts.run_id) == (side, "side", "r1")
    assert nasty.sides.inspect(side).applied[0].name == "001_all"


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
