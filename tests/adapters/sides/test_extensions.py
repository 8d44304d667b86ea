"""Extensions that keep rows, or have a schema of their own: told, compared, loaded, and never doubled."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace as replaced
from pathlib import Path

import psycopg
import pytest

from bot.adapters.database.connections import Connection
from bot.adapters.database.inplace.obstacles import MAY_NOT
from bot.domain.backups import TableContent
from bot.engine.comparing import differences
from tests.adapters.sides.conftest import Nasty, ignore
from tests.adapters.sides.test_inplace import Watched, everything, failing, order_of, replace, take

CONTROL = "default_version = '1'\nrelocatable = false\nsuperuser = {superuser}\n"
PARTS = """
CREATE TABLE part_config (parent text PRIMARY KEY, every int);
CREATE TABLE part_sub (parent text REFERENCES part_config, id serial, builtin boolean DEFAULT false);
CREATE TABLE part_log (line text);
INSERT INTO part_sub (builtin) VALUES (true);
SELECT pg_catalog.pg_extension_config_dump('part_config', '');
SELECT pg_catalog.pg_extension_config_dump('part_sub', 'WHERE NOT builtin');
SELECT pg_catalog.pg_extension_config_dump('part_sub_id_seq', '');
"""
SCHEMA = "CREATE SCHEMA {0}; CREATE TABLE {0}.work (id int);"
SCRIPTS = {"parts": PARTS, "theirparts": PARTS, "mine": SCHEMA.format("mine"), "repack": SCHEMA.format("repack")}
OURS = {"parts", "mine"}
TABLES = ("part_config", "part_sub")
ROWS = "INSERT INTO part_config VALUES ('x', 7); INSERT INTO part_sub (parent) VALUES ('x')"
MAY_WRITE = "GRANT ALL ON part_config, part_sub, part_sub_id_seq TO nasty_owner"


@pytest.fixture
def extensions(server: Connection, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Extensions of ours, which anybody can make, and of others, which only a superuser can."""
    if server.info.server_version < 180000:
        pytest.skip("a server before 18 finds extensions in its own folder only: ours would have to be installed")
    folder = tmp_path_factory.mktemp("server") / "extension"
    folder.mkdir()
    for name, script in SCRIPTS.items():
        (folder / f"{name}.control").write_text(CONTROL.format(superuser="false" if name in OURS else "true"))
        (folder / f"{name}--1.sql").write_text(script)
    server.execute(f"ALTER ROLE nasty_owner SET extension_control_path = '$system:{folder.parent}'".encode())
    server.execute(f"ALTER ROLE postgres SET extension_control_path = '$system:{folder.parent}'".encode())
    yield
    server.execute("ALTER ROLE nasty_owner RESET extension_control_path")
    server.execute("ALTER ROLE postgres RESET extension_control_path")


@pytest.fixture
def equipped(request: pytest.FixtureRequest, make_nasty: Callable[[], Nasty]) -> Nasty:
    request.getfixturevalue("extensions")
    return make_nasty()


