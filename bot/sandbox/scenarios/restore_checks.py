"""Begins a restore under trouble, and checks that afterwards all of it happened, or none of it."""

from typing import Any

import psycopg

from bot.sandbox.people import all_text
from bot.sandbox.scenarios.before import check_serving, check_untouched
from bot.sandbox.scenarios.restore import WRITTEN, Then, back_up, clear, kept_rows, prints, problem
from bot.sandbox.scenarios.traffic import Booker
from bot.sandbox.story import Story, texts

BOOKED = 5


def prepare(story: Story) -> Then:
    """Take a backup, and have some bookings made that it lacks."""
    then = back_up(story)
    with Booker(story) as booker:
        booker.wait_more(BOOKED)
    return then


def begin(story: Story) -> Then:
    """Do that, and ask for the restore."""
    then = prepare(story)
    ask(story)
    return then


def ask(story: Story) -> str:
    """Request a restore of the newest backup, and return the plan's text."""
    story.command(story.cast.oncall, "/rollback prod latest --reason bookings went to the wrong clinic")
    return all_text(story.request())


def loaders(story: Story) -> int:
    """Count the sessions that load a side database."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'backstop load %%' AND datname LIKE %s"
    return int(story.database.ask(query, f"{story.database.name}%")[0][0])


def beside(story: Story) -> list[str]:
    """Databases of ours beside the live one."""
    query = "SELECT datname FROM pg_database WHERE starts_with(datname, %s) ORDER BY 1"
    with psycopg.connect(story.sandbox.sample.superuser_dsn) as conn:
        return [name for (name,) in conn.execute(query, (f"{story.database.name}_backstop_",))]


def check_ended(story: Story, then: Then) -> None:
    """Check that the restore is done, once, whole, and that nothing is left of the attempts."""
    checks, run_id = story.checks, story.run_id()
    story.wait_state("succeeded", "failed", "parked", timeout_s=120)
    story.settle()
    checks.equal("the run succeeded", (story.state(), problem(story)), ("succeeded", ""))
    now = prints(story, then.manifest)
    checks.equal("every table has the content it had then", [t for t in now if now[t] != then.prints[t]], [])
    checks.that("the database is open", story.database.is_open())
    kept = kept_rows(story, "kept")
    checks.that("the newer rows are kept", kept >= then.manifest[f"public.{WRITTEN}"] + BOOKED, kept)
    checks.equal(
        "only the kept database is left beside it", beside(story), [f"{story.database.name}_backstop_kept_{run_id}"]
    )
    checks.equal("nothing is left in the scratch directory", story.sandbox.scratch_left(), [])
    swaps = "SELECT count(*) FROM backstop.audit WHERE run_id = %s AND event = 'databases-swapped'"
    checks.equal("the databases were swapped once", story.journal(swaps, run_id)[0][0], 1)
    check_serving(story, then.before, "v1.3.0")
    keys = [key for message in story.fresh() if (key := _key(message))]
    checks.equal("no message is doubled", sorted(keys), sorted(set(keys)))
    clear(story, then)


def check_failed(story: Story, then: Then, reason: str) -> None:
    """Check that the run failed for that reason, and that everything is as it was, the newest rows too."""
    checks = story.checks
    rows = story.database.count(WRITTEN)
    story.wait_state("failed", "succeeded", "parked", timeout_s=150)
    story.settle()
    checks.equal("the run failed", story.state(), "failed")
    checks.says("the reason is named", problem(story), reason)
    checks.says("the thread says so, and that nothing was touched", texts(story.thread()), reason, "as it was")
    checks.says("the card says so", all_text(story.card()), reason)
    checks.equal("no row is lost", story.database.count(WRITTEN), rows)
    checks.that("the newest bookings are there", rows > then.manifest[f"public.{WRITTEN}"], rows)
    checks.equal("no database is left beside it", beside(story), [])
    checks.equal("nothing is left in the scratch directory", story.sandbox.scratch_left(), [])
    check_untouched(story, then.before)


def _key(message: dict[str, Any]) -> str:
    metadata = message.get("metadata") or {}
    return str((metadata.get("event_payload") or {}).get("key", ""))
