"""Undoes `/rollback prod 024`: dropped rows come back, and rows written since stay."""

from collections.abc import Mapping
from typing import Any

from bot.sandbox.people import all_text
from bot.sandbox.scenarios.before import check_serving, observe
from bot.sandbox.story import Story, texts

DROPPED = ("feature_flags", "feature_flag_audit_log", "special_test_results", "special_test_templates")
TABLES = """
SELECT format('%%I.%%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND n.nspname = 'public' ORDER BY 1
"""
SHAPE = """
SELECT c.relkind::text, c.relname::text, pg_get_userbyid(c.relowner), obj_description(c.oid),
       (SELECT string_agg(item::text, ',' ORDER BY item::text) FROM unnest(c.relacl) AS item),
       (SELECT string_agg(concat_ws(' ', attname, format_type(atttypid, atttypmod), attnotnull), ',' ORDER BY attnum)
        FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
       (SELECT string_agg(pg_get_constraintdef(k.oid), ',' ORDER BY k.conname) FROM pg_constraint k
        WHERE k.conrelid = c.oid AND k.contype <> 'n'),
       (SELECT string_agg(pg_get_triggerdef(t.oid), ',' ORDER BY t.tgname) FROM pg_trigger t
        WHERE t.tgrelid = c.oid AND NOT t.tgisinternal)
FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace ORDER BY 1, 2
"""
WAITS = """
INSERT INTO waitlist (patient_id, clinic_id, preferred)
SELECT p.id, c.id, tstzrange(now(), now() + interval '1 hour') FROM patients p, clinics c LIMIT 1 RETURNING id
"""
WAITING = "public.waitlist"


def undo_chain(story: Story) -> None:
    """A chain of four is taken back: every object, row and grant is there again, and newer rows are kept."""
    before, shape, prints = observe(story), story.database.ask(SHAPE), _prints(story)
    story.command(story.cast.oncall, "/rollback prod 024")
    _run(story)
    story.checks.equal("schema is 023", story.database.migrations(), list(range(1, 24)))
    run_id = story.run_id()
    newer = int(story.database.ask(WAITS)[0][0])
    story.presses_undo(story.cast.oncall)
    story.wait(lambda: story.run_id() != run_id, "the undo's card")
    _check_plan(story, run_id)
    _run(story)
    _check_back(story, shape, prints)
    check_serving(story, before, "v1.3.0")
    story.command(story.cast.oncall, f"/rollback undo {run_id}")
    reported = story.answer(story.cast.oncall, "schema-changed-since")
    story.checks.says("a second undo of the same run is refused, with the way out", reported, "restore")
    kept = story.database.ask("DELETE FROM waitlist WHERE id = %s RETURNING id", newer)
    story.checks.equal("what was written in between is still there", len(kept), 1)


def _run(story: Story) -> None:
    story.approve()
    story.wait_state("succeeded", "failed", "parked")
    story.settle()
    query = "SELECT problem FROM backstop.runs WHERE id = %s"
    problem = story.journal(query, story.run_id())[0][0]
    story.checks.equal("the run succeeded", (story.state(), problem or ""), ("succeeded", ""))


def _prints(story: Story) -> dict[str, tuple[int, str]]:
    """Rows and content of each table and materialized view, by a reckoning of our own."""
    query = "SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)), 0)::text FROM {} t"
    found = {table: story.database.ask(query.format(table))[0] for (table,) in story.database.ask(TABLES)}
    return {table: (int(rows), str(content)) for table, (rows, content) in found.items()}


def _check_plan(story: Story, undone: str) -> None:
    plan = all_text(story.request())
    checks = story.checks
    checks.says("the plan says schema 023 → 027", plan, "023", "027")
    checks.says("the plan says app v1.2.3 → v1.3.0", plan, "v1.2.3", "v1.3.0")
    checks.says("the plan names the run, its backup and its rows", plan, undone, "pre-rollback-024", "exports/")
    checks.says("the plan names what comes back", plan, *DROPPED, "mv_insurance_claims_summary")


def _check_back(story: Story, shape: list[tuple[Any, ...]], prints: Mapping[str, tuple[int, str]]) -> None:
    checks, database = story.checks, story.database
    checks.equal("schema is 027", database.migrations(), list(range(1, 28)))
    there = database.ask(SHAPE)
    changed = [row for row in [*shape, *there] if (row in shape) != (row in there)]
    checks.equal("columns, owners, grants, comments, keys and triggers are as before", changed, [])
    now = _prints(story)
    other = [table for table in {*now, *prints} if table != WAITING and now.get(table) != prints.get(table)]
    checks.equal("every table and materialized view has the content it had", other, [])
    checks.equal("and one more row waits", now[WAITING][0], prints[WAITING][0] + 1)
    checks.that("the database is open", database.is_open())
    checks.equal("no shadow database is left", database.leftovers(), [])
    checks.says("the report says what came back", texts(story.thread()), "Report: undo", "What comes back")
    checks.equal("nothing is left in the scratch directory", story.sandbox.scratch_left(), [])
