"""Plays whole runs on a real database whose rows decide what a script does; the cluster is the fake one."""

import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from bot.adapters.clock import SystemClock
from bot.adapters.database import PostgresDatabase, Server, Tracking
from bot.adapters.migration_files.files import ScriptFiles
from bot.adapters.pgclient.tools import PgTools
from bot.domain.environments import Timing
from bot.domain.plans import ChainPlan, narrow
from bot.domain.runs import RunState
from bot.planning import checklist
from bot.sandbox.physioflow.clones import Clone
from bot.sandbox.postgres import find_bin_dir
from tests.engine.story import Story, steps, traffic_faults
from tests.fakes.world import World

TABLES = """
SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
"""
TENANTS = """
CREATE TABLE tenants (name text PRIMARY KEY);
INSERT INTO tenants SELECT 'tenant_' || n FROM generate_series(1, 3) n;
DO $$ DECLARE one text; BEGIN FOR one IN SELECT name FROM tenants LOOP
  EXECUTE format('CREATE SCHEMA %I', one);
  EXECUTE format('CREATE TABLE %I.bookings (id serial PRIMARY KEY, note text)', one);
  EXECUTE format('INSERT INTO %I.bookings (note) SELECT ''x'' FROM generate_series(1, 100)', one);
END LOOP; END $$;
"""
STOCK = """
CREATE TABLE product (id int PRIMARY KEY, stock int);
INSERT INTO product SELECT n, 100 FROM generate_series(1, 10) n;
CREATE TABLE orders (id int PRIMARY KEY, product int REFERENCES product, amount int, kind text);
INSERT INTO orders SELECT n, 1 + n % 10, 3, (ARRAY['promo', 'std'])[1 + n % 2] FROM generate_series(1, 100) n;
CREATE TABLE history (id int PRIMARY KEY, order_id int, note text);
INSERT INTO history SELECT n, n, 'note ' || n FROM generate_series(1, 100) n;
CREATE FUNCTION restock() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE product SET stock = stock + OLD.amount WHERE id = OLD.product;
  DELETE FROM history WHERE order_id = OLD.id;
  RETURN OLD;
END $$;
CREATE TRIGGER restock AFTER DELETE ON orders FOR EACH ROW EXECUTE FUNCTION restock();
"""
NOTES = """
CREATE TABLE notes (id int PRIMARY KEY, text text); INSERT INTO notes SELECT n, 'v' FROM generate_series(1, 10) n;
CREATE TABLE gone (id int PRIMARY KEY); INSERT INTO gone VALUES (1);
"""
SHAPES = """
CREATE TABLE shapes (id int PRIMARY KEY, n int NOT NULL DEFAULT 1, m int);
INSERT INTO shapes SELECT n, n, n FROM generate_series(1, 5) n;
CREATE VIEW shown AS SELECT id, n FROM shapes;
CREATE FUNCTION code(int) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT $1 + 1 $$;
CREATE TABLE coded (id int PRIMARY KEY, c int NOT NULL DEFAULT code(1)); INSERT INTO coded (id) VALUES (1);
CREATE TABLE seen (id int);
"""
PROMOS = "DELETE FROM orders WHERE kind = 'promo';"
LOCKS = "LOCK TABLE product, history IN ROW EXCLUSIVE MODE;"
FILES = """
CREATE TABLE files (id int PRIMARY KEY, body oid);
INSERT INTO files SELECT n, lo_from_bytea(0, decode(repeat('ab', 1000), 'hex')) FROM generate_series(1, 3) n;
CREATE FUNCTION unlink() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM lo_unlink(OLD.body); RETURN OLD; END';
"""
UNLINKS = "CREATE TRIGGER unlink AFTER DELETE ON files FOR EACH ROW EXECUTE FUNCTION unlink();"
HEADER = "-- migration: 027_made_up\n-- adds: x\n-- impact: No x.\n-- data-loss: none\n"


def only_with_rows(table: str, *statements: str) -> str:
    """A block that does something only where a table has rows: nothing, on an empty copy."""
    runs = " ".join(f"EXECUTE $q${statement}$q$;" for statement in statements)
    return f"DO $$ BEGIN IF EXISTS (SELECT FROM {table}) THEN {runs} END IF; END $$;"


