import stat
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path

import psycopg
import pytest

from bot.adapters.clock import SystemClock
from bot.adapters.database import PostgresDatabase, Server
from bot.adapters.database.connections import KNOWS_TRANSACTION_TIMEOUT, Connection, Connections, snapshot
from bot.adapters.database.hashing import hash_tables, read_tables
from bot.adapters.pgclient.tools import PgTools
from bot.adapters.storage import Credentials, S3BackupStore, connect
from bot.domain.backups import BackupName, Manifest, TableContent
from bot.domain.bundle_limits import BundleLimits
from bot.domain.environments import BackupTarget
from bot.domain.runs import Progress
from bot.errors import PermanentError, TemporaryError
from bot.ports import Dump
from bot.sandbox.objectstore import ObjectStore
from bot.sandbox.physioflow.clones import Clone
from bot.sandbox.postgres import find_bin_dir
from tests.adapters.database.conftest import TIMING, TRACKING


def ignore(progress: Progress) -> None:
    del progress


@contextmanager
def restored(directory: Path, clone: Clone, server: Connection) -> Iterator[Connection]:
    """A database loaded from the dump, as a bundle's verification does."""
    name = f"{clone.name}_restored"
    server.execute(f"CREATE DATABASE {name} OWNER physioflow_prod TEMPLATE template0".encode())
    connections = Connections(clone.owner_dsn, "postgres", 1.0)
    environment = connections.tool_environment(name)
    command = [str(find_bin_dir() / "pg_restore"), "--exit-on-error", f"--dbname={name}", str(directory)]
    subprocess.run(  # noqa: S603 -- our own tool
        command, env=dict(environment), check=True, capture_output=True
    )
    try:
        with connections.session(name) as conn:
            yield conn
    finally:
        server.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def contents(conn: Connection) -> list[TableContent]:
    with snapshot(conn):
        return hash_tables(conn, read_tables(conn))


def test_what_is_said_of_the_dump_is_what_is_in_it(
    database: PostgresDatabase, owner: Connection, clone: Clone, server: Connection, tmp_path: Path
) -> None:
    owner.execute(
        "CREATE TABLE odd (j json, x xml, e patient_sex[], r int4range, p point, c char(3), n numeric, f float8)"
    )
    owner.execute(
        """INSERT INTO odd (j, e, p, f) VALUES ('{"a": 1}', '{female}', '(1,2)', 0.1), (NULL, NULL, NULL, NULL)"""
    )
    seen: list[Progress] = []

    dump = database.dump(tmp_path / "dump", seen.append)

    assert (tmp_path / "dump" / "toc.dat").exists()
    assert dump.tool_version == PgTools(find_bin_dir()).version()
    counts = {content.table: content.rows for content in dump.tables}
    assert counts["public.feature_flags"] == 12
    assert counts["public.odd"] == 2
    assert seen[-1].done == seen[-1].total > 10_000
    with restored(tmp_path / "dump", clone, server) as copy:
        assert contents(copy) == list(dump.tables)


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


def test_counts_are_the_snapshot_s_while_others_write(
    database: PostgresDatabase, clone: Clone, server: Connection, tmp_path: Path
) -> None:
    stop = threading.Event()

    def write() -> None:
        with psycopg.connect(clone.owner_dsn, autocommit=True) as conn:
            while not stop.wait(0.001):
                with conn.transaction():  # one row in each, always together
                    conn.execute("INSERT INTO feature_flags (key, description) VALUES ('k' || nextval('n'), 'x')")
                    conn.execute("INSERT INTO twins DEFAULT VALUES")

    with psycopg.connect(clone.owner_dsn, autocommit=True) as conn:
        conn.execute("CREATE SEQUENCE n; CREATE TABLE twins (id serial); INSERT INTO twins SELECT FROM feature_flags")
    writer = threading.Thread(target=write)
    writer.start()
    try:
        dump = database.dump(tmp_path / "dump", ignore)
    finally:
        stop.set()
        writer.join()

    counts = {content.table: content.rows for content in dump.tables}
    assert counts["public.feature_flags"] == counts["public.twins"]
    with restored(tmp_path / "dump", clone, server) as copy:
        assert contents(copy) == list(dump.tables)


