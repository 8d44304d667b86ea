"""Dumps read to their end by the real pg_restore: whole ones pass, cut and changed ones do not."""

import shutil
import subprocess
from pathlib import Path

import psycopg
import pytest

from bot.adapters.pgclient.bundle_reader import ToolBundleReader
from bot.adapters.pgclient.tools import PgTools
from bot.domain.backups import BundleKind
from bot.errors import PermanentError
from bot.ports import DumpEntries, FetchedBundle
from bot.sandbox.postgres import PostgresServer

FORMATS = {
    BundleKind.DIRECTORY: "directory",
    BundleKind.CUSTOM: "custom",
    BundleKind.TAR: "tar",
    BundleKind.PLAIN: "plain",
}


@pytest.fixture(scope="module")
def dumps(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> dict[BundleKind, Path]:
    with psycopg.connect(postgres.superuser_dsn, autocommit=True) as connection:
        connection.execute("CREATE DATABASE reader_tests")
    dsn = postgres.dsn("postgres", "reader_tests")
    with psycopg.connect(dsn) as connection:
        connection.execute("CREATE TABLE notes AS SELECT n, md5(n::text) AS said FROM generate_series(1, 20000) AS n")
    folder = tmp_path_factory.mktemp("dumps")
    for name in FORMATS.values():
        command = [str(postgres.bin_dir / "pg_dump"), f"--format={name}", f"--file={folder / name}", f"--dbname={dsn}"]
        subprocess.run(command, check=True)  # noqa: S603 -- our own tool
    with psycopg.connect(postgres.superuser_dsn, autocommit=True) as connection:
        connection.execute("DROP DATABASE reader_tests")
    return {kind: folder / name for kind, name in FORMATS.items()}


@pytest.fixture
def reader(postgres: PostgresServer) -> ToolBundleReader:
    return ToolBundleReader(PgTools(postgres.bin_dir))


def bundle(kind: BundleKind, path: Path) -> FetchedBundle:
    return FetchedBundle(kind, path, None, 1)


def cut(path: Path, share: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])


@pytest.mark.parametrize("kind", FORMATS)
def test_a_whole_dump_is_read_through(
    dumps: dict[BundleKind, Path], reader: ToolBundleReader, kind: BundleKind
) -> None:
    reader.read_through(bundle(kind, dumps[kind]))


@pytest.mark.parametrize("kind", [BundleKind.CUSTOM, BundleKind.TAR, BundleKind.PLAIN])
@pytest.mark.parametrize("share", [0.0, 0.57, 0.99])
def test_a_cut_file_is_not(
    dumps: dict[BundleKind, Path], reader: ToolBundleReader, tmp_path: Path, kind: BundleKind, share: float
) -> None:
    path = Path(shutil.copy(dumps[kind], tmp_path))
    cut(path, share)

    with pytest.raises(PermanentError, match="bundle-unreadable") as refused:
        reader.read_through(bundle(kind, path))
    assert str(tmp_path) not in refused.value.message


@pytest.mark.parametrize("damage", ["cut", "gone", "changed"])
def test_a_directory_with_a_damaged_member_is_not(
    dumps: dict[BundleKind, Path], reader: ToolBundleReader, tmp_path: Path, damage: str
) -> None:
    folder = Path(shutil.copytree(dumps[BundleKind.DIRECTORY], tmp_path / "dump"))
    (member,) = folder.glob("*.dat.gz")
    if damage == "cut":
        cut(member, 0.57)
    elif damage == "gone":
        member.unlink()
    else:
        content = bytearray(member.read_bytes())
        content[len(content) // 2] ^= 0xFF
        member.write_bytes(bytes(content))

    with pytest.raises(PermanentError, match="bundle-unreadable"):
        reader.read_through(bundle(BundleKind.DIRECTORY, folder))


def test_without_the_tool_it_is_not_the_bundle_that_is_blamed(dumps: dict[BundleKind, Path], tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="tool-missing"):
        ToolBundleReader(PgTools(tmp_path)).read_through(bundle(BundleKind.CUSTOM, dumps[BundleKind.CUSTOM]))


@pytest.mark.parametrize("kind", FORMATS)
def test_its_entries_are_counted(
    dumps: dict[BundleKind, Path], postgres: PostgresServer, tmp_path: Path, kind: BundleKind
) -> None:
    reader = ToolBundleReader(PgTools(postgres.bin_dir))
    assert reader.count_entries(FetchedBundle(kind, dumps[kind], None, 1)) == DumpEntries(1, 1)
    damaged = tmp_path / "damaged"
    damaged.write_bytes(b"PGDMP")
    if kind is not BundleKind.PLAIN:
        with pytest.raises(PermanentError, match=r"^bundle-unreadable"):
            reader.count_entries(FetchedBundle(kind, damaged, None, 1))
