"""`restore = "in-place"`: a load that fails, a session that is killed, a restore, its undoing; the app is booked."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import psycopg

from bot.sandbox.people import all_text
from bot.sandbox.scenarios.before import Before, check_serving, observe
from bot.sandbox.scenarios.traffic import Booker
from bot.sandbox.story import Story, texts

LABEL = "before-trouble"
BOOKINGS = 25
WRITTEN = "appointments"
ROLE = "night_nurse"
KILL_EVERY_S = 0.002
LOADING = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = %s AND application_name = 'backstop' AND query LIKE 'COPY%%'
"""


def restore_in_place(story: Story) -> None:
    """No second database is allowed: all of the backup or all of the old content, and undo restores what was there."""
    before = observe(story)
    story.database.run(f"CREATE ROLE {ROLE}", f"CREATE POLICY rounds ON clinics TO {ROLE}")
    bundle, manifest = _back_up(story)
    with Booker(story) as booker:
        booker.wait_more(BOOKINGS)
        _fail(story, bundle, before)
        booker.wait_more(BOOKINGS)
        run_id = _restore(story, booker, bundle, manifest)
        check_serving(story, before, "v1.3.0")
        story.screen.note(f"longest gap for who books through the app: {booker.longest_gap_s:.1f} s")
    _refuse(story, run_id, bundle)
    _undo(story, run_id)
    check_serving(story, before, "v1.3.0")
    story.checks.equal("nothing is left in the scratch directory", story.sandbox.scratch_left(), [])
    databases = "SELECT count(*) FROM pg_database WHERE datname LIKE %s"
    beside = story.database.ask(databases, f"{story.database.name}\\_backstop%")[0][0]
    story.checks.equal("no second database was made", beside, 0)
    story.database.run(f"DROP ROLE {ROLE}")  # no policy is for it in the content from before
    story.bucket.clear()


def _back_up(story: Story) -> tuple[str, Mapping[str, int]]:
    """Take a backup; gives its name, and rows by table."""
    story.command(story.cast.oncall, f"/backups prod take {LABEL}")
    story.answer(story.cast.oncall, "is taken", LABEL, timeout_s=60.0)
    found = story.bucket.bundle(LABEL)
    rows = {table["table"]: int(table["rows"]) for table in found["manifest"]["tables"]}
    return str(found["key"]).removesuffix(".tar.gz"), rows


def _ask(story: Story, what: str) -> str:
    """Ask for it and approve; gives what the plan says."""
    cards = len(_cards(story))
    story.command(story.cast.oncall, f"/rollback prod {what} --reason bookings went to the wrong clinic")
    story.wait(lambda: len(_cards(story)) > cards, "the run's card")
    plan = all_text(story.request())
    story.approve()
    return plan


def _cards(story: Story) -> list[str]:
    keys = [(message.get("metadata") or {}).get("event_payload", {}).get("key", "") for message in story.fresh()]
    return [key for key in keys if str(key).startswith("card:")]


def _end(story: Story) -> str:
    story.wait_state("succeeded", "failed", "parked", timeout_s=120.0)
    story.settle()
    return story.state()


def _saved_rows(story: Story, run_id: str) -> int:
    """How many bookings a run's emergency backup holds."""
    tables = story.bucket.bundle(f"pre-restore-{run_id}")["manifest"]["tables"]
    return next(int(table["rows"]) for table in tables if table["table"] == f"public.{WRITTEN}")


def _fail(story: Story, bundle: str, before: Before) -> None:
    """A load that the server refuses near its end: a role that a policy of the bundle is for is gone."""
    checks, held = story.checks, story.database.count(WRITTEN)
    story.database.run("DROP POLICY rounds ON clinics", f"DROP ROLE {ROLE}")
    _ask(story, bundle)
    state = _end(story)
    story.database.run(f"CREATE ROLE {ROLE}")
    checks.equal("a load that the server refuses fails", state, "failed")
    checks.says("the reason is named", texts([story.card(), *story.thread()]), "load-failed", ROLE, "rolled back")
    checks.that("the old content stays, every booking of it", story.database.count(WRITTEN) >= held)
    checks.that("the emergency backup was taken", _saved_rows(story, story.run_id()) >= held)
    checks.that("the database is open", story.database.is_open())
    check_serving(story, before, "v1.3.0")


