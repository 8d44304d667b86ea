"""Dumps that somebody put into production's bucket: another database's, and parts of one."""

import io
import itertools
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from bot.adapters.clock import SystemClock
from bot.adapters.database import PostgresDatabase, Server, Tracking
from bot.adapters.database.server import LoaderLogin
from bot.adapters.pgclient.bundle_reader import ToolBundleReader
from bot.adapters.pgclient.tools import PgTools
from bot.adapters.sides import PostgresSides
from bot.adapters.storage import S3BackupStore, connect
from bot.domain.backups import Verification
from bot.domain.environments import BackupTarget, Timing
from bot.domain.plans import RestorePlan, narrow
from bot.domain.runs import RunState
from bot.planning import checklist
from bot.sandbox.objectstore import ObjectStore
from bot.sandbox.physioflow import clones
from bot.sandbox.physioflow.clones import Clone
from bot.sandbox.physioflow.sample import loader_name
from bot.sandbox.postgres import PostgresServer, find_bin_dir
from tests.adapters.storage.bucket import KEYS
from tests.engine.backups.requests import job, verify
from tests.engine.runs.restoring import approve, ask, newest, refusals
from tests.engine.story import Story
from tests.fakes.keyring import KEYRING
from tests.fakes.world import World

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

NAME = "prod_found_20260228_020000"
HALVE = """
DO $$
DECLARE
  key record;
  gone bigint := 1;
  n bigint;
BEGIN
  SET LOCAL session_replication_role = replica;
  DELETE FROM patients WHERE id % 2 = 0;
  WHILE gone > 0 LOOP -- rows whose parents are gone, until there are none
    gone := 0;
    FOR key IN SELECT conrelid::regclass AS child, confrelid::regclass AS parent, c.attname AS refers, p.attname AS id
      FROM pg_constraint k JOIN pg_attribute c ON c.attrelid = conrelid AND c.attnum = conkey[1]
      JOIN pg_attribute p ON p.attrelid = confrelid AND p.attnum = confkey[1]
      WHERE contype = 'f' AND cardinality(conkey) = 1
    LOOP
      EXECUTE format('DELETE FROM %s x WHERE %I IS NOT NULL AND NOT EXISTS (SELECT FROM %s y WHERE y.%I = x.%I)',
                     key.child, key.refers, key.parent, key.id, key.refers);
      GET DIAGNOSTICS n = ROW_COUNT;
      gone := gone + n;
    END LOOP;
  END LOOP;
END $$;
"""
_NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Clinic:
    """Production with its bucket, and a development database with half the patients."""

    story: Story
    world: World
    live: Clone
    dev: Clone
    client: "S3Client"
    target: BackupTarget

    def plant(self, database: Clone, form: str, *options: str, folder: Path) -> None:
        """Put a dump into production's bucket, as a script of old would."""
        path = folder / ("all.sql" if form == "plain" else "all.dump")
        command = [str(find_bin_dir() / "pg_dump"), f"--format={form}", *options, f"--file={path}"]
        subprocess.run([*command, database.superuser_dsn], check=True)  # noqa: S603 -- our own tool
        archive = io.BytesIO()
        with tarfile.open(mode="w:gz", fileobj=archive) as tar:
            for file in sorted(path.iterdir()) if path.is_dir() else [path]:
                tar.add(file, file.name)
        self.client.put_object(Bucket=self.target.bucket, Key=f"{NAME}.tar.gz", Body=archive.getvalue())

    def verify(self) -> tuple[Verification, str]:
        """Verify it at level 3; what is noted with it, and what the channel reads."""
        request = verify(self.world, NAME, level=3)
        self.story.do(request)
        found = self.world.store.find(NAME)
        assert found is not None
        assert found.verified is not None, self.world.announcer.refusals
        return found.verified, job(self.world, request).note

    def patients(self, name: str) -> int:
        """How many patients a database on the server has."""
        dsn = self.live.superuser_dsn.replace(f"/{self.live.name}", f"/{name}")
        with psycopg.connect(dsn, autocommit=True) as conn:
            return int(conn.execute("SELECT count(*) FROM patients").fetchall()[0][0])


