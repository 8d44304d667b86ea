"""Requests drills, waits for them, and reads their results."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import timedelta

from bot.adapters.clock import SystemClock
from bot.adapters.journal import PostgresDrillRepository, PostgresJournal, open_pool
from bot.adapters.queue import ProcrastinateQueue
from bot.domain.drills import Drill, DrillKind, drill_id_of
from bot.domain.signing import Keyring
from bot.engine.requests import PerformDrill, Submission, defer, write
from bot.ports import Audience
from bot.sandbox.scenarios.production import databases_beside
from bot.sandbox.story import Story, read_key, texts

DRILL_S = 180.0
CLOCK = SystemClock()
SOON = timedelta(seconds=10)
"""Enough for the bot to start and to announce it."""


def soon() -> Sequence[Mapping[str, str | int | list[str]]]:
    """A restore drill of staging that is due at the next full minute, and then in a year."""
    due = CLOCK.now() + SOON
    due += timedelta(seconds=60 - due.second)
    cron = f"{due.minute} {due.hour} {due.day} {due.month} *"
    return [{"environment": "staging", "kind": "restore", "cron": cron, "announce_before_s": 3600}]


def announced(story: Story) -> str:
    """Wait for the announcement of the drill that is due soon, and return its id. Only approvers can skip it."""
    found = "SELECT id FROM backstop.drills WHERE schedule <> '' AND state = 'planned'"
    drill_id = str(story.wait(lambda: [i for (i,) in story.journal(found)], "a planned drill")[0])
    posted = story.wait(
        lambda: [m for m in story.messages() if read_key(m) == f"drill:{drill_id}"], "the drill's announcement"
    )[0]
    story.checks.says("it is announced before it starts", texts([posted]), "Planned", "starts", "Skip")
    story.screen.gesture(story.cast.engineer.name, "presses Skip")
    story.cast.engineer.presses(posted, "skip_drill")
    refused = story.answer(story.cast.engineer, "not-an-approver")
    story.checks.says("only approvers can skip it", refused, "Only the approvers of staging")
    return drill_id


def begin(story: Story, kind: DrillKind, bundle_of: str) -> str:
    """Plan a drill as a schedule with `bundle_of` does, and return its id."""
    now, dsn = CLOCK.now(), story.sandbox.sample.state_dsn
    drill_id = drill_id_of("", f"{kind}:{now.isoformat()}")
    nobody = Audience("", "", request_id=f"drill:{drill_id}")
    request = write(Submission(nobody, PerformDrill(drill_id, now.isoformat())))
    story.screen.note(f"a {kind} drill of {story.environment} with the newest bundle of {bundle_of} is due")
    with open_pool(dsn, max_size=2) as pool, closing(ProcrastinateQueue(dsn)) as queue:
        PostgresDrillRepository(pool, CLOCK).plan(Drill(drill_id, "", story.environment, kind, bundle_of, now, now))
        PostgresJournal(pool, CLOCK, Keyring.parse(story.sandbox.signing_keys)).requests.accept(request)
        defer(queue, request)
    return drill_id


def ask(story: Story, kind: DrillKind) -> str:
    """Have somebody request a drill, and return its id."""
    every = "SELECT id FROM backstop.drills"
    known = {row[0] for row in story.journal(every)}
    reply = story.command(story.cast.lead_a, f"/drill {story.environment} now {kind}")
    story.checks.says("the command is acknowledged at once", reply, story.environment)
    return str(story.wait(lambda: next((i for (i,) in story.journal(every) if i not in known), None), "the drill"))


def await_end(story: Story, drill_id: str) -> None:
    """Wait until it has ended, and all is said."""
    ended = "SELECT ended_at IS NOT NULL FROM backstop.drills WHERE id = %s"
    dealt_with = "SELECT count(*) = 0 FROM backstop.requests WHERE kind = 'drill' AND finished_at IS NULL"
    story.wait(lambda: story.journal(ended, drill_id)[0][0], f"drill {drill_id} to end", DRILL_S)
    story.wait(lambda: story.journal(dealt_with)[0][0], "its last word")
    story.settle()


def read_result(story: Story, drill_id: str) -> tuple[str, str]:
    """Its state and its problem."""
    state, problem = story.journal("SELECT state, problem FROM backstop.drills WHERE id = %s", drill_id)[0]
    return str(state), str(problem)


def read_message(story: Story, drill_id: str) -> str:
    """Return the text of its message; there must be one."""
    own = [m for m in story.messages() if read_key(m) == f"drill:{drill_id}"]
    story.checks.equal("one message, edited in place, says how it went", len(own), 1)
    return texts(own)


def check_clean(story: Story) -> None:
    """Check that nothing of a drill is left."""
    story.checks.equal("no database of the drill is left", databases_beside(story), [])
    story.checks.equal("no shadow database is left", story.database.leftovers(), [])
    story.checks.equal("nothing is left in the scratch directory", story.sandbox.scratch_left(), [])
