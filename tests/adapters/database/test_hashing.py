"""Hashes of tables: equal for equal rows, whatever their place."""

from pathlib import Path

import pytest

from bot.adapters.clock import SystemClock
from bot.adapters.database import PostgresDatabase, Server
from bot.adapters.database.connections import Connection
from bot.errors import PermanentError
from bot.sandbox.physioflow.clones import Clone
from tests.adapters.database.conftest import TIMING, TRACKING
from tests.adapters.database.dumping import contents, ignore, restored, wrapped_tools


def test_a_column_that_cannot_be_computed_is_no_reason_to_have_no_backup(
    database: PostgresDatabase, owner: Connection, clone: Clone, server: Connection, tmp_path: Path
) -> None:
    if server.info.server_version < 180000:
        pytest.skip("a server before 18 has no virtual columns")
    owner.execute("CREATE TABLE shares (a int, b int, share int GENERATED ALWAYS AS (a / b) VIRTUAL)")
    owner.execute("INSERT INTO shares (a, b) VALUES (6, 3), (1, 0)")
    dump = database.dump(tmp_path / "dump", ignore)
    assert {content.table: content.rows for content in dump.tables}["public.shares"] == 2
    with restored(tmp_path / "dump", clone, server) as copy:
        assert contents(copy) == list(dump.tables)
        copy.execute("UPDATE shares SET a = 2 WHERE a = 1")
        assert contents(copy) != list(dump.tables)


def test_a_column_that_can_be_computed_hashes_as_in_bundles_from_before(owner: Connection, server: Connection) -> None:
    if server.info.server_version < 180000:
        pytest.skip("a server before 18 has no virtual columns")
    owner.execute("CREATE TABLE shares (a int, b int, share int GENERATED ALWAYS AS (a / b) VIRTUAL)")
    owner.execute("INSERT INTO shares (a, b) VALUES (6, 3), (1, 2)")
    query = "SELECT sum(hash_record_extended(ROW(t.a, t.b, t.share), 0))::text FROM shares t"
    found = {content.table: content.content_hash for content in contents(owner)}
    assert found["public.shares"] == owner.execute(query).fetchall()[0][0]


def test_a_changed_row_changes_the_hash_and_its_place_does_not(owner: Connection) -> None:
    before = {content.table: content for content in contents(owner)}
    owner.execute("UPDATE special_test_results SET side = side WHERE id = 1")
    moved = {content.table: content for content in contents(owner)}
    owner.execute("UPDATE special_test_results SET detail = '{\"x\": 1}' WHERE id = 1")
    changed = {content.table: content for content in contents(owner)}

    assert before == moved
    assert [name for name in before if before[name] != changed[name]] == ["public.special_test_results"]


def test_what_cannot_be_hashed_is_said_and_not_what_it_leads_to(
    clone: Clone, owner: Connection, tmp_path: Path
) -> None:
    """The failed session takes its snapshot along, and pg_dump would only say that there is none."""
    for statement in (
        "CREATE TYPE pair AS (a integer)",
        "CREATE FUNCTION broken(pair) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT (1 / 0)::text'",
        "CREATE CAST (pair AS text) WITH FUNCTION broken(pair)",
        "CREATE TABLE aaa (p pair)",
        "INSERT INTO aaa VALUES ('(1)')",
    ):
        owner.execute(statement.encode())
    tools = wrapped_tools(tmp_path / "bin", before="sleep 0.5")

    with pytest.raises(PermanentError, match=r"database-refused: The dump failed: .*22012"):
        PostgresDatabase(Server(clone.bot_dsn, TRACKING, TIMING, tools, SystemClock())).dump(tmp_path / "dump", ignore)
