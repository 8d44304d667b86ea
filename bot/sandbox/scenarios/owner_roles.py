"""Plays a chain, its undo and a restore in a database with several owners, by a bot that is a mere member of them."""

import contextlib
from collections.abc import Iterator
from typing import Any

import psycopg

from bot.sandbox.people import all_text
from bot.sandbox.scenarios.before import check_serving, observe
from bot.sandbox.scenarios.restore import back_up, clear, problem
from bot.sandbox.scenarios.restore_checks import ask
from bot.sandbox.scenarios.undo_rollback import SHAPE
from bot.sandbox.story import Story
from bot.sandbox.workplace import DOWN_DIR

# The bot is a member of `lab`, and of `archive` it is none.
ROLES = """
DO $$ DECLARE one text; BEGIN FOREACH one IN ARRAY ARRAY['lab', 'archive'] LOOP
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = one) THEN EXECUTE format('CREATE ROLE %I', one); END IF;
END LOOP; END $$;
GRANT lab TO backstop_prod
"""
OBJECTS = """
GRANT CREATE ON SCHEMA public TO lab;
CREATE SCHEMA archive AUTHORIZATION archive;
GRANT USAGE ON SCHEMA archive TO backstop_prod;
SET ROLE lab;
CREATE TABLE lab_orders (id int PRIMARY KEY, test text);
INSERT INTO lab_orders SELECT n, 'test ' || n FROM generate_series(1, 20) n;
CREATE TABLE lab_notes (id serial PRIMARY KEY, order_id int REFERENCES lab_orders, note text);
INSERT INTO lab_notes (order_id, note) SELECT n, 'note ' || n FROM generate_series(1, 20) n;
CREATE VIEW lab_open AS SELECT order_id FROM lab_notes WHERE note <> '';
GRANT SELECT ON lab_notes, lab_open TO physioflow_app;
SET ROLE archive;
CREATE TABLE archive.cases (id int PRIMARY KEY, title text);
INSERT INTO archive.cases VALUES (1, 'old');
GRANT SELECT ON archive.cases TO backstop_prod;
RESET ROLE;
CREATE EXTENSION IF NOT EXISTS pg_stat_statements
"""
DROP_LAB = "DROP TABLE lab_notes CASCADE;\n"
CREATE_NOTES = "CREATE TABLE feature_notes (id serial PRIMARY KEY, note text);\n"
TOUCH_ARCHIVE = "ALTER TABLE archive.cases ADD COLUMN more text;\n"
DATA_LOSS = "-- data-loss: feature_flags, feature_flag_audit_log"
OWNERS = "SELECT relname, relowner::regrole::text FROM pg_class WHERE relname = ANY (%s) ORDER BY 1"
NAMES = ["cases", "lab_notes", "lab_open", "lab_orders"]
PRINTS = "SELECT (SELECT string_agg(t::text, ',' ORDER BY id) FROM lab_notes t), (SELECT count(*) FROM feature_flags)"


def owner_roles(story: Story) -> None:
    """A bot that owns nothing rolls back, undoes and restores: owners stay, and the app reads what is new."""
    checks = story.checks
    with _prepared(story):
        shape, rows, owners = _look(story)
        _write(story, TOUCH_ARCHIVE)
        story.command(story.cast.oncall, "/rollback prod 027")
        refusal = story.answer(story.cast.oncall, "missing-rights")
        checks.says(
            "what belongs to a stranger is refused before anybody votes", refusal, "GRANT archive TO backstop_prod"
        )
        _write(story, DROP_LAB)
        undone = _roll_back(story, "lab_notes", "lab_open")
        checks.that("the table of another owner is gone", not story.database.exists("lab_notes"))
        story.presses_undo(story.cast.oncall)
        story.wait(lambda: story.run_id() != undone, "the undo's card")
        _succeed(story)
        checks.equal("the undo brings back shape, rows, owners and grants", _look(story), (shape, rows, owners))
        _write(story, CREATE_NOTES)
        _roll_back(story, "feature_flags", earlier=story.run_id())
        _check_new(story)
    _restore(story)


def _restore(story: Story) -> None:
    """With all these owners, a backup comes back as it was. A superuser's extension has to be in `shadow_template`."""
    checks = story.checks
    story.database.run("DROP EXTENSION pg_stat_statements")
    then = back_up(story)
    shape, owners = story.database.ask(SHAPE), story.database.ask(OWNERS, NAMES)
    story.database.run("DELETE FROM lab_orders WHERE id NOT IN (SELECT order_id FROM lab_notes)")
    ask(story)
    _succeed(story)
    checks.equal("the restore brings back shape and grants", _differences(shape, story.database.ask(SHAPE)), [])
    checks.equal("and the owners", story.database.ask(OWNERS, NAMES), owners)
    check_serving(story, then.before, "v1.2.3")
    clear(story, then)


@contextlib.contextmanager
def _prepared(story: Story) -> Iterator[None]:
    """Make what the story needs in production, and put the down script back at the end."""
    path = story.sandbox.down_dir / "027_feature_flags.sql"
    original = path.read_text()
    story.database.run(ROLES)
    story.database.run(OBJECTS)
    observe(story)
    try:
        yield
    finally:
        path.write_text(original)


def _write(story: Story, statements: str) -> None:
    """Add statements to the script as the sample has it."""
    original = (DOWN_DIR / "027_feature_flags.sql").read_text()
    text = original.replace(DATA_LOSS, f"{DATA_LOSS}, lab_notes") + statements
    (story.sandbox.down_dir / "027_feature_flags.sql").write_text(text)


def _look(story: Story) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    return story.database.ask(SHAPE), story.database.ask(PRINTS), story.database.ask(OWNERS, NAMES)


def _differences(before: list[tuple[Any, ...]], now: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [row for row in [*before, *now] if (row in before) != (row in now)]


def _roll_back(story: Story, *named: str, earlier: str = "") -> str:
    story.command(story.cast.oncall, "/rollback prod 027")
    story.wait(lambda: story.run_id() != earlier, "a new run's card")
    story.checks.says("the request names what goes", all_text(story.request()), *named)
    _succeed(story)
    return story.run_id()


def _succeed(story: Story) -> None:
    story.approve()
    story.wait_state("succeeded", "failed", "parked")
    story.settle()
    story.checks.equal("the run succeeded", (story.state(), problem(story) or ""), ("succeeded", ""))


def _check_new(story: Story) -> None:
    checks = story.checks
    owner = story.database.ask("SELECT relowner::regrole::text FROM pg_class WHERE relname = 'feature_notes'")
    checks.equal("what the script has made belongs to the migrations' role", owner, [("physioflow_prod",)])
    with psycopg.connect(story.sandbox.sample.app_dsns["prod"], autocommit=True) as app:
        app.execute("INSERT INTO feature_notes (note) VALUES ('by the app')")
        checks.equal("and the app uses it", app.execute("SELECT count(*) FROM feature_notes").fetchall(), [(1,)])
    ours = "SELECT count(*) FROM pg_class WHERE relowner = 'backstop_prod'::regrole"
    checks.equal("the bot still owns nothing", story.database.ask(ours), [(0,)])