@dataclass(frozen=True)
class Ward:
    """A copy of the sample, and a story whose bot works on it."""

    story: Story
    world: World
    clone: Clone
    scripts: Path

    def has(self, setup: str) -> None:
        """The owner has this in the database."""
        with psycopg.connect(self.clone.owner_dsn, autocommit=True) as conn:
            conn.execute(setup.encode())

    def undoes(self, *statements: str, verify: str = "true") -> None:
        """Down script 027 is this."""
        text = f"{HEADER}-- verify: {verify}\n\n" + "\n".join(statements) + "\n"
        (self.scripts / "027_made_up.sql").write_text(text)

    def rows(self) -> Mapping[str, tuple[int, str]]:
        """Each table's number of rows and a hash of them, by a reckoning of our own."""
        query = "SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)), 0)::text FROM {} t"
        with psycopg.connect(self.clone.superuser_dsn, autocommit=True) as conn:
            tables = [name for (name,) in conn.execute(TABLES).fetchall()]
            return {table: conn.execute(query.format(table).encode()).fetchall()[0] for table in tables}

    def schema(self) -> str:
        """What pg_dump says of it."""
        command = [str(find_bin_dir() / "pg_dump"), "-s", self.clone.superuser_dsn]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 -- our own command
        return "\n".join(line for line in text.splitlines() if "restrict " not in line)

    @property
    def plan(self) -> ChainPlan:
        return narrow(self.world.run().plan, ChainPlan)

    def stops(self, *parts: str) -> None:
        """A rollback of 027 is rolled back before COMMIT, says why, and leaves everything as it was."""
        rows, schema = self.rows(), self.schema()
        run = self.story.roll_back()
        assert run.state is RunState.FAILED, run.problem
        assert [part for part in parts if part not in run.problem] == [], run.problem
        assert self.rows() == rows
        assert self.schema() == schema
        assert steps(run)[checklist.CHAIN] == "failed"
        assert traffic_faults(self.world, "v1.3.0") == []

    def succeeds(self) -> None:
        """A rollback of 027 succeeds."""
        run = self.story.roll_back()
        assert (run.state, run.problem) == (RunState.SUCCEEDED, "")
        assert traffic_faults(self.world, "v1.2.3") == []


@pytest.fixture
def ward(tmp_path: Path, sample_database: Callable[[], Clone]) -> Ward:
    clone, scripts = sample_database(), tmp_path / "down"
    scripts.mkdir()
    timing = Timing(lock_timeout_s=0.5, chain_attempts=2, stall_s=30.0)
    tracking = Tracking("schema_migrations", ("version", "name"))
    world = World(tmp_path)
    server = Server(clone.bot_dsn, tracking, timing, PgTools(find_bin_dir()), SystemClock())
    world.database = PostgresDatabase(server)  # type: ignore[assignment]  # the same port, in earnest
    world.scripts = ScriptFiles(scripts, "schema_migrations")  # type: ignore[assignment]  # the same port, in earnest
    return Ward(Story(world), world, clone, scripts)


def test_tables_that_a_loop_over_rows_drops_stand(ward: Ward) -> None:
    ward.has(TENANTS)
    ward.undoes(
        "DO $$ DECLARE one text; BEGIN FOR one IN SELECT name FROM tenants LOOP",
        "  EXECUTE format('DROP TABLE %I.bookings', one);",
        "END LOOP; END $$;",
    )
    ward.stops(
        "beyond-the-plan",
        *(f"table tenant_{number}.bookings would have gone" for number in (1, 2, 3)),
        "Nothing was committed",
    )


def test_rows_that_a_trigger_changes_stay(ward: Ward) -> None:
    ward.has(STOCK)
    ward.undoes(PROMOS)
    ward.stops("beyond-the-plan", "public.product: 50 rows updated", "public.history: 50 rows deleted", "LOCK TABLE")
    assert "public.orders" not in ward.world.run().problem, "the plan names it"


def test_a_script_that_names_what_its_triggers_change_is_planned_saved_and_run(ward: Ward) -> None:
    """The way out that the message names."""
    ward.has(STOCK)
    ward.undoes(LOCKS, PROMOS)
    ward.succeeds()
    saved = {row.table for row in ward.plan.rows}
    assert {"public.orders", "public.product", "public.history"} <= saved


def test_a_verify_line_that_is_false_on_real_rows_stops_it(ward: Ward) -> None:
    ward.has(NOTES)
    ward.undoes("DROP TABLE gone;", "DELETE FROM notes WHERE text = 'w';", verify="NOT EXISTS (SELECT FROM notes)")
    ward.stops("verify-false", "027_made_up", "NOT EXISTS (SELECT FROM notes)", "it is not true")


def test_a_check_that_the_server_refuses_counts_as_false_with_the_reason(ward: Ward) -> None:
    ward.has(NOTES)
    ward.undoes("DROP TABLE gone;", verify="(SELECT count(*) FROM gone) = 0")
    ward.stops("verify-false", 'relation "gone" does not exist (42P01)')


def test_a_check_cannot_change_anything(ward: Ward) -> None:
    """A savepoint's rollback would not take a sequence back."""
    ward.has(NOTES + "CREATE SEQUENCE counter;")
    ward.undoes("DROP TABLE gone;", verify="nextval('counter') > 0")
    ward.stops("verify-false", "cannot execute nextval() in a read-only transaction (25006)")
    with psycopg.connect(ward.clone.owner_dsn) as conn:
        assert conn.execute("SELECT is_called FROM counter").fetchall() == [(False,)]