def _restore(story: Story, booker: Booker, bundle: str, manifest: Mapping[str, int]) -> str:
    """The real one, with its session killed in the middle of the load; gives the run."""
    checks = story.checks
    with _killer(story) as killed:
        plan = _ask(story, bundle)
        state = _end(story)
    checks.says("the plan says that the app is down for the whole load", plan, "In place", "down for the whole load")
    checks.says("the plan says which rows will vanish", plan, f"public.{WRITTEN}", "will vanish")
    checks.says("the plan says how it is undone", plan, "undo restores that backup")
    checks.equal("a session killed in the middle is begun anew, and the run succeeded", state, "succeeded")
    checks.equal("it was killed once", killed(), 1)
    _check_restored(story, booker, manifest)
    return story.run_id()


@contextmanager
def _killer(story: Story) -> Iterator[Callable[[], int]]:
    """End the bot's session in the database once, as soon as it loads rows."""
    ended, count = threading.Event(), list[int]()

    def hunt() -> None:
        with psycopg.connect(story.sandbox.sample.superuser_dsn, autocommit=True) as conn:
            while not ended.wait(KILL_EVERY_S) and not count:
                killed = conn.execute(LOADING, (story.database.name,)).fetchall()[0][0]
                count.extend([1] * killed)

    thread = threading.Thread(target=hunt, name="killer", daemon=True)
    thread.start()
    try:
        yield lambda: len(count)
    finally:
        ended.set()
        thread.join()


def _check_restored(story: Story, booker: Booker, manifest: Mapping[str, int]) -> None:
    checks, written = story.checks, f"public.{WRITTEN}"
    query = "SELECT ended_at FROM backstop.steps WHERE run_id = %s AND key = 'replace'"
    booker.wait_more(3)
    booker.stop()
    since = booker.successes(story.journal(query, story.run_id())[0][0], None)
    counts = {table: story.database.count_of(table) for table in manifest}
    wanted = {**manifest, written: manifest[written] + since}
    checks.equal("every table has the manifest's rows, and what was booked since", counts, wanted)
    checks.that("the emergency backup has what vanished", _saved_rows(story, story.run_id()) > manifest[written])
    checks.says("the report says where the old content is", texts(story.thread()), "Report: restore", "pre-restore-")


def _refuse(story: Story, run_id: str, bundle: str) -> None:
    story.command(story.cast.oncall, f"/rollback salvage {run_id}")
    told = story.answer(story.cast.oncall, "nothing-to-salvage")
    story.checks.says("rows cannot be salvaged, and the way out is named", told, f"pre-restore-{run_id}")
    story.command(story.cast.oncall, f"/backups prod verify {bundle} 3")
    told = story.answer(story.cast.oncall, "not-available")
    story.checks.says("nothing is restored beside the live database to verify it", told, "Level 2")


def _undo(story: Story, run_id: str) -> None:
    """Its emergency backup comes back, in place."""
    checks = story.checks
    saved, held = _saved_rows(story, run_id), story.database.count(WRITTEN)
    story.presses_undo(story.cast.oncall)
    story.wait(lambda: story.run_id() != run_id, "the undo's card")
    checks.says("the undo's plan names run and backup", all_text(story.request()), run_id, f"pre-restore-{run_id}")
    story.approve()
    checks.equal("the undo succeeded", _end(story), "succeeded")
    checks.equal("what was there before is back", story.database.count(WRITTEN), saved)
    checks.equal("what was written after the restore is saved", _saved_rows(story, story.run_id()), held)
