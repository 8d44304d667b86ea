"""Plays the nights a restore is for: the schema, or the database itself, is gone, or somebody has closed it."""

import psycopg

from bot.sandbox.people import all_text
from bot.sandbox.scenarios.before import check_serving
from bot.sandbox.scenarios.restore import PROPERTIES, Then, back_up, clear, prints, problem
from bot.sandbox.story import Story, texts

END_ALL = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s"
UNKNOWN = "schema unknown → 027"


def schema_dropped(story: Story) -> None:
    """After DROP SCHEMA public CASCADE: chains are refused, backups and verifications work, and a restore is exact."""
    then = back_up(story)
    story.database.run("DROP SCHEMA public CASCADE")
    _refused(story, "/rollback prod 027", "tracking-table-unreadable")
    _refused(story, "/migrations prod", "tracking-table-unreadable")
    _take(story, "after-the-loss")
    _verify(story, then)
    plan = _ask(story, UNKNOWN, "Could not be looked at: There is no table schema_migrations", "_backstop_kept_")
    story.checks.says("latest passes over what has no schema", plan, "after-the-loss", "has an unknown schema")
    _restored(story, then, kept=True)
    clear(story, then)


def database_dropped(story: Story) -> None:
    """After DROP DATABASE: a backup is refused, and a restore makes it again with owner, settings and grants."""
    then = back_up(story)
    with psycopg.connect(story.sandbox.sample.superuser_dsn, autocommit=True) as conn:
        conn.execute(f"DROP DATABASE {story.database.name} WITH (FORCE)".encode())
    _refused(story, "/rollback prod 027", "database-missing", "Restore a backup")
    _refused(story, "/backups prod take too-late", "database-missing")
    _verify(story, then)
    _ask(story, UNKNOWN, f"The server has no database {story.database.name}", "Nothing is kept")
    _restored(story, then, kept=False)
    run_id = story.run_id()
    _refused(story, f"/rollback undo {run_id}", "nothing-kept", "Restore another backup")
    clear(story, then)


def database_closed(story: Story) -> None:
    """Somebody has closed the database: it is saved, verified and replaced, and nobody gets in meanwhile."""
    then = back_up(story)
    with psycopg.connect(story.sandbox.sample.superuser_dsn, autocommit=True) as conn:
        conn.execute(f"ALTER DATABASE {story.database.name} ALLOW_CONNECTIONS false".encode())
        conn.execute(END_ALL, (story.database.name,))
    _refused(story, "/rollback prod 027", "database-closed", "ALLOW_CONNECTIONS true")
    _take(story, "while-closed")
    _verify(story, then)
    story.checks.that("it is closed still", not story.database.is_open())
    _ask(story, UNKNOWN, "Somebody has closed", "Could not be looked at", "_backstop_kept_")
    _restored(story, then, kept=True)
    story.checks.that("the new one is open", story.database.is_open())
    clear(story, then)


def _refused(story: Story, line: str, *words: str) -> None:
    story.command(story.cast.oncall, line)
    story.checks.says(f"{line} says why not", story.answer(story.cast.oncall, words[0], timeout_s=60.0), *words)


def _take(story: Story, label: str) -> None:
    """Take a backup of what is left."""
    story.command(story.cast.oncall, f"/backups prod take {label}")
    said = story.answer(story.cast.oncall, "is taken", label, timeout_s=60.0)
    story.checks.says("a backup of it is taken, and says what it does not know", said, "Its schema is unknown")
    manifest = story.bucket.bundle(label)["manifest"]
    story.checks.equal("its manifest names no schema", manifest["schema_version"], 0)
    story.checks.equal("and whose it is", manifest["database"]["owner"], story.database.name)


def _verify(story: Story, then: Then) -> None:
    """Prove the backup from before, in the state that the database is in."""
    name = then.bundle.removesuffix(".tar.gz")
    story.command(story.cast.oncall, f"/backups prod verify {name} 3")
    said = story.answer(story.cast.oncall, "passed level 3", name, timeout_s=60.0)
    story.checks.says("the backup from before is proven", said, "all as they should be")


def _ask(story: Story, *words: str) -> str:
    story.command(story.cast.oncall, "/rollback prod latest --reason it is gone")
    plan = all_text(story.request(60.0))
    story.checks.says("the plan says what could not be looked at, and what is kept", plan, *words)
    return plan


def _restored(story: Story, then: Then, *, kept: bool) -> None:
    """Approve it, and judge from outside."""
    checks = story.checks
    story.approve()
    story.wait_state("succeeded", "failed", "parked")
    story.settle()
    checks.equal("the run succeeded", (story.state(), problem(story)), ("succeeded", ""))
    now = prints(story, then.manifest)
    checks.equal("every table has the content it had then", now, dict(then.prints))
    checks.equal("the migrations are those of then", story.database.migrations(), then.before.migrations)
    for before, now_is in zip(then.properties[0], story.database.ask(PROPERTIES)[0], strict=True):
        checks.equal("owner, limit, comment, ACL, settings are as before", now_is, before)
    with psycopg.connect(story.sandbox.sample.superuser_dsn, autocommit=True) as conn:
        query = "SELECT datname FROM pg_database WHERE starts_with(datname, %s) AND datname <> %s ORDER BY 1"
        beside = [name for (name,) in conn.execute(query, (story.database.name, story.database.name)).fetchall()]
    wanted = [f"{story.database.name}_backstop_kept_{story.run_id()}"] if kept else []
    checks.equal("what was there is kept, and nothing else is left", beside, wanted)
    words = "_backstop_kept_" if kept else "none is kept"
    checks.says("the report says where the old one is", texts(story.thread()), "Report: restore", words)
    check_serving(story, then.before, "v1.3.0")
    checks.equal("nothing is left in the scratch directory", story.sandbox.scratch_left(), [])
