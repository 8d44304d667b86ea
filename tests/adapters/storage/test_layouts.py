"""Bundles as the old scripts made them, with the real pg_dump: fetched, and read by the real tools."""

import gzip
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from bot.domain.backups import BundleKind
from bot.errors import PermanentError
from bot.sandbox.physioflow.clones import Clone
from bot.sandbox.postgres import PostgresServer
from tests.adapters.storage.archives import NAME, Bucket, tar_of
from tests.adapters.storage.bucket import ignore

KINDS = {"p": BundleKind.PLAIN, "c": BundleKind.CUSTOM, "t": BundleKind.TAR, "d": BundleKind.DIRECTORY}
SUFFIXES = {"p": "sql", "c": "dump", "t": "tar"}
NASTY = r'''
CREATE TABLE notes (id int, note text, "odd \ ""name""" text, copy int);
INSERT INTO notes VALUES (1, E'tab\t newline\n backslash \\ bell\x07 quote\' \\! id', NULL, 1), (2, E'\\.', '', 2);
COMMENT ON TABLE notes IS E'it\'s \\ a -- comment /* with $$ things';
CREATE FUNCTION twice(text) RETURNS text LANGUAGE sql AS $_$ SELECT $1 || E'\\' || $$'$$ || $1; $_$;
SELECT lo_from_bytea(0, 'large');
'''
Tool = Callable[..., str]


@pytest.fixture
def tool(postgres: PostgresServer) -> Tool:
    def run(name: str, *arguments: str) -> str:
        command = [str(postgres.bin_dir / name), *arguments]
        environment = os.environ | {"PGPASSWORD": postgres.password}
        done = subprocess.run(  # noqa: S603 -- PostgreSQL's own tool
            command, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="module")
def dumps(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, bytes]]:
    """Made once, by the first test that asks."""
    del tmp_path_factory
    return {}


@pytest.fixture
def dump_files(
    dumps: dict[str, dict[str, bytes]],
    postgres: PostgresServer,
    sample_database: Callable[[], Clone],
    tool: Tool,
    tmp_path: Path,
) -> dict[str, dict[str, bytes]]:
    if not dumps:
        database = sample_database().name
        dsn = postgres.dsn("postgres", database)
        with psycopg.connect(dsn) as connection:
            connection.execute(NASTY)
        for letter in KINDS:
            path = tmp_path / f"made-{letter}"
            tool("pg_dump", f"-F{letter}", "-f", str(path), "-d", dsn)
            if path.is_dir():
                dumps[letter] = {file.name: file.read_bytes() for file in path.iterdir()}
            else:
                dumps[letter] = {f"prod.{SUFFIXES[letter]}": path.read_bytes()}
    return dumps


@pytest.mark.parametrize("folder", ["", "./", f"{NAME}/", f"./{NAME}/"])
@pytest.mark.parametrize("compressed", [False, True], ids=["as it is", "gzip inside"])
@pytest.mark.parametrize("letter", KINDS)
def test_is_recognised_and_readable(
    bucket: Bucket,
    dump_files: dict[str, dict[str, bytes]],
    tool: Tool,
    tmp_path: Path,
    letter: str,
    folder: str,
    *,
    compressed: bool,
) -> None:
    files = dump_files[letter]
    if compressed and letter != "d":  # a directory dump's own files are compressed already
        files = {f"{name}.gz": gzip.compress(text, 1) for name, text in files.items()}
    backup = bucket.plant(tar_of(files, folder))
    bucket.store.verify_names(backup, ignore)
    fetched = bucket.store.fetch(backup, tmp_path / "scratch", ignore)
    assert (fetched.kind, fetched.manifest) == (KINDS[letter], None)
    assert fetched.path.is_relative_to(tmp_path / "scratch")
    if letter == "d":
        assert {file.name: file.read_bytes() for file in fetched.path.iterdir()} == files
    else:
        assert fetched.path.read_bytes() == next(iter(dump_files[letter].values()))
        assert fetched.size_bytes == fetched.path.stat().st_size
    if letter != "p":
        assert "TABLE DATA public notes" in tool("pg_restore", "-l", str(fetched.path))


def test_a_plain_dump_is_loaded_by_psql(
    bucket: Bucket,
    dump_files: dict[str, dict[str, bytes]],
    tool: Tool,
    postgres: PostgresServer,
    tmp_path: Path,
) -> None:
    backup = bucket.plant(tar_of(dump_files["p"]))
    fetched = bucket.store.fetch(backup, tmp_path / "scratch", ignore)
    with psycopg.connect(postgres.superuser_dsn, autocommit=True) as connection:
        connection.execute("CREATE DATABASE loaded_again")
    try:
        dsn = postgres.dsn("postgres", "loaded_again")
        tool("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", str(fetched.path), "-d", dsn)
        assert tool("psql", "-X", "-At", "-c", "SELECT count(*) FROM notes", "-d", dsn) == "2\n"
    finally:
        with psycopg.connect(postgres.superuser_dsn, autocommit=True) as connection:
            connection.execute("DROP DATABASE loaded_again")


def test_the_tar_format_compressed_as_a_bundle_is_a_directory(
    bucket: Bucket,
    postgres: PostgresServer,
    sample_database: Callable[[], Clone],
    tool: Tool,
    tmp_path: Path,
) -> None:
    """What ``pg_dump -Ft | gzip`` makes."""
    without_large_objects = tmp_path / "made.tar"
    dsn = postgres.dsn("postgres", sample_database().name)
    tool("pg_dump", "-Ft", "-f", str(without_large_objects), "-d", dsn)
    backup = bucket.plant(gzip.compress(without_large_objects.read_bytes(), 1))
    fetched = bucket.store.fetch(backup, tmp_path / "scratch", ignore)
    assert fetched.kind is BundleKind.DIRECTORY
    assert "TABLE DATA public patients" in tool("pg_restore", "-l", str(fetched.path))
    tool("pg_restore", "-f", os.devnull, str(fetched.path))


def test_the_tar_format_compressed_as_a_bundle_loses_its_large_objects_so_it_is_refused(
    bucket: Bucket, dump_files: dict[str, dict[str, bytes]], tmp_path: Path
) -> None:
    backup = bucket.plant(gzip.compress(dump_files["t"]["prod.tar"], 1))
    with pytest.raises(PermanentError, match=r"^bundle-unknown: .*large objects"):
        bucket.store.fetch(backup, tmp_path / "scratch", ignore)
