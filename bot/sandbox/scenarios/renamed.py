"""Plays a script that renames a schema, tables, a column, a view and a function; their names have dots and quotes."""

import contextlib
from collections.abc import Iterator

from bot.sandbox.people import all_text
from bot.sandbox.scenarios.before import Before, check_serving, observe
from bot.sandbox.story import Story

OWNER = "SET ROLE physioflow_prod"
MAKE = """
CREATE SCHEMA "old.lab";
CREATE TABLE b (id serial PRIMARY KEY, old_name text);
INSERT INTO b (old_name) SELECT 'r' || n FROM generate_series(1, 9) n;
CREATE TABLE "old.lab"."re""sult.s" (id int PRIMARY KEY, "va.lue" text);
INSERT INTO "old.lab"."re""sult.s" SELECT n, 'x' FROM generate_series(1, 7) n;
CREATE VIEW shown AS SELECT id, old_name FROM b;
CREATE FUNCTION "f.g"(int) RETURNS int LANGUAGE sql AS 'SELECT $1 + 1'
"""
RENAME = """
ALTER TABLE b RENAME COLUMN old_name TO "new.name";
ALTER TABLE b RENAME TO "c.d";
ALTER SEQUENCE b_id_seq RENAME TO c_seq;
ALTER VIEW shown RENAME TO seen;
ALTER FUNCTION "f.g"(int) RENAME TO plain;
ALTER TABLE "old.lab"."re""sult.s" RENAME TO results;
ALTER SCHEMA "old.lab" RENAME TO lab;
"""
NAMES = """
SELECT n.nspname || '/' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'v', 'S') AND c.oid = ANY (%s::oid[]) ORDER BY c.oid
"""
OIDS = """
SELECT array_agg(c.oid ORDER BY c.oid) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'old.lab' AND c.relkind = 'r' OR n.nspname = 'public' AND c.relname IN ('b', 'shown', 'b_id_seq')
"""
BEFORE = ["public/b_id_seq", "public/b", 'old.lab/re"sult.s', "public/shown"]
AFTER = ["public/c_seq", "public/c.d", "lab/results", "public/seen"]


def renamed(story: Story) -> None:
    """A script renames: the request says so and that no row goes, the rows stay, and an undo brings the names back."""
    checks, database = story.checks, story.database
    with _prepared(story) as before:
        oids = database.ask(OIDS)[0][0]
        story.command(story.cast.oncall, "/rollback prod 027")
        _check_request(story)
        _run(story)
        checks.equal("the new names are there", _names(story, oids), sorted(AFTER))
        rows = database.ask('SELECT (SELECT count("new.name") FROM public."c.d"), (SELECT count(*) FROM lab.results)')
        checks.equal("every row has stayed", rows, [(9, 7)])
        check_serving(story, before, "v1.2.3")
        run_id = story.run_id()
        story.presses_undo(story.cast.oncall)
        _check_undo(story, run_id, oids)


def _check_request(story: Story) -> None:
    story.wait(lambda: bool(story.fresh()), "the run's card")
    checks, request = story.checks, all_text(story.request())
    checks.says("the request says what gets another name", request, "What gets another name", "its 9 rows stay")
    checks.says("with dots in its name", request, 'public."c.d"', 'public."c.d"."new.name"')
    checks.says("and that no row goes", request, "*What is dropped* – nothing.", "*Rows that go* – none.")
    checks.that("nothing is taken by CASCADE", "CASCADE" not in request, request)
    story.cast.oncall.presses(story.request(), "show_sql")
    modal = story.wait(lambda: story.cast.oncall.sees("modal"), "the SQL")
    checks.says("the SQL that will run is one click away", all_text(modal), 'ALTER TABLE b RENAME TO "c.d";', "sha256")
    checks.says(
        "with everything that differs afterwards", all_text(modal), "public.seen", "public.plain(integer)", "lab"
    )
    story.cast.oncall.closes(modal)


def _check_undo(story: Story, run_id: str, oids: list[int]) -> None:
    story.wait(lambda: story.run_id() != run_id, "the undo's card")
    _run(story)
    story.checks.equal("the undo has brought the names back", _names(story, oids), sorted(BEFORE))
    rows = story.database.ask("SELECT count(old_name) FROM b")[0][0]
    story.checks.equal("with their rows", rows, 9)


def _run(story: Story) -> None:
    story.approve()
    story.wait_state("succeeded", "failed", "parked")
    story.settle()
    query = "SELECT problem FROM backstop.runs WHERE id = %s"
    problem = story.journal(query, story.run_id())[0][0]
    story.checks.equal("the run succeeded", (story.state(), problem or ""), ("succeeded", ""))


def _names(story: Story, oids: list[int]) -> list[str]:
    return sorted(name for (name,) in story.database.ask(NAMES, oids))


@contextlib.contextmanager
def _prepared(story: Story) -> Iterator[Before]:
    """Make what is renamed in production, and put the down script back at the end."""
    path = story.sandbox.down_dir / "027_feature_flags.sql"
    original = path.read_text()
    with story.database.connect() as session:
        session.execute(OWNER.encode())
        session.execute(MAKE.encode())
    header = "-- migration: 027_feature_flags\n-- adds: x\n-- impact: No x.\n-- data-loss: none\n-- verify: true\n"
    path.write_text(f"{header}{RENAME}")
    try:
        yield observe(story)
    finally:
        path.write_text(original)
