"""Plays `/rollback prod latest` and `/rollback undo RUN` while somebody books appointments."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.sandbox.people import all_text
from bot.sandbox.scenarios.before import Before, check_serving, observe
from bot.sandbox.scenarios.traffic import KEPT_OUT_S, Booker
from bot.sandbox.story import Story, texts

LABEL = "before-trouble"
FIRST_BOOKINGS = 25
WRITTEN = "appointments"
CLOSED_S = 1.0
PROPERTIES = """
SELECT pg_get_userbyid(datdba), datconnlimit, shobj_description(oid, 'pg_database'),
       (SELECT array_agg(concat_ws(' ', grantee::regrole, privilege_type) ORDER BY grantee, privilege_type)
        FROM aclexplode(coalesce(datacl, acldefault('d', datdba)))),
       (SELECT array_agg(concat_ws(' ', setrole, setting) ORDER BY setrole, setting)
        FROM pg_db_role_setting s CROSS JOIN unnest(setconfig) AS setting WHERE setdatabase = d.oid)
FROM pg_database d WHERE datname = current_database()
"""


@dataclass(frozen=True)
class Then:
    """The database when the backup was taken."""

    before: Before
    properties: list[tuple[Any, ...]]
    prints: Mapping[str, tuple[int, str]]
    manifest: Mapping[str, int]
    bundle: str


def restore_prod(story: Story) -> None:
    """The newest backup is loaded beside the live database while the app serves, and swapped in."""
    then = back_up(story)
    with Booker(story) as booker:
        lost = _restore(story, then, booker)
        _check_restored(story, then, booker)
        _say_gaps(story, booker)
    story.checks.that("bookings were lost from the live database", lost > 0, lost)
    clear(story, then)


def undo_restore(story: Story) -> None:
    """A restore is taken back: what was written before it returns, what was written after it is kept aside."""
    then = back_up(story)
    with Booker(story) as booker:
        _restore(story, then, booker)
        booker.wait_more(5)
    run_id, kept = story.run_id(), kept_rows(story, "kept")
    restored = story.database.count(WRITTEN)
    story.checks.that("the kept database has rows the live one lacks", kept > then.manifest[f"public.{WRITTEN}"], kept)
    reported = story.command(story.cast.oncall, "/rollback status")
    story.checks.says("status is asked for", reported, "journal")
    story.checks.says(
        "status says how to undo, and until when", story.answer(story.cast.oncall, "Kept databases"), run_id
    )
    story.presses_undo(story.cast.oncall)
    story.wait(lambda: story.run_id() != run_id, "the undo's card")
    _check_undo(story, run_id)
    story.checks.equal("the newer rows are back", story.database.count(WRITTEN), kept)
    story.checks.equal("what was written after the restore is kept", kept_rows(story, "undone"), restored)
    check_serving(story, then.before, "v1.3.0")
    story.command(story.cast.oncall, f"/rollback undo {run_id}")
    reported = story.answer(story.cast.oncall, "undo-expired")
    story.checks.says("a second undo of the same run is refused, with the way out", reported, "/backups prod")
    clear(story, then)


def back_up(story: Story) -> Then:
    """Take a backup, and note what the database is then."""
    before = observe(story)
    story.command(story.cast.oncall, f"/backups prod take {LABEL}")
    story.answer(story.cast.oncall, "is taken", LABEL, timeout_s=60.0)
    bundle = story.bucket.bundle(LABEL)
    manifest = {table["table"]: int(table["rows"]) for table in bundle["manifest"]["tables"]}
    return Then(before, story.database.ask(PROPERTIES), prints(story, manifest), manifest, bundle["key"])


def prints(story: Story, tables: Mapping[str, int]) -> dict[str, tuple[int, str]]:
    """Rows and content of each table, by a reckoning of our own."""
    query = "SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)), 0)::text FROM {} t"
    found = {table: story.database.ask(query.format(table))[0] for table in tables}
    return {table: (int(rows), str(content)) for table, (rows, content) in found.items()}


def _restore(story: Story, then: Then, booker: Booker) -> int:
    """Request, approve, wait; returns the number of bookings the plan said would vanish."""
    checks, cast = story.checks, story.cast
    booker.wait_more(FIRST_BOOKINGS)
    reply = story.command(cast.oncall, "/rollback prod latest --reason bookings went to the wrong clinic")
    checks.says("the command is acknowledged at once", reply, "prod", "latest")
    plan = all_text(story.request())
    lost = story.database.count(WRITTEN) - then.manifest[f"public.{WRITTEN}"]
    checks.says("the plan names the bundle and the kept database", plan, then.bundle[:-7], "_backstop_kept_")
    checks.says("the plan says which rows will vanish", plan, f"public.{WRITTEN}", "will vanish", "Rows that vanish")
    checks.that("a partitioned table is not said to vanish", "whole table will vanish" not in plan, plan)
    checks.says("the plan says that the app version stays", plan, "v1.3.0")
    story.approve()
    story.wait_state("succeeded", "failed", "parked")
    story.settle()
    checks.equal("the run succeeded", (story.state(), problem(story)), ("succeeded", ""))
    return lost


def problem(story: Story) -> str:
    """Return the problem that stopped the newest run, from the journal."""
    return str(story.journal("SELECT problem FROM backstop.runs WHERE id = %s", story.run_id())[0][0])


def _check_restored(story: Story, then: Then, booker: Booker) -> None:
    checks = story.checks
    begun, ended = times(story, "load")
    during = booker.successes(begun, ended)
    checks.that("the app booked while the side database was loaded", during > 0, f"{during} in {ended - begun}")
    booker.wait_more(3)
    booker.stop()
    after = booker.successes(times(story, "swap")[1], None)
    counts = {table: story.database.count_rows(table) for table in then.manifest}
    wanted = {**then.manifest, f"public.{WRITTEN}": then.manifest[f"public.{WRITTEN}"] + after}
    checks.equal("every table has the manifest's rows, and what was booked since", counts, wanted)
    now, written = prints(story, then.manifest), f"public.{WRITTEN}"
    changed = [table for table in now if table != written and now[table] != then.prints[table]]
    checks.equal("every table has the content it had then", changed, [])
    for before, now_is in zip(then.properties[0], story.database.ask(PROPERTIES)[0], strict=True):
        checks.equal("owner, limit, comment, ACL, settings are as before", now_is, before)
    checks.that("the database is open", story.database.is_open())
    checks.that("the old database is kept, with its newer rows", kept_rows(story, "kept") > then.manifest[written])
    check_serving(story, then.before, "v1.3.0")
    checks.says("the report says where the old one is", texts(story.thread()), "Report: restore", "_backstop_kept_")
    checks.equal("nothing is left in the scratch directory", story.sandbox.scratch_left(), [])


def times(story: Story, key: str) -> tuple[Any, Any]:
    """Return when a step of the newest run began and ended."""
    query = "SELECT started_at, ended_at FROM backstop.steps WHERE work_id = %s AND key = %s"
    begun, ended = story.journal(query, story.run_id(), key)[0]
    return begun, ended


def _say_gaps(story: Story, booker: Booker) -> None:
    closed_s = check_closed(story)
    story.screen.note(
        f"longest gap: {booker.longest_gap_s:.2f} s for who books through the app, {booker.prober.longest_gap_s:.3f} s "
        f"for who asks the database; it was closed for {closed_s:.3f} s"
    )
    longest_s = booker.prober.longest_gap_s
    story.checks.that(f"the database kept nobody out for {KEPT_OUT_S:.0f} s", longest_s < KEPT_OUT_S, longest_s)


def check_closed(story: Story) -> float:
    """Check how long the newest run's swap kept the database closed, and return the seconds."""
    query = "SELECT (data ->> 'closed_s')::float FROM backstop.steps WHERE work_id = %s AND key = 'swap'"
    closed_s = float(story.journal(query, story.run_id())[0][0])
    story.checks.that("the database was closed for under a second", closed_s < CLOSED_S, closed_s)
    return closed_s


def kept_rows(story: Story, kind: str) -> int:
    """Bookings in the newest run's database of that kind; -1 if there is none."""
    name = f"{story.database.name}_backstop_{kind}_{story.run_id()}"
    return story.database.count_beside(name, WRITTEN)


def _check_undo(story: Story, undone: str) -> None:
    checks = story.checks
    plan = all_text(story.request())
    checks.says("the undo's plan names run and databases", plan, undone, "_backstop_kept_", "_backstop_undone_")
    story.approve()
    story.wait_state("succeeded", "failed", "parked")
    story.settle()
    checks.equal("the undo succeeded", (story.state(), problem(story)), ("succeeded", ""))


def clear(story: Story, then: Then) -> None:
    """Later stories expect an empty bucket."""
    for key in story.bucket.list_keys(then.bundle.removesuffix(".tar.gz")):
        story.sandbox.store.client().delete_object(Bucket=f"physioflow-backups-{story.environment}", Key=key)
