"""Kills the bot at every stage of a restore: nothing is lost, doubled or left over."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

from bot.sandbox.scenarios.kills import kill_when, revive, step_runs
from bot.sandbox.scenarios.restore_checks import begin, beside, check_ended, loaders
from bot.sandbox.story import Story

HELD_S = 30.0


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
    """The bot is killed before the swap commits, after it, and while the app starts: the database ends up open."""
    then = begin(story)
    with _renames_held(story) as holder, _state(story) as state:
        story.approve()
        kill_when(story, lambda: _rename_waits(story), "both databases are closed, and nothing is renamed yet")
        story.checks.that("the database was closed", not story.database.is_open())
        revive(story)
        story.wait(lambda: not _rename_waits(story), "the dead one's session to be gone")
        story.wait(lambda: _rename_waits(story), "the next swap", 60.0)
        state.execute("LOCK TABLE backstop.audit IN EXCLUSIVE MODE")  # the bot cannot record its swap
        holder.rollback()
        kill_when(story, lambda: _is_swapped(story), "the renames have committed, and no one has noted it")
    story.checks.that("the restored database is open without the bot", story.database.is_open())
    story.slack.fault(target="cluster", kind="delay", path="/scale", delay_ms=500)
    revive(story)
    kill_when(story, step_runs(story, "start-app"), "it starts the app")
    story.slack.clear_faults()
    revive(story)
    check_ended(story, then)


@contextmanager
def _renames_held(story: Story) -> Iterator[psycopg.Connection[Any]]:
    """Lock the live database's name from beside it: it can be closed and emptied, and not be renamed."""
    # decision 21: an uncommitted comment holds the one lock that a rename needs, and no other
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