@pytest.fixture
def clinic(
    tmp_path: Path,
    postgres: PostgresServer,
    objectstore: ObjectStore,
    sample_database: Callable[[], Clone],
) -> Iterator[Clinic]:
    live, dev = sample_database(), sample_database()
    for database in (live, dev):
        with psycopg.connect(database.owner_dsn, autocommit=True) as conn:
            conn.execute("CREATE TABLE notes (id int PRIMARY KEY, text text)")
            conn.execute("INSERT INTO notes VALUES (1, 'x')")
    with psycopg.connect(dev.superuser_dsn, autocommit=True) as conn:
        conn.execute(HALVE)
    target = BackupTarget(f"clinic-{next(_NUMBERS)}", objectstore.endpoint_url)
    objectstore.create_buckets([target.bucket])
    client, tools, world = connect(target, KEYS), PgTools(find_bin_dir()), World(tmp_path / "scratch")
    tracking, timing = Tracking("schema_migrations", ("version", "name")), Timing(lock_timeout_s=1.0, stall_s=30.0)
    loader = LoaderLogin(loader_name(clones.ENVIRONMENT), postgres.password)
    server = Server(live.bot_dsn, tracking, timing, tools, SystemClock(), loader=loader)
    world.database = PostgresDatabase(server)  # type: ignore[assignment]  # the same port, in earnest
    world.sides = PostgresSides(server)  # type: ignore[assignment]  # the same port, in earnest
    world.store = S3BackupStore(client, "prod", target, KEYRING)  # type: ignore[assignment]  # the same port, in earnest
    world.reader = ToolBundleReader(tools)  # type: ignore[assignment]  # the same port, in earnest
    yield Clinic(Story(world), world, live, dev, client, target)
    client.close()
    clones.drop_beside(postgres, live.name)


def test_a_whole_dump_is_compared_with_the_live_database(clinic: Clinic, tmp_path: Path) -> None:
    clinic.plant(clinic.live, "custom", folder=tmp_path)
    noted, said = clinic.verify()
    assert (noted.level, noted.problem) == (3, "")
    tables = len(noted.tables)
    assert noted.compared == (
        f"compared with the live database: {tables} of {tables} tables, columns equal, as many rows in each, the same "
        "migrations; no manifest to compare content with"
    )
    assert said == f"Restored; {noted.compared}. Not made by Backstop: it has no signed manifest."


def test_devs_dump_does_not_pass_silently(clinic: Clinic, tmp_path: Path) -> None:
    """It is no `latest`; by its name it is restored once the numbers have been approved."""
    clinic.plant(clinic.dev, "custom", folder=tmp_path)
    all_of_them, half = clinic.patients(clinic.live.name), clinic.patients(clinic.dev.name)
    noted, said = clinic.verify()
    assert f"; public.patients {all_of_them:,} → {half:,}" in noted.compared
    assert f"public.patients {all_of_them:,} → {half:,}" in said
    ask(clinic.story)
    assert refusals(clinic.world) == ["no-restorable-backup"]
    ask(clinic.story, NAME)
    plan = narrow(newest(clinic.world).plan, RestorePlan)
    assert plan.restore.doubts == ("bundle-unsigned: unsigned", "bundle-without-manifest")
    assert plan.approved_facts()["doubts"] == list(plan.restore.doubts)
    assert plan.warnings[0].startswith(f"NOT MADE BY BACKSTOP: {NAME} has no manifest that is signed.")
    assert any(f"public.patients {all_of_them:,} → {half:,}" in warning for warning in plan.warnings[2:])
    assert plan.restore.proof == "what level 3 found in it, and the live database: it has no manifest"
    run = approve(clinic.story)
    assert (run.state, run.problem) == (RunState.SUCCEEDED, "")
    proven = run.step(checklist.VERIFY_SIDE).detail
    assert "as level 3 found them; compared with the live database" in proven
    assert f"public.patients {all_of_them:,} → {half:,}" in proven
    assert "no manifest to compare content with" in proven
    assert clinic.patients(clinic.live.name) == half


PARTS = {
    "schema only": ("--schema-only",),
    "data only": ("--data-only", "--disable-triggers"),
    "it lacks": ("--table=public.notes", "--table=public.schema_migrations"),
    "it lacks 1 of": ("--exclude-table=public.notes",),
}


@pytest.mark.parametrize("form", ["custom", "plain", "directory", "tar"])
@pytest.mark.parametrize("what", PARTS)
def test_a_part_of_a_database_is_recognised_and_not_restored(
    clinic: Clinic, tmp_path: Path, what: str, form: str
) -> None:
    clinic.plant(clinic.live, form, *PARTS[what], folder=tmp_path)
    noted, _ = clinic.verify()
    assert (noted.level, noted.tables) == (3, ())
    assert noted.problem.startswith(f"bundle-partial: This is a part of a database: {what}")
    ask(clinic.story, NAME)
    assert refusals(clinic.world) == ["bundle-partial"]
    assert clinic.world.journal.runs.table == {}


def test_it_cannot_be_exchanged_after_level_3(clinic: Clinic, tmp_path: Path) -> None:
    """The proof is of that object; what has taken its place has none."""
    clinic.plant(clinic.live, "custom", folder=tmp_path)
    clinic.verify()
    (tmp_path / "other").mkdir()
    clinic.plant(clinic.dev, "custom", folder=tmp_path / "other")
    ask(clinic.story, NAME)
    assert refusals(clinic.world) == ["backup-not-restorable"]
