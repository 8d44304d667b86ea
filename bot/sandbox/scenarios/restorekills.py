"""Kill -9 of the bot wherever a restore may be: nothing is lost, nothing is doubled, nothing is left over."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

from bot.sandbox.scenarios.before import check_serving
from bot.sandbox.scenarios.killing import kill_when, revive, step_runs
from bot.sandbox.scenarios.restore import WRITTEN, Then, back_up, clear, kept_rows, problem, prints
from bot.sandbox.scenarios.traffic import Booker
from bot.sandbox.story import Story

HELD_S = 30.0
BOOKED = 5


def killed_while_loading(story: Story) -> None:
    """The bot is killed while it fetches, loads and verifies: each time the restore goes on, and is done once."""
    then = begin(story)
    story.slack.fault(target="s3", kind="delay", delay_s=HELD_S, method="GET", key_prefix=then.bundle)
    story.approve()
    kill_when(story, step_runs(story, "fetch"), "it fetches the bundle")
    story.slack.clear_faults()
    revive(story)
    kill_when(story, lambda: loaders(story), "pg_restore fills the side database")
    revive(story)
    kill_when(story, step_runs(story, "verify-side"), "it verifies the side database")
    revive(story)
    check_ended(story, then)


def killed_while_swapping(story: Story) -> None:
    """The bot is killed before the swap commits, after it, and while the app starts: the database is open at the end."""
    then = begin(story)
    with _renames_held(story) as holder, _state(story) as state:
        story.approve()
        kill_when(story, lambda: _rename_waits(story), "both databases are closed, and nothing is renamed yet")
        story.checks.that("the database was closed", not story.database.is_open())
        revive(story)
        story.wait(lambda: not _rename_waits(story), "the dead one's session to be gone")
        story.wait(lambda: _rename_waits(story), "the next swap", 60.0)
        state.execute("LOCK TABLE backstop.audit IN EXCLUSIVE MODE")  # whoever has swapped cannot note it
        holder.rollback()
        kill_when(story, lambda: _is_swapped(story), "the renames have committed, and no one has noted it")
    story.checks.that("the restored database is open without the bot", story.database.is_open())
    story.slack.fault(target="cluster", kind="delay", path="/scale", delay_ms=500)
    revive(story)
    kill_when(story, step_runs(story, "start-app"), "it starts the app")
    story.slack.clear_faults()
    revive(story)
    check_ended(story, then)


def begin(story: Story) -> Then:
    """Take a backup, have some bookings made that it lacks, and ask for the restore."""
    then = back_up(story)
    with Booker(story) as booker:
        booker.wait_more(BOOKED)
    story.command(story.cast.oncall, "/rollback prod latest --reason bookings went to the wrong clinic")
    story.request()
    return then


def loaders(story: Story) -> int:
    """How many sessions fill a side database."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'backstop load %%' AND datname LIKE %s"
    return int(story.database.ask(query, f"{story.database.name}%")[0][0])


@contextmanager
def _renames_held(story: Story) -> Iterator[psycopg.Connection[Any]]:
    """Lock the live database's name from beside it: it can be closed and emptied, and not be renamed."""
    with psycopg.connect(story.sandbox.sample.superuser_dsn) as conn:
        statement = sql.SQL("COMMENT ON DATABASE {} IS 'never committed'")
        conn.execute(statement.format(sql.Identifier(story.database.name)))
        yield conn


def _state(story: Story) -> psycopg.Connection[Any]:
    return psycopg.connect(story.sandbox.sample.superuser_dsn, dbname="backstop_state")


def _rename_waits(story: Story) -> bool:
    query = "SELECT EXISTS (SELECT FROM pg_locks WHERE classid = 'pg_database'::regclass AND NOT granted)"
    with psycopg.connect(story.sandbox.sample.superuser_dsn) as conn:
        return bool(conn.execute(query).fetchall()[0][0])


def _is_swapped(story: Story) -> bool:
    return f"{story.database.name}_backstop_kept_{story.run_id()}" in beside(story)


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


def _key(message: dict[str, Any]) -> str:
    metadata = message.get("metadata") or {}
    return str((metadata.get("event_payload") or {}).get("key", ""))
