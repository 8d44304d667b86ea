"""Plain dumps: psql runs no command of theirs, and an old psql is refused."""

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from bot.adapters.clock import SystemClock
from bot.adapters.database import Server
from bot.adapters.pgclient.tools import PgTools, ToolFailedError
from bot.adapters.sides.plain import PlainDump, build_environment, check_psql
from bot.domain.backups import BundleKind
from bot.errors import PermanentError
from bot.sandbox.postgres import find_bin_dir
from tests.adapters.sides.conftest import TIMING, TRACKING, Nasty, restore_aside
from tests.adapters.sides.dumps import dump_as, plain, refused
from tests.adapters.sides.test_equivalence import schema_text


def test_a_plain_dump(sample_database: Callable[[], object], nasty: Nasty, tmp_path: Path) -> None:
    """Of a database whose objects are all its owner's: psql goes on after nothing."""
    del sample_database
    with psycopg.connect(nasty.owner_dsn, autocommit=True) as conn:
        conn.execute("DROP OWNED BY nasty_app, nasty_clinic CASCADE")
        conn.execute("COMMENT ON EXTENSION hstore IS 'pairs, as we say'")
    bundle = dump_as(nasty, BundleKind.PLAIN, tmp_path / "dump.sql")
    assert b"\\restrict " in bundle.path.read_bytes()
    side = restore_aside(nasty, bundle)
    assert schema_text(nasty.superuser_dsn.replace(nasty.name, side)) == schema_text(nasty.superuser_dsn)


@pytest.mark.parametrize("command", ["\\! touch {file}", "\\o {file}", "\\unrestrict x", "\\copy nothing to {file}"])
def test_psql_runs_no_command_of_the_dump(nasty: Nasty, tmp_path: Path, command: str) -> None:
    file = tmp_path / "touched"
    text = "--\n\\restrict key\nSET xmloption = content;\n\\unrestrict key\n" + command.format(file=file) + "\n"
    bundle = plain(tmp_path / "dump.sql", text)
    assert refused(nasty, bundle).reference in {"bundle-unsafe-statement", "load-failed"}
    # The second line of defence, for what nobody has thought of.
    dump = PlainDump(bundle.path)
    dump.prepare(180000)
    home = tmp_path / "home"
    home.mkdir()
    environment = {
        **Server(nasty.bot_dsn, TRACKING, TIMING, PgTools(find_bin_dir()), SystemClock()).connections.tool_environment(
            nasty.name
        ),
        **build_environment(home),
    }
    with pytest.raises(ToolFailedError):
        PgTools(find_bin_dir()).start("psql", dump.arguments(), environment).wait()
    assert not file.exists()


def test_a_setting_an_older_server_does_not_know_is_commented_out(tmp_path: Path) -> None:
    file = tmp_path / "dump.sql"
    text = "--\n\\restrict k1\n\nSET transaction_timeout = 0;\nSELECT 1;\n\n\\unrestrict k1\n"
    file.write_text(text)
    PlainDump(file).prepare(160000)
    assert file.read_text() == "--\n--estrict k1\n\n--T transaction_timeout = 0;\nSELECT 1;\n\n--nrestrict k1\n"
    file.write_text(text)
    PlainDump(file).prepare(170000)
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
