"""Watches production while drills run elsewhere, and compares it with its state before."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from bot.sandbox.scenarios.before import Before, check_serving, observe
from bot.sandbox.scenarios.traffic import Loop
from bot.sandbox.story import Story

LABEL = "before-drill"
OID = "SELECT oid::text FROM pg_database WHERE datname = current_database()"
BESIDE = "SELECT datname FROM pg_database WHERE starts_with(datname, %s) ORDER BY datname"


@dataclass(frozen=True)
class Prod:
    """Production's state before the drill."""

    before: Before
    oid: str
    patients: int
    bundle: str


class Watch(Loop):
    """Looks for sessions of the bot's role in a database; `times` are those at which there was one."""

    def __init__(self, dsn: str, database: str) -> None:
        super().__init__("watch", 0.02)
        self._conn = psycopg.connect(dsn, autocommit=True)
        self._database = database

    def stop(self) -> None:
        """End, and close the session."""
        super().stop()
        self._conn.close()

    def _do(self) -> bool:
        query = "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = %s AND usename = %s"
        return bool(self._conn.execute(query, (self._database, self._database)).fetchall()[0][0])


def observe_production(story: Story) -> Prod:
    """Take the prod-like bundle, and note what production is."""
    before = observe(story)
    story.command(story.cast.oncall, f"/backups prod take {LABEL}")
    story.answer(story.cast.oncall, "is taken", LABEL, timeout_s=60.0)
    oid, patients = str(story.database.ask(OID)[0][0]), story.database.count("patients")
    return Prod(before, oid, patients, str(story.bucket.bundle(LABEL)["key"]).removesuffix(".tar.gz"))


@contextmanager
def untouched(story: Story, prod: Prod) -> Iterator[None]:
    """Check that the bot opens no session in production's database meanwhile, and changes nothing."""
    watch = Watch(story.sandbox.sample.superuser_dsn, story.database.name)
    watch.start()
    try:
        yield
    finally:
        watch.stop()
    checks = story.checks
    checks.equal("no session of ours was in production's database", len(watch.times), 0)
    checks.equal("production's database is the same one", story.database.ask(OID)[0][0], prod.oid)
    checks.equal("production has its patients", story.database.count("patients"), prod.patients)
    checks.equal("production's migrations are as before", story.database.migrations(), prod.before.migrations)
    checks.equal("nothing is beside production's database", databases_beside(story), [])
    check_serving(story, prod.before, "v1.3.0")


def databases_beside(story: Story) -> list[str]:
    """List the databases the bot has made beside the environment's."""
    return [row[0] for row in story.database.ask(BESIDE, f"{story.database.name}_backstop_")]
