"""Plays what people do to the audit log, and what `backstop audit verify` says of it."""

import contextlib
import re
from collections.abc import Iterator

from bot.sandbox.people import all_text
from bot.sandbox.scenarios.rollback import LOST_IN_027
from bot.sandbox.story import Story

_KEEP = (
    "CREATE TABLE IF NOT EXISTS public.kept_audit AS SELECT * FROM backstop.audit",
    "CREATE TABLE IF NOT EXISTS public.kept_votes AS SELECT * FROM backstop.votes",
)
_PUT_BACK = (
    "SET session_replication_role = replica",
    "DELETE FROM backstop.audit",
    "INSERT INTO backstop.audit SELECT * FROM public.kept_audit",
    "DELETE FROM backstop.votes",
    "INSERT INTO backstop.votes SELECT * FROM public.kept_votes",
    "DROP TABLE public.kept_audit, public.kept_votes",
)
_TAMPERED = {
    "a changed event": ("UPDATE backstop.audit SET actor = 'U0NOBODY' WHERE sequence = 2", "Event 2 was altered"),
    "a deleted event": ("DELETE FROM backstop.audit WHERE sequence = 3", "3 is missing"),
    "the last ten events deleted": (
        "DELETE FROM backstop.audit WHERE sequence > (SELECT max(sequence) - 10 FROM backstop.audit)",
        "cut off",
    ),
    "an emptied log": ("TRUNCATE backstop.audit", "cut off"),
    "a deleted vote": ("DELETE FROM backstop.votes WHERE user_id = 'U0LEADA'", "the vote of U0LEADA"),
}


def audit_log(story: Story) -> None:
    """A run, and the log verified; then somebody tampers with its table as a superuser, and each change is located."""
    checks, bot = story.checks, story.sandbox.bots[0]
    story.command(story.cast.oncall, "/rollback prod 027 --reason the log")
    story.request()
    story.approve()
    story.wait_state("succeeded", "failed", "parked")
    story.settle()
    checks.equal("the run succeeded", story.state(), "succeeded")
    checks.equal("what it drops is gone", [story.database.exists(table) for table in LOST_IN_027], [False, False])
    seen = re.search(r"log `(\d+·[0-9a-f]{8})`", all_text(story.card()))
    checks.that("the card shows the head of the log", seen, all_text(story.card()))
    code, said = bot.run("audit", "verify", "--seen", seen[1] if seen else "")
    checks.equal(f"the log is as it was written: {said}", code, 0)
    checks.says("it was compared with its anchors and with the rows", said, "anchors; up to event", "runs")
    code, said = bot.run("audit", "verify", "--without-anchors")
    checks.says("what is left unchecked without anchors is said", said, "THE ANCHORS WERE LEFT OUT", "NOT EVERYTHING")
    checks.equal("and the exit code says so", code, 2)
    bot.stop()  # it would add to a log that is about to be put back
    for what, (statement, fault) in _TAMPERED.items():
        with _tampered(story, statement):
            code, said = bot.run("audit", "verify")
        checks.says(f"{what} is located", said, fault)
        checks.equal(f"{what}: the exit code", code, 1)
    bot.start()
    code, said = bot.run("db", "check")
    checks.says("the bot itself can only add to the log", said, "the bot can only add to the log")


@contextlib.contextmanager
def _tampered(story: Story, statement: str) -> Iterator[None]:
    """Change the state database as a superuser, past the trigger; then put it back."""
    state = story.sandbox.state
    with state.connect() as conn:
        for step in (*_KEEP, "SET session_replication_role = replica", statement):
            conn.execute(step.encode())
    try:
        yield
    finally:
        with state.connect() as conn:
            for step in _PUT_BACK:
                conn.execute(step.encode())
