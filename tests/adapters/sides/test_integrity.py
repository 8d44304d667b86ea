"""The planner's statistics come with the dump; what it does not carry is gathered, and nothing of them is told."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest

from bot.adapters.pgclient.tools import PgTools
from bot.sandbox.postgres import find_bin_dir
from tests.adapters.sides.conftest import Nasty, dump_directory, ignore

STATISTICS = """
SELECT tablename, attname, inherited, null_frac, avg_width, n_distinct, most_common_vals::text, histogram_bounds::text
FROM pg_stats WHERE schemaname !~ '^pg_' AND schemaname <> 'information_schema' ORDER BY 1, 2, 3
"""


@pytest.fixture
def stale(nasty: Nasty) -> Nasty:
    """One whose statistics are not what an ANALYZE would find now: loaded ones can be told from gathered ones."""
    with psycopg.connect(nasty.superuser_dsn, autocommit=True) as conn:
        conn.execute("ALTER TABLE parent SET (autovacuum_enabled = false)")  # it would gather them itself
        conn.execute("ANALYZE")
        conn.execute("INSERT INTO parent SELECT i, 'n' || i FROM generate_series(10, 400) i")
    with psycopg.connect(nasty.owner_dsn, autocommit=True) as conn:
        conn.execute('CREATE TABLE "we""ird\nschema – ünï"."ne""w" AS SELECT generate_series(1, 50) AS id')
    return nasty


def statistics(nasty: Nasty, name: str) -> Sequence[tuple[Any, ...]]:
    with psycopg.connect(nasty.superuser_dsn.replace(nasty.name, name), autocommit=True) as conn:
        return conn.execute(STATISTICS).fetchall()


def has_extended(nasty: Nasty, name: str) -> bool:
    with psycopg.connect(nasty.superuser_dsn.replace(nasty.name, name), autocommit=True) as conn:
        return conn.execute("SELECT statistics_name FROM pg_stats_ext").fetchall() == [("name_and_weight",)]


def test_they_are_the_source_s_and_what_lacks_is_gathered(stale: Nasty, tmp_path: Path) -> None:
    before = statistics(stale, stale.name)
    side = stale.sides.load("r1", dump_directory(stale, tmp_path), ignore)
    after = statistics(stale, side)
    assert [row for row in after if row[0] != 'ne"w'] == before
    assert [row[:2] for row in after if row[0] == 'ne"w'] == [('ne"w', "id")]
    assert has_extended(stale, side)  # no dump of 18 carries those


def test_what_cannot_be_loaded_is_gathered(stale: Nasty, tmp_path: Path) -> None:
    bundle = dump_directory(stale, tmp_path)
    contents = (bundle.path / "toc.dat").read_bytes()
    assert b"pg_restore_attribute_stats" in contents
    damaged = contents.replace(b"'attname'", b"'attnamx'")
    (bundle.path / "toc.dat").write_bytes(damaged)
    side = stale.sides.load("r1", bundle, ignore)
    assert stale.sides.copy_settings(side) == []
    before, after = statistics(stale, stale.name), statistics(stale, side)
    assert {row[0] for row in before} <= {row[0] for row in after}
    assert [row for row in before if row[0] == "parent"] != [row for row in after if row[0] == "parent"]
    assert has_extended(stale, side)


@pytest.mark.parametrize(
    ("tool", "server", "known"), [("18.6", 180001, True), ("18.6", 170006, False), ("17.2", 180001, False)]
)
def test_both_tool_and_server_must_know_them(tmp_path: Path, tool: str, server: int, *, known: bool) -> None:
    for name in ("pg_dump", "pg_restore"):
        (tmp_path / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {tool}'\n")
        (tmp_path / name).chmod(0o755)
        assert PgTools(tmp_path).knows_statistics(server, name) is known


def test_a_dump_without_them_is_made_where_they_are_not_known(nasty: Nasty, tmp_path: Path) -> None:
    assert PgTools(find_bin_dir()).knows_statistics(180000)
    bundle = dump_directory(nasty, tmp_path)
    assert any("STATISTICS DATA" in line for line in PgTools(find_bin_dir()).list_contents(bundle.path))