def run(dsn: str, *statements: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as conn:
        for statement in statements:
            conn.execute(statement.encode())


def create(nasty: Nasty, name: str) -> None:
    """Make it as whoever may; what is a superuser's stays in a restore in place."""
    run(nasty.owner_dsn if name in OURS else nasty.superuser_dsn, f"CREATE EXTENSION {name}")


def counted(tables: Sequence[TableContent]) -> dict[str, int]:
    return {table.table: table.rows for table in tables if table.of_extension}


@pytest.mark.parametrize("name", ["parts", "theirparts"])
def test_rows_that_an_extension_keeps_are_compared_and_come_back_once(
    equipped: Nasty, tmp_path: Path, name: str
) -> None:
    create(equipped, name)
    run(equipped.superuser_dsn, *(() if name in OURS else (MAY_WRITE,)))
    run(equipped.owner_dsn, ROWS)
    taken, before = take(equipped, tmp_path / "first"), everything(equipped)
    assert counted(taken.dump.tables) == {"public.part_config": 1, "public.part_sub": 1}
    assert equipped.database.obstacles(taken.bundle) == []
    run(equipped.owner_dsn, "INSERT INTO part_config VALUES ('y', 9)", "UPDATE part_config SET every = 8")
    error = failing(equipped, taken.bundle, order_of(equipped, taken), Watched())
    assert (error.reference, "public.part_config" in error.message) == ("changed-since-backup", True)

    watched = Watched()
    replace(equipped, taken.bundle, order_of(equipped, take(equipped, tmp_path / "now")), watched)

    assert watched.judged[0][0] == list(taken.dump.tables)
    assert everything(equipped) == before


def test_rows_that_an_extension_keeps_are_compared_beside_the_live_database(equipped: Nasty, tmp_path: Path) -> None:
    create(equipped, "parts")
    run(equipped.owner_dsn, ROWS)
    taken = take(equipped, tmp_path / "dump")
    found = equipped.sides.contents(equipped.sides.load("r1", taken.bundle, ignore), ignore)
    assert list(found) == list(taken.dump.tables)
    changed = [replaced(table, rows=2) if table.table == "public.part_config" else table for table in found]
    assert differences(taken.dump.tables, changed) == ["public.part_config has 2 rows instead of 1"]


def test_what_our_role_may_not_write_of_an_extension_that_stays(equipped: Nasty, tmp_path: Path) -> None:
    create(equipped, "theirparts")
    run(equipped.superuser_dsn, "GRANT SELECT ON part_config, part_sub, part_sub_id_seq TO nasty_owner")
    before, taken = everything(equipped), take(equipped, tmp_path / "empty")
    sequence = f"an extension that stays keeps rows in public.part_sub_id_seq, which {MAY_NOT}"
    assert equipped.database.obstacles(taken.bundle) == [sequence]
    run(equipped.superuser_dsn, "GRANT UPDATE ON part_sub_id_seq TO nasty_owner")
    assert equipped.database.obstacles(taken.bundle) == []
    replace(equipped, taken.bundle, order_of(equipped, take(equipped, tmp_path / "now")), Watched())
    run(equipped.superuser_dsn, "REVOKE UPDATE ON part_sub_id_seq FROM nasty_owner")
    assert everything(equipped) == before

    run(equipped.superuser_dsn, "GRANT UPDATE ON part_sub_id_seq TO nasty_owner", ROWS)
    with_rows = take(equipped, tmp_path / "rows")
    live = [f"an extension that stays keeps rows in public.{name}, which {MAY_NOT}" for name in TABLES]
    brought = [f"the bundle has rows of an extension for public.{name}, which {MAY_NOT}" for name in TABLES]
    assert equipped.database.obstacles() == live
    run(equipped.superuser_dsn, "DELETE FROM part_sub WHERE NOT builtin", "DELETE FROM part_config")
    assert equipped.database.obstacles() == []
    assert equipped.database.obstacles(with_rows.bundle) == brought


@pytest.mark.parametrize("name", ["mine", "repack"])
def test_an_extension_with_a_schema_of_its_own(equipped: Nasty, tmp_path: Path, name: str) -> None:
    create(equipped, name)
    run(equipped.owner_dsn, "GRANT USAGE ON SCHEMA public TO nasty_reader")
    taken, before = take(equipped, tmp_path / "dump"), everything(equipped)
    assert equipped.database.obstacles(taken.bundle) == []

    replace(equipped, taken.bundle, order_of(equipped, taken), Watched())

    assert everything(equipped) == before


def test_what_others_keep_in_the_schema_of_an_extension_that_stays(equipped: Nasty, tmp_path: Path) -> None:
    create(equipped, "repack")
    run(equipped.superuser_dsn, "GRANT CREATE, USAGE ON SCHEMA repack TO nasty_owner")
    run(equipped.owner_dsn, "CREATE TABLE repack.ours AS SELECT 1 AS id")
    taken, before = take(equipped, tmp_path / "dump"), everything(equipped)
    run(equipped.owner_dsn, "INSERT INTO repack.ours VALUES (2)")
    assert equipped.database.obstacles(taken.bundle) == []

    replace(equipped, taken.bundle, order_of(equipped, take(equipped, tmp_path / "now")), Watched())

    assert everything(equipped) == before
