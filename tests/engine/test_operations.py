"""Requests: persisted, dealt with once, answered; what people ask and what they are told."""

from datetime import datetime, timedelta

import pytest

from bot.domain.backups import Backup, BackupName, Manifest, StoredObject
from bot.domain.runs import RunState
from bot.domain.signing import SignatureState
from bot.engine import requests
from bot.errors import PermanentError, TemporaryError
from bot.planning.checklist import NOTIFY
from bot.ports import Request
from tests.engine.refused import QUESTIONS, refused
from tests.engine.story import Story
from tests.fakes.clock import NOON
from tests.fakes.directory import LEAD_A, LEAD_B, ONCALL
from tests.fakes.process import Killed, Process
from tests.fakes.world import World


def backup_of(at: datetime, schema: int) -> Backup:
    name = BackupName("prod", "nightly", at)
    manifest = Manifest(1, str(name), "prod", "nightly", at, "v1.3.0", schema, 180006, "18.6", (), ())
    return Backup(name, StoredObject(f"{name}.tar.gz", 1000), manifest, signature=SignatureState.VALID)


@pytest.mark.parametrize(
    ("payload", "reference"),
    [
        ({"migration": "099"}, "unknown-migration"),
        ({"migration": "flags"}, "unknown-migration"),
        ({"migration": "२७"}, "unknown-migration"),
        ({"migration": "024"}, "no-down-script"),
        ({"migration": "027", "app": "v1.3.0"}, "app-incompatible"),
        ({"migration": "027", "app": "latest"}, "app-version-unreadable"),
        ({"environment": "production"}, "unknown-environment"),
        ({"migration": "027", "user_id": "U0NOBODY"}, "lookup-failed"),
    ],
)
def test_a_request_that_cannot_be_planned_is_refused(
    story: Story, world: World, payload: dict[str, str], reference: str
) -> None:
    base = {"environment": "prod", "migration": "027", "app": "", "reason": "", "asked_for": "/rollback …"}
    story.do(world.request("rollback", **(base | payload)))
    assert refused(world) == [reference]
    assert world.journal.runs.table == {}


@pytest.mark.parametrize(
    ("max_searched", "hint"),
    [
        (1, "The newest 1 backups have none from before 024; older ones were not looked at."),
        (2, "The bucket has no backup from before 024 either."),
        (3, "Restore the newest backup from before it instead: /rollback prod prod_nightly_20260226_120000"),
    ],
)
def test_a_search_for_an_older_backup_says_how_far_it_looked(
    story: Story, world: World, max_searched: int, hint: str
) -> None:
    older = ((1, 27), (2, 26), (3, 23))
    for days, schema in older[:2] if hint.startswith("The bucket") else older:
        world.store.backups.append(backup_of(NOON - timedelta(days=days), schema))
    world.store.max_searched = max_searched
    story.do(world.rollback("024"))
    ((_, error),) = world.announcer.refusals.values()
    assert hint in str(error)


def test_a_bug_is_reported_to_the_person(story: Story, world: World) -> None:
    story.process.faults["database.catalogue"] = [ZeroDivisionError()]
    story.ask()
    ((user, error),) = world.announcer.refusals.values()
    assert (user, error.reference) == (ONCALL, "internal-error")
    assert world.journal.requests.kept["rollback-1"].problem == "internal-error: ZeroDivisionError"


def test_an_unknown_kind_is_reported_too(story: Story, world: World) -> None:
    story.do(Request("odd", "juggle", {"user_id": ONCALL, "channel": "C1"}))
    assert refused(world) == ["internal-error"]


def test_an_answer_that_cannot_be_given_leaves_the_request_for_later(story: Story, world: World) -> None:
    story.process.faults |= {
        "scripts.load": [PermanentError("invalid-script", "No.")],
        "announcer.refuse": [TemporaryError("journal-unreachable", "It is.")],
    }
    with pytest.raises(TemporaryError):
        story.ask()
    world.clock.sleep(16)
    story.sweep()
    assert world.run().state is RunState.PENDING


def test_every_question_of_ours_is_one() -> None:
    assert {kind for kind, _ in QUESTIONS} == {
        kind for kind, request in requests.REQUEST_TYPES.items() if request.reads_only
    }


def test_a_kill_leaves_the_step_it_was_in_running(world: World) -> None:
    """What a successor sees; the other tests of kills rest on it."""
    probe = Story(World(world.scratch))
    probe.roll_back()
    story = Story(world)
    story.ask()
    story.approve(LEAD_A)
    world.submit(story.process, world.vote(LEAD_B))
    done = len(story.process.calls)
    process = Process("second", probe.process.calls.index("announcer.note") + 1 - done)
    with pytest.raises(Killed):
        world.work(process)
    assert world.run().step(NOTIFY).state == "running"
