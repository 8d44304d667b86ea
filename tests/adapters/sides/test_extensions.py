"""Extensions that keep rows: counted, and compared."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace as replaced
from pathlib import Path

import psycopg
import pytest

from bot.adapters.database.connections import Connection
from bot.domain.backups import BundleKind, TableContent
from bot.engine.backups.compare import differences
from bot.ports import FetchedBundle
from tests.adapters.sides.conftest import Nasty, ignore

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
SCRIPTS = {"parts": PARTS, "theirparts": PARTS}
OURS = {"parts"}
ROLES = ("nasty_owner", "nasty_bot", "nasty_owner_loader", "postgres")
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
    for role in ROLES:
        server.execute(f"ALTER ROLE {role} SET extension_control_path = '$system:{folder.parent}'".encode())
    yield
    for role in ROLES:
        server.execute(f"ALTER ROLE {role} RESET extension_control_path".encode())


@pytest.fixture
def equipped(request: pytest.FixtureRequest, make_nasty: Callable[[], Nasty]) -> Nasty:
    request.getfixturevalue("extensions")
    return make_nasty()


def run(dsn: str, *statements: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as conn:
        for statement in statements:
            conn.execute(statement.encode())


def create(nasty: Nasty, name: str) -> None:
    """Make it as a role that is allowed to."""
    run(nasty.owner_dsn if name in OURS else nasty.superuser_dsn, f"CREATE EXTENSION {name}")


def counted(tables: Sequence[TableContent]) -> dict[str, int]:
    return {table.table: table.rows for table in tables if table.of_extension}


def take(nasty: Nasty, path: Path) -> tuple[FetchedBundle, Sequence[TableContent]]:
    """Dump it; gives what a restore would load, and what the manifest would say."""
    dump = nasty.database.dump(path, ignore)
    return FetchedBundle(BundleKind.DIRECTORY, path, None, 1), dump.tables


@pytest.mark.parametrize("name", ["parts", "theirparts"])
def test_rows_that_an_extension_keeps_are_counted(equipped: Nasty, tmp_path: Path, name: str) -> None:
    create(equipped, name)
    run(equipped.superuser_dsn, *(() if name in OURS else (MAY_WRITE,)))
    run(equipped.owner_dsn, ROWS)
    _, tables = take(equipped, tmp_path / "dump")
    assert counted(tables) == {"public.part_config": 1, "public.part_sub": 1}


def test_rows_that_an_extension_keeps_are_compared_beside_the_live_database(equipped: Nasty, tmp_path: Path) -> None:
    create(equipped, "parts")
    run(equipped.owner_dsn, ROWS)
    dumped, tables = take(equipped, tmp_path / "dump")
    found = equipped.sides.contents(equipped.sides.load("r1", dumped, ignore), ignore)
    assert list(found) == list(tables)
    changed = [replaced(table, rows=2) if table.table == "public.part_config" else table for table in found]
    assert differences(tables, changed) == ["public.part_config has 2 rows instead of 1"]
