"""Takes chains back on a real database: exactly, or the request has said before the votes that it cannot be done."""

import itertools
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from bot.adapters.clock import SystemClock
from bot.adapters.database import PostgresDatabase, Server, Tracking
from bot.adapters.migration_files.files import ScriptFiles
from bot.adapters.pgclient.tools import PgTools
from bot.domain.backups import Backup, BundleKind, Manifest
from bot.domain.environments import Timing
from bot.domain.plans import ChainPlan, narrow
from bot.domain.runs import Run, RunState
from bot.ports import FetchedBundle, Report
from bot.sandbox.physioflow.sample import bot_role, database_name
from bot.sandbox.postgres import PostgresServer, find_bin_dir
from tests.engine.runs.steps.undo_situations import SITUATIONS, Situation
from tests.engine.runs.undoing import approve, ask, newest
from tests.engine.story import Story
from tests.fakes.store import FakeStore
from tests.fakes.world import World

OWNER = database_name("prod")
HEADER = "-- migration: 027_made_up\n-- adds: x\n-- impact: No x.\n-- data-loss: none\n-- verify: true\n\n"
TRACKED = """
CREATE TABLE schema_migrations (version text PRIMARY KEY, name text);
INSERT INTO schema_migrations SELECT to_char(n, 'FM000'), to_char(n, 'FM000') || '_x' FROM generate_series(24, 27) n;
CREATE TABLE patients (id int PRIMARY KEY); INSERT INTO patients VALUES (1);
"""
TABLES = "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname !~ '^(pg_|information_schema)'"
SEQUENCES = "SELECT format('%I.%I', schemaname, sequencename) FROM pg_sequences"
LARGE_OBJECTS = (
    "SELECT oid::bigint, lomowner::regrole::text, lomacl::text, md5(lo_get(oid)) FROM pg_largeobject_metadata"
)
_numbers = itertools.count(1)


class FilingStore(FakeStore):
    """Keeps the bundles' files, too."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self._directory = directory

    def put_bundle(self, directory: Path, manifest: Manifest, report: Report) -> Backup:
        shutil.copytree(directory, self._directory / manifest.name)
        return super().put_bundle(directory, manifest, report)

    def fetch(self, backup: Backup, directory: Path, report: Report) -> FetchedBundle:
        del report
        shutil.copytree(self._directory / str(backup.name), directory, dirs_exist_ok=True)
        return FetchedBundle(
            BundleKind.DIRECTORY, directory, backup.manifest, backup.stored.size_bytes, str(backup.name)
        )


@dataclass(frozen=True)
class Ward:
    """A small database, and a story whose bot works on it."""

    story: Story
    dsn: str
    scripts: Path

    def does(self, *statements: str) -> None:
        with psycopg.connect(self.dsn, autocommit=True) as conn:
            conn.execute(f"SET ROLE {OWNER}".encode())
            for statement in statements:
                conn.execute(statement.encode())

    def is_set_up(self, statement: str) -> None:
        """A superuser does something."""
        with psycopg.connect(self.dsn, autocommit=True) as conn:
            conn.execute(statement.encode())

    def asks(self, query: str) -> Any:
        with psycopg.connect(self.dsn, autocommit=True) as conn:
            return conn.execute(query.encode()).fetchall()

    def undoes(self, down: str) -> None:
        (self.scripts / "027_made_up.sql").write_text(f"{HEADER}{down}\n")

    def observe(self) -> dict[str, Any]:
        """All that must be as before, by a reckoning of our own."""
        content = "SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)), 0)::text FROM {} t"
        return {
            "schema": self._schema(),
            "rows": {table: self.asks(content.format(table)) for (table,) in self.asks(TABLES)},
            "sequences": {
                name: self.asks(f"SELECT last_value, is_called FROM {name}") for (name,) in self.asks(SEQUENCES)
            },
            "large objects": sorted(self.asks(LARGE_OBJECTS)),
        }

    def _schema(self) -> list[str]:
        command = [str(find_bin_dir() / "pg_dump"), "-s", self.dsn]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 -- our own command
        return [line for line in text.splitlines() if "restrict " not in line]


@pytest.fixture
def ward(tmp_path: Path, postgres: PostgresServer, sample_template: str) -> Iterator[Ward]:
    del sample_template  # it has made the roles
    name, scripts, kept = f"ward_{next(_numbers)}", tmp_path / "down", tmp_path / "kept"
    scripts.mkdir()
    kept.mkdir()
    with psycopg.connect(postgres.superuser_dsn, autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {name} OWNER {OWNER} TEMPLATE template0".encode())
    timing = Timing(lock_timeout_s=0.5, chain_attempts=2, stall_s=30.0)
    tracking = Tracking("schema_migrations", ("version", "name"))
    world = World(tmp_path)
    server = Server(postgres.dsn(bot_role("prod"), name), tracking, timing, PgTools(find_bin_dir()), SystemClock())
    world.database = PostgresDatabase(server)  # type: ignore[assignment]  # the same port, in earnest
    world.scripts = ScriptFiles(scripts, "schema_migrations")  # type: ignore[assignment]  # the same port, in earnest
    world.store = FilingStore(kept)
    ward = Ward(Story(world), postgres.dsn("postgres", name), scripts)
    ward.does(TRACKED)
    yield ward
    with psycopg.connect(postgres.superuser_dsn, autocommit=True) as conn:
        conn.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def roll_back(ward: Ward) -> Run:
    ward.story.ask()
    assert list(ward.story.world.announcer.refusals.values()) == []
    ward.story.approve()
    run = newest(ward.story.world)
    assert (run.state, run.problem) == (RunState.SUCCEEDED, ""), narrow(run.plan, ChainPlan).undo
    return run


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: situation.name.replace(" ", "-"))
def test_a_chain_is_taken_back_exactly_or_the_request_has_said_that_it_cannot_be(
    ward: Ward, situation: Situation
) -> None:
    ward.does(situation.setup)
    ward.is_set_up(situation.superuser)
    ward.undoes(situation.down)
    before = ward.observe()
    if situation.stops:
        run = ward.story.roll_back()
        assert run.state is RunState.FAILED
        assert situation.stops in run.problem
        assert ward.observe() == before
        return
    run = roll_back(ward)
    said = narrow(run.plan, ChainPlan).undo
    assert said is not None
    if situation.no:
        assert situation.no in said.reason
    else:
        assert said.reason == ""
    if situation.since:
        ward.does(situation.since)

    ask(ward.story, run.id)

    undo = newest(ward.story.world)
    if situation.refused:
        assert [situation.refused in error.message for _, error in ward.story.world.announcer.refusals.values()] == [
            True
        ]
    if situation.no or situation.refused:
        assert undo.id == run.id, "an undo that was said to be impossible was planned"
        return
    assert undo.id != run.id, list(ward.story.world.announcer.refusals.values())
    undo = approve(ward.story)
    assert (undo.state, undo.problem) == (RunState.SUCCEEDED, "")
    if situation.after:
        assert [(query, ward.asks(query)[0][0]) for query, _ in situation.after] == list(situation.after)
    else:
        assert ward.observe() == before
