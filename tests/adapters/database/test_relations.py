"""What a rehearsal on a real shadow shows of the rows that go, and whose doing it is."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from bot.adapters.clock import SystemClock
from bot.adapters.database import PostgresDatabase, Server
from bot.adapters.database.execution import PostgresShadow
from bot.adapters.migration_files.files import ScriptFiles
from bot.adapters.pgclient.tools import PgTools
from bot.domain.catalogue import Rehearsal
from bot.domain.migrations import DownScript
from bot.domain.planned import PlannedDrop
from bot.planning import impact
from bot.planning.facts import Evidence
from bot.sandbox.physioflow import clones
from bot.sandbox.physioflow.clones import Clone
from bot.sandbox.postgres import PostgresServer, find_bin_dir
from tests.adapters.database.conftest import TIMING, TRACKING

SCHEMA = """
CREATE TABLE rooms (id integer PRIMARY KEY, code text UNIQUE);
CREATE TABLE beds (id integer PRIMARY KEY, room text REFERENCES rooms (code) ON UPDATE CASCADE);
CREATE TABLE stays (id integer PRIMARY KEY, room integer REFERENCES rooms ON DELETE CASCADE, note text);
CREATE TABLE meals (id integer PRIMARY KEY, stay integer REFERENCES stays ON DELETE CASCADE);
CREATE TABLE bills (id integer PRIMARY KEY, stay integer REFERENCES stays ON DELETE SET NULL);
CREATE TABLE dues (id integer PRIMARY KEY, bill integer REFERENCES bills);
CREATE INDEX stays_note_idx ON stays (note);
CREATE MATERIALIZED VIEW loads AS SELECT count(*) FROM meals;
CREATE TABLE parts (id integer, at integer NOT NULL, mark text) PARTITION BY RANGE (at);
CREATE TABLE parts_low PARTITION OF parts FOR VALUES FROM (0) TO (10);
CREATE TABLE parts_high PARTITION OF parts FOR VALUES FROM (10) TO (20);
CREATE TABLE events (id integer);
CREATE SCHEMA audit;
CREATE TABLE audit.events (id integer);
CREATE FUNCTION purge_meals() RETURNS void LANGUAGE plpgsql AS 'BEGIN DELETE FROM meals; END';
CREATE FUNCTION twice(x integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT x * 2';
"""

HEADER = """-- migration: 027_made_up
-- adds: nothing
-- impact: None.
-- data-loss: none
-- verify: SELECT true
"""


@dataclass(frozen=True)
class Seen:
    """A rehearsal, and what the planner makes of it."""

    rehearsal: Rehearsal
    chain: tuple[DownScript, ...]

    @property
    def drops(self) -> dict[str, PlannedDrop]:
        return {
            drop.identity: drop
            for drop in impact.dropped_objects(Evidence(self.rehearsal.before, self.rehearsal, ()), self.chain)
        }

    @property
    def dropped(self) -> tuple[str, ...]:
        return impact.dropped_relations(self.rehearsal)

    @property
    def columns(self) -> tuple[tuple[str, str], ...]:
        return impact.dropped_columns(self.rehearsal)

    @property
    def changed(self) -> tuple[str, ...]:
        return tuple(name.removeprefix("public.") for name in impact.changed_relations(self.rehearsal, self.chain))


Rehearse = Callable[[str], Seen]


@pytest.fixture(scope="module")
def shadow(postgres: PostgresServer, sample_template: str) -> Iterator[PostgresShadow]:
    """One shadow for all: a rehearsal leaves it as it was."""
    copy: Clone = clones.clone(postgres, sample_template, "sample_impact")
    with psycopg.connect(copy.owner_dsn, autocommit=True) as owner:
        owner.execute(SCHEMA.encode())
    database = PostgresDatabase(Server(copy.bot_dsn, TRACKING, TIMING, PgTools(find_bin_dir()), SystemClock()))
    with database.shadow("rimpact") as made:
        yield made
    clones.drop(postgres, copy.name)


@pytest.fixture
def rehearse(shadow: PostgresShadow, tmp_path: Path) -> Rehearse:
    """Rehearse a script as it would be read from its file."""

    def run(sql: str) -> Seen:
        (tmp_path / "027_made_up.sql").write_text(f"{HEADER}{sql};\n")
        chain = tuple(ScriptFiles(tmp_path, "schema_migrations").load().values())
        return Seen(shadow.rehearse(chain, frozenset(range(1, 27))), chain)

    return run


def test_a_table_made_again_is_dropped_all_the_same(rehearse: Rehearse) -> None:
    seen = rehearse("DROP TABLE meals CASCADE; CREATE TABLE meals (id integer)")

    assert seen.dropped == ("public.loads", "public.meals")
    assert seen.drops["public.meals"] == PlannedDrop("table", "public.meals", named=True, remade=True)
    assert seen.drops["public.meals.stay"] == PlannedDrop("table column", "public.meals.stay", True, "public.meals")
    assert seen.columns == ()
    assert seen.changed == ()


def test_a_column_made_again_is_dropped_all_the_same(rehearse: Rehearse) -> None:
    seen = rehearse("ALTER TABLE stays DROP COLUMN note; ALTER TABLE stays ADD COLUMN note text")

    assert seen.columns == (("public.stays", "note"),)
    assert seen.drops["public.stays.note"].remade
    assert seen.drops["public.stays.note"].named


@pytest.mark.parametrize(
    ("sql", "changed"),
    [
        ("ALTER TABLE stays ALTER COLUMN note TYPE varchar(10) USING left(note, 10)", ("stays",)),
        ("ALTER TABLE stays ALTER COLUMN note TYPE text USING left(note, 10)", ("stays",)),
        ("ALTER TABLE stays ALTER COLUMN note TYPE varchar", ("stays",)),
        ("ALTER TABLE parts ALTER COLUMN mark TYPE integer USING length(mark)", ("parts_high", "parts_low")),
        ("ALTER TABLE stays ADD COLUMN more text; CREATE INDEX ON stays (more)", ()),
        ("DELETE FROM dues", ("dues",)),
        ("DELETE FROM stays", ("bills", "meals", "stays")),
        ("DELETE FROM rooms WHERE id = 1", ("bills", "meals", "rooms", "stays")),
        ("WITH gone AS (DELETE FROM stays RETURNING id) SELECT * FROM gone", ("bills", "meals", "stays")),
        ("TRUNCATE dues", ("dues",)),
        ("INSERT INTO rooms VALUES (1, 'a')", ("rooms",)),
        ("UPDATE rooms SET id = 2", ("rooms",)),
        ("UPDATE rooms SET code = 'b'", ("beds", "rooms")),
        ("DELETE FROM parts", ("parts_high", "parts_low")),
        ("DELETE FROM parts_low", ("parts_low",)),
        ("SELECT purge_meals()", ("meals",)),
        ("DO $$ BEGIN PERFORM purge_meals(); END $$", ("meals",)),
        ("DO $$ BEGIN EXECUTE format('DELETE FROM %I', 'sta' || 'ys'); END $$", ("bills", "meals", "stays")),
        ("DO $$ BEGIN EXECUTE 'TRUNCATE ' || 'stays CASCADE'; END $$", ("bills", "dues", "meals", "stays")),
        ("DELETE FROM audit.events", ("audit.events",)),
    ],
)
def test_rows_that_go_or_change_are_found(rehearse: Rehearse, sql: str, changed: tuple[str, ...]) -> None:
    seen = rehearse(sql)

    assert seen.changed == changed
    assert seen.dropped == ()


def test_only_functions_that_may_write_are_reported(rehearse: Rehearse) -> None:
    seen = rehearse("SELECT purge_meals(); SELECT twice(2), count(*) FROM meals")

    assert impact.called_functions(seen.rehearsal.before, seen.chain) == ("public.purge_meals()",)


def test_a_partitioned_table_is_counted_by_its_partitions(rehearse: Rehearse) -> None:
    seen = rehearse("DROP TABLE parts")

    assert seen.dropped == ("public.parts_high", "public.parts_low")
    assert all(seen.drops[name].named for name in ("public.parts", "public.parts_low", "public.parts_low.mark"))
    assert rehearse("ALTER TABLE parts DROP COLUMN mark").columns == (
        ("public.parts_high", "mark"),
        ("public.parts_low", "mark"),
    )


def test_what_cascade_takes_of_a_table_that_is_merely_altered(rehearse: Rehearse) -> None:
    seen = rehearse("ALTER TABLE stays ADD COLUMN more text; DROP TABLE rooms CASCADE")

    key = seen.drops["stays_room_fkey on public.stays"]
    assert not key.named
    assert seen.drops["public.rooms"].named
    assert seen.drops["public.rooms_pkey"].named


def test_what_goes_with_a_column_that_is_named(rehearse: Rehearse) -> None:
    seen = rehearse("ALTER TABLE stays DROP COLUMN note, DROP COLUMN room")

    assert {name: drop.named for name, drop in seen.drops.items()} == {
        "public.stays.note": True,
        "public.stays.room": True,
        "public.stays_note_idx": True,
        "stays_room_fkey on public.stays": True,
    }


def test_a_constraint_that_is_named_goes_with_its_index(rehearse: Rehearse) -> None:
    seen = rehearse("ALTER TABLE rooms DROP CONSTRAINT rooms_code_key CASCADE")

    assert {name: drop.named for name, drop in seen.drops.items()} == {
        "public.rooms_code_key": True,
        "rooms_code_key on public.rooms": True,
        "beds_room_fkey on public.beds": False,
    }


def test_a_schema_that_is_written_counts(rehearse: Rehearse) -> None:
    seen = rehearse("DROP TABLE audit.events; DO $$ BEGIN EXECUTE 'DROP TABLE ' || 'public.events'; END $$")

    assert seen.drops["audit.events"].named
    assert not seen.drops["public.events"].named
