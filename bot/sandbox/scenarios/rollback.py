"""Plays `/rollback prod 027` and `/rollback prod 024`, from the command to the closed checklist."""

from bot.sandbox.people import all_text
from bot.sandbox.scenarios.before import check_serving, observe
from bot.sandbox.scenarios.reports import check_report
from bot.sandbox.story import Story, texts

LIVE_EDITS = 2
"""Fewer edits than this would be no live checklist."""
LOST_IN_027 = ("feature_flags", "feature_flag_audit_log")
LOST_IN_024 = ("special_test_results", "special_test_templates")
VIEWS_025 = (
    "mv_therapist_productivity",
    "mv_diagnosis_statistics",
    "mv_treatment_outcomes",
    "mv_insurance_claims_summary",
)


def rollback_prod_027(story: Story) -> None:
    """Two wrong votes, two right ones, and the newest migration is gone with its app version."""
    before, cast, checks = observe(story), story.cast, story.checks
    rows = {table: story.database.count(table) for table in LOST_IN_027}
    reply = story.command(cast.oncall, "/rollback prod 027 --reason feature flags break the booking page")
    checks.that("the command is acknowledged at once", "prod" in reply, reply)
    plan = all_text(story.request())
    checks.says("the plan says schema 027 → 026", plan, "027", "026")
    checks.says("the plan says app v1.3.0 → v1.2.3", plan, "v1.3.0", "v1.2.3")
    checks.says("the plan names what is dropped", plan, *LOST_IN_027, "update_feature_flags_updated_at")
    checks.says("the plan counts the rows", plan, *(f"{count:,}" for count in rows.values()))
    checks.says("the plan says what is saved and where", plan, "physioflow-backups-prod")
    _wrong_votes(story)
    story.approve()
    story.wait_state("succeeded", "failed", "parked")
    story.settle()
    checks.equal("the run succeeded", story.state(), "succeeded")
    _check_schema_026(story)
    check_serving(story, before, "v1.2.3")
    _check_saved(story, rows)
    _check_card(story)
    check_report(
        story, "Succeeded", "update_feature_flags_updated_at", "lead.a (U0LEADA)", "did not count: you asked for this"
    )
    _document(story)


def _document(story: Story) -> None:
    """Write the cause into the report's modal; that closes nothing: the follow-up stays open."""
    cast, checks = story.cast, story.checks
    report = next(m for m in story.thread() if all_text(m).startswith("Report of run"))
    cast.oncall.presses(report, "document")
    reply = story.slack.submit(cast.oncall.user_id, {"wrong": "The flag check ran on every request.", "change": ""})
    checks.that("what went wrong is taken", reply.get("ok"), reply)
    story.thread_says("The flag check ran on every request.")
    story.settle()
    check_report(story, "The flag check ran on every request.", files=2)
    story.command(cast.oncall, "/rollback status")
    reported = story.answer(cast.oncall, "Fix and re-deployment still to be planned")
    checks.says("status lists the open follow-up", reported, f"/rollback close {story.run_id()} LINK")


def _wrong_votes(story: Story) -> None:
    cast, checks = story.cast, story.checks
    story.react(cast.oncall)
    reported = story.answer(cast.oncall, "does not count")
    checks.says("the requester's own ✅ is refused, and they are told why", reported, "you asked for this")
    story.react(cast.engineer)
    reported = story.answer(cast.engineer, "does not count")
    checks.says(
        "a non-lead's ✅ is refused, and they are told why", reported, "not one of this environment's approvers"
    )
    checks.equal("the run still waits", story.state(), "pending")


