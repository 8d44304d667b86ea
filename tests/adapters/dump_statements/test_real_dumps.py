"""Real dumps, in every form that pg_dump can give them, pass: a refusal of a sound backup is as bad as a loss."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from bot.adapters.dump_statements import ArchiveCheck, check_plain
from bot.adapters.pgclient.tools import PgTools
from bot.domain.backups import BundleKind
from bot.sandbox.physioflow import clones
from bot.sandbox.postgres import find_bin_dir
from tests.adapters.sides.conftest import Nasty, make_nasty, nasty, nasty_template, tools

__all__ = ["make_nasty", "nasty", "nasty_template", "tools"]

KINDS = {"directory": BundleKind.DIRECTORY, "custom": BundleKind.CUSTOM, "tar": BundleKind.TAR}
PLAIN_OPTIONS = [
    [],
    ["--clean", "--if-exists"],
    ["--inserts"],
    ["--column-inserts", "--rows-per-insert=50", "--on-conflict-do-nothing"],
    ["--use-set-session-authorization"],
    ["--disable-triggers", "--data-only"],
    ["--schema-only"],
    ["--no-owner", "--no-privileges", "--quote-all-identifiers"],
    ["--enable-row-security", "--load-via-partition-root"],
    ["--statistics"],
    ["--section=pre-data"],
    ["--section=post-data"],
]
ARCHIVE_OPTIONS = [[], ["--inserts"], ["--column-inserts", "--rows-per-insert=7"], ["--schema-only"], ["--statistics"]]


def dump(dsn: str, path: Path, form: str, options: list[str]) -> Path:
    command = [str(find_bin_dir() / "pg_dump"), f"--format={form}", f"--file={path}", f"--dbname={dsn}", *options]
    subprocess.run(command, check=True)  # noqa: S603 -- our own tool
    return path


@pytest.mark.parametrize("options", PLAIN_OPTIONS, ids=" ".join)
def test_plain_dumps(nasty: Nasty, tmp_path: Path, options: list[str]) -> None:
    check_plain(dump(nasty.superuser_dsn, tmp_path / "dump.sql", "plain", options), lambda: ())


@pytest.mark.parametrize("form", KINDS)
@pytest.mark.parametrize("options", ARCHIVE_OPTIONS, ids=" ".join)
def test_archives(
    nasty: Nasty,
    tools: PgTools,
    tmp_path: Path,
    options: list[str],
    form: str,
) -> None:
    path = dump(nasty.superuser_dsn, tmp_path / "dump", form, options)
    before = sorted(tmp_path.rglob("*"))
    ArchiveCheck(tools).check(path, KINDS[form])
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("form", [*KINDS, "plain"])
def test_the_sample(
    sample_database: Callable[[], clones.Clone],
    tools: PgTools,
    tmp_path: Path,
    form: str,
) -> None:
    path = dump(sample_database().owner_dsn, tmp_path / "dump", form, [])
    if form == "plain":
        check_plain(path, lambda: ())
    else:
        ArchiveCheck(tools).check(path, KINDS[form])


@pytest.mark.parametrize("form", KINDS)
def test_a_public_schema_with_an_owner_of_its_own(
    sample_database: Callable[[], clones.Clone], tools: PgTools, tmp_path: Path, form: str
) -> None:
    """As PostgreSQL 14 has it, and a database that was upgraded from there: its removal is a comment alone."""
    clone = sample_database()
    with psycopg.connect(clone.owner_dsn) as owner:
        owner.execute("ALTER SCHEMA public OWNER TO physioflow_prod")
    ArchiveCheck(tools).check(dump(clone.owner_dsn, tmp_path / "dump", form, []), KINDS[form])
