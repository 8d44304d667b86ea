"""A dump and the counts and hashes that go with it."""

import stat
import threading
import time
from datetime import UTC
from pathlib import Path

import psycopg
import pytest

from bot.adapters.clock import SystemClock
from bot.adapters.database import PostgresDatabase, Server
from bot.adapters.database.connections import KNOWS_TRANSACTION_TIMEOUT, Connection
from bot.adapters.pgclient.tools import PgTools
from bot.adapters.storage import Credentials, S3BackupStore, connect
from bot.domain.backups import BackupName, Manifest
from bot.domain.bundle_limits import BundleLimits
from bot.domain.environments import BackupTarget
from bot.domain.runs import Progress
from bot.errors import PermanentError, TemporaryError
from bot.ports import Dump
from bot.sandbox.objectstore import ObjectStore
from bot.sandbox.physioflow.clones import Clone
from bot.sandbox.postgres import find_bin_dir
from tests.adapters.database.conftest import TIMING, TRACKING
from tests.adapters.database.dumping import contents, ignore, restored, wrapped_tools
from tests.fakes.keyring import KEYRING


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


def test_a_dump_may_take_longer_than_the_hashing(
    clone: Clone, server: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our own session keeps the snapshot meanwhile; no timeout of ours or of the database's may end it."""
    monkeypatch.setattr("bot.adapters.database.connections.IDLE_TIMEOUT_S", 0.5)
    server.execute(f"ALTER DATABASE {clone.name} SET idle_in_transaction_session_timeout = '500ms'".encode())
    if server.info.server_version >= KNOWS_TRANSACTION_TIMEOUT:
        server.execute(f"ALTER DATABASE {clone.name} SET transaction_timeout = '1s'".encode())
    tools = wrapped_tools(tmp_path / "bin", before="sleep 1.5")

    dump = PostgresDatabase(Server(clone.bot_dsn, TRACKING, TIMING, tools, SystemClock())).dump(
        tmp_path / "dump", ignore
    )

    assert "public.patients" in {content.table for content in dump.tables}


def test_a_pg_dump_older_than_the_server_is_refused(clone: Clone, tmp_path: Path) -> None:
    for tool in ("pg_dump", "pg_restore"):
        old = tmp_path / tool
        old.write_text(f"#!/bin/sh\necho '{tool} (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)'\n")
        old.chmod(old.stat().st_mode | stat.S_IXUSR)

    with pytest.raises(PermanentError, match=r"tool-too-old: pg_dump is 15\.18 and the server is PostgreSQL"):
        PostgresDatabase(Server(clone.bot_dsn, TRACKING, TIMING, PgTools(tmp_path), SystemClock())).dump(
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
    return PostgresDatabase(Server(clone.bot_dsn, TRACKING, TIMING, tools, SystemClock(), limits=limits))


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
        store = S3BackupStore(client, "prod", target, KEYRING, limits=BundleLimits(max_files=max_files))
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