def test_a_report_that_raises_kills_it(
    database: PostgresDatabase, owner: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.adapters.database.dump.REPORT_EVERY_S", 0.0)

    def cancel(progress: Progress) -> None:
        raise RuntimeError(progress)

    with pytest.raises(RuntimeError):
        database.dump(tmp_path / "dump", cancel)

    assert owner.info.backend_pid
    assert _left_after(database, {"owner at work"}) == {"owner at work"}


def _left_after(database: PostgresDatabase, wanted: set[str]) -> set[str]:
    """Whose sessions are left once the server has noticed that a killed tool is gone."""
    for _ in range(100):
        left = {session.application for session in database.other_sessions()}
        if left == wanted:
            break
        time.sleep(0.05)
    return left


def test_a_locked_table_names_who_holds_it(database: PostgresDatabase, owner: Connection, tmp_path: Path) -> None:
    with owner.transaction():
        owner.execute("LOCK TABLE feature_flags")

        with pytest.raises(TemporaryError, match=r"table-locked: The dump waits .*owner at work"):
            database.dump(tmp_path / "dump", ignore)


def test_a_lock_that_pg_dump_has_no_timeout_for_is_noticed(
    database: PostgresDatabase, owner: Connection, tmp_path: Path
) -> None:
    with owner.transaction():
        owner.execute("ALTER VIEW v_clinic_special_test_rate SET (security_barrier)")  # locks the view alone

        with pytest.raises(TemporaryError, match=r"table-locked: The dump waits .*owner at work"):
            database.dump(tmp_path / "dump", ignore)


def test_pg_dump_s_own_words(database: PostgresDatabase, tmp_path: Path) -> None:
    (tmp_path / "dump").mkdir()
    (tmp_path / "dump" / "something").touch()

    with pytest.raises(PermanentError, match=r"dump-failed: pg_dump failed: directory .* is not empty"):
        database.dump(tmp_path / "dump", ignore)


def wrapped_tools(directory: Path, before: str = "", after: str = "") -> PgTools:
    """The real tools, with something done in the shell before and after pg_dump dumps."""
    directory.mkdir()
    for tool in ("pg_dump", "pg_restore"):
        real, script = find_bin_dir() / tool, directory / tool
        dumps = tool == "pg_dump"
        script.write_text(
            f'#!/bin/sh\n[ "$1" = --version ] && exec {real} "$@"\n'
            f'{before if dumps else ""}\n{real} "$@" || exit\n{after if dumps else ""}\n'
        )
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return PgTools(directory)


def test_a_dump_may_take_longer_than_the_hashing(
    clone: Clone, server: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our own session keeps the snapshot meanwhile; no timeout of ours or of the database's may end it."""
    monkeypatch.setattr("bot.adapters.database.connections.IDLE_TIMEOUT_S", 0.5)
    server.execute(f"ALTER DATABASE {clone.name} SET idle_in_transaction_session_timeout = '500ms'".encode())
    if server.info.server_version >= KNOWS_TRANSACTION_TIMEOUT:
        server.execute(f"ALTER DATABASE {clone.name} SET transaction_timeout = '1s'".encode())
    tools = wrapped_tools(tmp_path / "bin", before="sleep 1.5")

    dump = PostgresDatabase(Server(clone.owner_dsn, TRACKING, TIMING, tools, SystemClock())).dump(
        tmp_path / "dump", ignore
    )

    assert "public.patients" in {content.table for content in dump.tables}


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
        PostgresDatabase(Server(clone.owner_dsn, TRACKING, TIMING, tools, SystemClock())).dump(
            tmp_path / "dump", ignore
        )


def test_a_pg_dump_older_than_the_server_is_refused(clone: Clone, tmp_path: Path) -> None:
    for tool in ("pg_dump", "pg_restore"):
        old = tmp_path / tool
        old.write_text(f"#!/bin/sh\necho '{tool} (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)'\n")
        old.chmod(old.stat().st_mode | stat.S_IXUSR)

    with pytest.raises(PermanentError, match=r"tool-too-old: pg_dump is 15\.18 and the server is PostgreSQL"):
        PostgresDatabase(Server(clone.owner_dsn, TRACKING, TIMING, PgTools(tmp_path), SystemClock())).dump(
            tmp_path / "dump", ignore
        )


OBJECTS = 800


@pytest.fixture
def with_large_objects(owner: Connection) -> int:
    """Gives the sample so many large objects; returns how many tables it has besides."""
    owner.execute(f"SELECT lo_from_bytea(0, sha256(n::text::bytea)) FROM generate_series(1, {OBJECTS}) n".encode())
    (tables,) = owner.execute(
        "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace::regnamespace::text !~ '^(pg_|information)'"
    ).fetchall()[0]
    return int(tables)


def limited(clone: Clone, max_files: int) -> PostgresDatabase:
    tools, limits = PgTools(find_bin_dir()), BundleLimits(max_files=max_files)
    return PostgresDatabase(Server(clone.owner_dsn, TRACKING, TIMING, tools, SystemClock(), limits=limits))


def test_more_files_than_a_bundle_may_have_are_refused_before_pg_dump_starts(
    clone: Clone, with_large_objects: int, tmp_path: Path
) -> None:
    with pytest.raises(PermanentError, match="backup-too-many-files") as refused:
        limited(clone, with_large_objects + OBJECTS - 1).dump(tmp_path / "dump", ignore)
    assert f"({with_large_objects} tables and 800 large objects)" in refused.value.message
    assert not (tmp_path / "dump").exists()


def test_as_many_large_objects_as_are_allowed_come_back(
    clone: Clone, with_large_objects: int, owner: Connection, server: Connection, tmp_path: Path
) -> None:
    """Through the bucket: what the dump lets through, the writer and the reader of bundles let through as well."""
    max_files = with_large_objects + OBJECTS + 20  # the tables of contents, and those of extensions
    dump = limited(clone, max_files).dump(tmp_path / "dump", ignore)
    with ObjectStore() as bucket:
        bucket.create_buckets(["backups"])
        target = BackupTarget("backups", bucket.endpoint_url)
        client = connect(target, Credentials(bucket.access_key, bucket.secret_key))
        store = S3BackupStore(client, "prod", target, limits=BundleLimits(max_files=max_files))
        store.put_bundle(tmp_path / "dump", manifest_of(dump), ignore)
        (listed,) = store.list_backups()
        fetched = store.fetch(listed, tmp_path / "fetched", ignore)
        client.close()
    with restored(fetched.path, clone, server) as copy:
        question = "SELECT count(*), sum(hashtext(lo_get(oid)::text)::bigint) FROM pg_largeobject_metadata"
        assert copy.execute(question.encode()).fetchall() == owner.execute(question.encode()).fetchall()


def manifest_of(dump: Dump) -> Manifest:
    at = dump.taken_at.astimezone(UTC).replace(microsecond=0)
    name = BackupName("prod", "large-objects", at)
    about = ("v1.3.0", 27, 180006, dump.tool_version, (), tuple(dump.tables))
    return Manifest(1, str(name), "prod", name.label, at, *about)