def test_all_that_is_wrong_is_told_at_once(ward: Ward) -> None:
    ward.has(STOCK + NOTES)
    ward.undoes(only_with_rows("notes", "DROP TABLE gone"), PROMOS, verify="NOT EXISTS (SELECT FROM orders)")
    ward.stops(
        "beyond-the-plan",
        "table public.gone would have gone; public.history: 50 rows deleted; public.product: 50 rows updated",
        "would be false: 027_made_up: NOT EXISTS (SELECT FROM orders) (it is not true)",
    )


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("DROP FUNCTION code(int) CASCADE", "function public.code(integer) would have gone"),
        ("ALTER TABLE shapes ALTER n DROP DEFAULT", "table column public.shapes.n would have been changed"),
        ("ALTER TABLE shapes ALTER n DROP NOT NULL", "table column public.shapes.n would have been changed"),
        ("CREATE OR REPLACE VIEW shown AS SELECT id, m AS n FROM shapes", "view public.shown would have been changed"),
        (
            "CREATE OR REPLACE FUNCTION code(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 + 2'",
            "function public.code(integer) would have been changed",
        ),
        ("GRANT SELECT ON shapes TO PUBLIC", "table public.shapes would have been changed"),
        (
            "CREATE RULE nothing AS ON DELETE TO seen DO INSTEAD NOTHING",
            "rule nothing on public.seen would have been created",
        ),
        ("CREATE TABLE extra (id serial PRIMARY KEY)", "table public.extra would have been created"),
        (
            "ALTER TABLE shapes RENAME COLUMN m TO k",
            "table column public.shapes.m would have been renamed to public.shapes.k",
        ),
        ("TRUNCATE seen", "public.seen: all rows rewritten or removed"),
        ("DROP TABLE seen; CREATE TABLE seen (id int)", "table public.seen would have been dropped and made again"),
    ],
)
def test_what_a_block_does_only_where_there_are_rows_is_named(ward: Ward, statement: str, told: str) -> None:
    """Default by CASCADE, replaced view and function, NOT NULL, wider rights, code added: none is in the plan."""
    ward.has(SHAPES)
    ward.undoes(only_with_rows("shapes", *statement.split("; ")))
    ward.stops("beyond-the-plan", told)


def test_the_same_without_a_block_is_as_rehearsed_and_runs(ward: Ward) -> None:
    ward.has(SHAPES)
    ward.undoes(
        "CREATE OR REPLACE VIEW shown AS SELECT id, m AS n FROM shapes;",
        "ALTER TABLE shapes ALTER n DROP NOT NULL, ALTER n DROP DEFAULT;",
        "GRANT SELECT ON shapes TO PUBLIC;",
        "CREATE FUNCTION spy() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN NEW; END';",
        "CREATE TRIGGER spy AFTER INSERT ON shapes FOR EACH ROW EXECUTE FUNCTION spy();",
        "DROP FUNCTION code(int) CASCADE;",
        "DROP TABLE seen;",
        "CREATE TABLE seen (id int);",
        "ALTER TABLE coded ALTER id TYPE bigint;",
    )
    ward.succeeds()
    assert ("function", "public.spy()") in {(item.kind, item.identity) for item in ward.plan.changes or ()}


def test_a_table_that_is_renamed_and_written_is_the_one_that_the_plan_knows(ward: Ward) -> None:
    ward.has(NOTES)
    ward.undoes("ALTER TABLE notes RENAME TO remarks;", "UPDATE remarks SET text = 'w';")
    ward.succeeds()


def test_a_block_whose_effect_the_plan_names_runs_and_is_warned_of(ward: Ward) -> None:
    ward.has(NOTES)
    ward.undoes("DROP TABLE gone;", "DO $$ BEGIN DELETE FROM notes WHERE id < 3; END $$;")
    ward.succeeds()
    (warning,) = (line for line in ward.plan.warnings if "known only when" in line)
    assert "(DO blocks: 027_made_up line 8)" in warning


def test_large_objects_that_a_trigger_removes_stay(ward: Ward) -> None:
    ward.has(FILES + UNLINKS)
    ward.undoes("DELETE FROM files;")
    ward.stops("beyond-the-plan", "large objects: 3 rows deleted")
    with psycopg.connect(ward.clone.owner_dsn) as conn:
        assert conn.execute("SELECT sum(length(lo_get(body))) FROM files").fetchall() == [(3000,)]


def test_large_objects_that_the_script_removes_by_name_are_warned_of(ward: Ward) -> None:
    ward.has(FILES)
    ward.undoes("SELECT lo_unlink(body) FROM files;", "DELETE FROM files;")
    ward.succeeds()
    assert any("emergency backup alone saves: 027_made_up" in line for line in ward.plan.warnings)