def _check_schema_026(story: Story) -> None:
    checks, database = story.checks, story.database
    checks.equal("schema is 026", database.migrations(), list(range(1, 27)))
    for table in LOST_IN_027:
        checks.that(f"{table} is gone", not database.exists(table))
    checks.that("the trigger's function is gone", not database.has_function("update_feature_flags_updated_at"))
    triggers = database.ask(
        "SELECT count(*) FROM pg_trigger WHERE tgname = %s", "trigger_update_feature_flags_updated_at"
    )
    checks.equal("the trigger is gone", triggers[0][0], 0)
    checks.that("the patients are all there", database.count("patients") > 0)
    checks.that("the database is open", database.is_open())
    checks.equal("no shadow database is left", database.leftovers(), [])


def _check_saved(story: Story, rows: dict[str, int]) -> None:
    checks, bucket, run_id = story.checks, story.bucket, story.run_id()
    for table, count in rows.items():
        keys = [key for key in bucket.list_keys() if run_id in key and key.endswith(f"{table}.csv.gz")]
        checks.equal(f"every row of {table} was exported", [bucket.csv_rows(key) for key in keys], [count])
    bundle = bucket.bundle(run_id)
    checks.that("the emergency backup has its manifest beside it", bundle["sidecar"])
    checks.that("the emergency backup holds a directory dump", any("toc.dat" in name for name in bundle["names"]))
    counted = {table["table"].rpartition(".")[2]: table["rows"] for table in bundle["manifest"]["tables"]}
    checks.equal("its manifest counts the same rows", {table: counted.get(table) for table in rows}, rows)


def _check_card(story: Story) -> None:
    checks = story.checks
    cards = [
        m for m in story.fresh() if (m.get("metadata") or {}).get("event_payload", {}).get("key", "")[:5] == "card:"
    ]
    checks.equal("one card, updated in place", len(cards), 1)
    checks.that("it was edited while the run went on", len(cards[0]["edits"]) >= LIVE_EDITS, len(cards[0]["edits"]))
    text = all_text(cards[0])
    checks.says("the checklist is ticked to the end", text, "Restore traffic", "Document what happened")
    checks.that("the report is in the thread", any("report" in all_text(m).lower() for m in story.thread()))


def rollback_prod_024(story: Story) -> None:
    """A chain of four in one transaction, in spite of 026's trap, with a view nobody named."""
    before, cast, checks = observe(story), story.cast, story.checks
    tables = (*LOST_IN_027, *LOST_IN_024)
    rows = {table: story.database.count(table) for table in tables}
    views = _hanging_views(story)
    story.command(cast.oncall, "/rollback prod 024")
    plan = all_text(story.request())
    checks.says("the plan says schema 027 → 023", plan, "027", "023")
    checks.says("the plan names all that is dropped", plan, *tables, *VIEWS_025)
    checks.that("a view hangs on a dropped table in the sample", views)
    checks.says("the view that CASCADE takes is shown before anyone votes", plan, *views)
    story.approve()
    story.wait_state("succeeded", "failed", "parked")
    story.settle()
    checks.equal("the run succeeded", story.state(), "succeeded")
    checks.equal("schema is 023", story.database.migrations(), list(range(1, 24)))
    for name in (*tables, *VIEWS_025, *views):
        checks.that(f"{name} is gone", not story.database.exists(name))
    checks.that("023's tables are still there", story.database.exists("assessment_templates"))
    check_serving(story, before, "v1.2.3")
    _check_saved(story, rows)
    transactions = texts(story.thread())
    checks.says("the report names the chain", transactions, "024", "027")


def _hanging_views(story: Story) -> list[str]:
    """Plain views that depend on 024's tables."""
    rows = story.database.ask(
        """
        SELECT DISTINCT view.relname::text
        FROM pg_depend d
        JOIN pg_rewrite r ON r.oid = d.objid AND d.classid = 'pg_rewrite'::regclass
        JOIN pg_class view ON view.oid = r.ev_class AND view.relkind = 'v'
        WHERE d.refobjid IN (SELECT to_regclass(name) FROM unnest(%s::text[]) AS name)
        """,
        list(LOST_IN_024),
    )
    return [row[0] for row in rows]
