"""Requests: persisted, dealt with once, answered; what people ask and what they are told."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.domain.backups import Backup, BackupName, Manifest, StoredObject
from bot.domain.runs import RunState
from bot.engine import requests
from bot.engine.operations import Operations
from bot.errors import PermanentError, TemporaryError
from bot.planning.checklist import NOTIFY
from bot.ports import Request
from tests.engine.story import Story
from tests.fakes.clock import NOON
from tests.fakes.directory import ENGINEER, LEAD_A, LEAD_B, ONCALL, member
from tests.fakes.process import Killed, Process
from tests.fakes.world import World, submission


def backup_of(at: datetime, schema: int) -> Backup:
    name = BackupName("prod", "nightly", at)
    manifest = Manifest(1, str(name), "prod", "nightly", at, "v1.3.0", schema, 180006, "18.6", (), ())
    return Backup(name, StoredObject(f"{name}.tar.gz", 1000), manifest)


def refused(world: World) -> list[str]:
    return [error.reference for _, error in world.announcer.refusals.values()]


def test_a_request_delivered_twice_opens_one_run(story: Story, world: World) -> None:
    request = world.rollback()
    story.do(request)
    story.do(request)
    run = world.run()
    assert (run.requester, run.reason, run.channel) == (ONCALL, "why", "C0INCIDENT")
    user, text = world.announcer.answered[request.id]
    assert user == ONCALL
    assert f"run {run.id}" in text


def test_a_request_finds_its_own_run_even_when_that_has_ended(story: Story, world: World) -> None:
    """Its handler died after opening the run; by the time somebody looks, the run is over."""
    request = world.rollback()
    story.do(request)
    story.do(world.vote(LEAD_A, "reject"))
    world.journal.requests.kept[request.id].finished = False
    world.queue.defer_request(request.id)
    world.work(story.process)
    assert len(world.journal.runs.table) == 1
    assert refused(world) == []


def test_a_second_rollback_is_refused_with_who_holds_it(story: Story, world: World) -> None:
    story.ask()
    run = world.run()
    story.do(world.rollback("026", user=ENGINEER))
    ((user, error),) = world.announcer.refusals.values()
    assert user == ENGINEER
    assert str(error) == (
        f"another-run-active: prod is held by run {run.id} (pending), asked for by <@{ONCALL}> at 2026-03-01 12:00 "
        f"UTC: /rollback prod 027. Vote on it, or withdraw it with /rollback cancel {run.id}."
    )


def test_the_loser_of_two_requests_at_once_is_refused(story: Story, world: World) -> None:
    """Both saw no open run; only one may open it."""
    probe = Story(World(world.scratch))
    probe.ask()
    number = probe.process.calls.index("journal.runs.open") + 1
    other, late = Process("other"), world.rollback("026", user=ENGINEER)
    mine = world.rollback()

    def ask_elsewhere() -> None:
        Operations(world.services(other)).submit(submission(late))
        world.queue.requests.remove(late.id)
        Operations(world.services(other)).handle(late.id)

    story.process.at_call[number] = ask_elsewhere
    story.do(mine)
    assert world.run().plan.to_schema == 25
    assert refused(world) == ["another-run-active"]


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


@pytest.mark.parametrize("what", ["bot", "deleted", "guest", "stranger"])
def test_only_full_members_ask(story: Story, world: World, what: str) -> None:
    flags: dict[str, Any] = {what: True}
    world.directory.people[ONCALL] = replace(world.directory.people[ONCALL], **flags)
    story.ask()
    assert refused(world) == ["not-a-member"]


def test_a_chain_that_fails_its_rehearsal_is_refused_at_once(story: Story, world: World) -> None:
    world.database.rehearsal_error = PermanentError("rehearsal-failed", "027, line 8: no such table.", "Mend it.")
    story.ask()
    assert refused(world) == ["rehearsal-failed"]
    assert world.journal.runs.table == {}


def test_a_bug_is_told_to_the_person(story: Story, world: World) -> None:
    story.process.faults["database.catalogue"] = [ZeroDivisionError()]
    story.ask()
    ((user, error),) = world.announcer.refusals.values()
    assert (user, error.reference) == (ONCALL, "internal-error")
    assert world.journal.requests.kept["rollback-1"].problem == "internal-error: ZeroDivisionError"


def test_an_unknown_kind_is_told_too(story: Story, world: World) -> None:
    story.do(Request("odd", "juggle", {"user_id": ONCALL, "channel": "C1"}))
    assert refused(world) == ["internal-error"]


def test_a_queue_that_is_away_delays_a_request_and_loses_none(story: Story, world: World) -> None:
    story.process.faults["queue.defer_request"] = [TemporaryError("queue-away", "It is.")]
    story.ask()
    assert world.journal.runs.table == {}
    story.sweep()
    assert world.journal.runs.table == {}, "it may still be in somebody's hands"
    world.clock.sleep(16)
    story.sweep()
    assert world.run().state is RunState.PENDING


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


QUESTIONS = (
    ("status", {"environment": ""}),
    ("migrations", {"environment": "prod"}),
    ("backups", {"environment": "prod", "text": "", "offset": 0, "replace": False}),
    ("show", {"environment": "prod", "name": "latest"}),
    ("drill-list", {"environment": ""}),
    ("drill-show", {"drill_id": "dabcde"}),
    ("drill-report", {"environment": ""}),
)


@pytest.mark.parametrize(("kind", "payload"), QUESTIONS)
@pytest.mark.parametrize("changes", [{"guest": True}, {"bot": True}, {"deleted": True}, {"team_id": "T0PARTNER"}])
def test_questions_are_answered_to_full_members_only(
    story: Story, world: World, kind: str, payload: dict[str, Any], changes: dict[str, Any]
) -> None:
    world.directory.people["U0GUEST"] = replace(member("U0GUEST"), **changes)
    story.do(world.request(kind, "U0GUEST", **payload))
    assert refused(world) == ["not-a-member"]
    answers = world.announcer
    assert (answers.statuses, answers.overviews, answers.listings, answers.details) == ([], [], [], [])


def test_every_question_of_ours_is_one() -> None:
    assert {kind for kind, _ in QUESTIONS} == {
        kind for kind, request in requests.REQUEST_TYPES.items() if request.reads_only
    }


def test_freezing(story: Story, world: World) -> None:
    story.do(world.request("freeze", ENGINEER, environment="prod", reason=""))
    story.do(world.request("unfreeze", ENGINEER, environment="prod"))
    assert refused(world) == ["reason-missing", "not-frozen"]
    story.do(world.request("freeze", ENGINEER, environment="prod", reason="release"))
    story.do(world.rollback())
    assert refused(world)[2:] == ["environment-frozen"]
    story.do(world.request("status", ENGINEER, environment=""))
    assert world.announcer.statuses == [((), {"prod": f"<@{ENGINEER}> froze prod: release"})]
    story.do(world.request("unfreeze", ENGINEER, environment="prod"))
    assert world.announcer.answered["unfreeze-6"] == (ENGINEER, "prod is open for runs again.")
    assert world.journal.freezes.frozen("prod") is None


def test_migrations_of_a_closed_database_are_not_called_unapplied(story: Story, world: World) -> None:
    """Somebody looks while a run holds the fence."""
    probe = Story(World(world.scratch))
    probe.roll_back()
    looked = world.request("migrations", ENGINEER, environment="prod")

    def look() -> None:
        other = Operations(world.services(Process("other")))
        other.submit(submission(looked))
        other.handle(looked.id)

    story.process.at_call[probe.process.calls.index("fence.export") + 1] = look
    run = story.roll_back()

    (overview,) = world.announcer.overviews
    assert (overview.schema, overview.closed_by) == (None, run.id)
    assert {row.applied for row in overview.rows} == {None}
    assert overview.rows != []


def test_migrations_of_a_database_somebody_has_closed_name_no_run(story: Story, world: World) -> None:
    story.ask()
    world.database.open = False
    story.do(world.request("migrations", ENGINEER, environment="prod"))
    (overview,) = world.announcer.overviews
    assert (overview.schema, overview.closed_by) == (None, "")


def test_migrations_and_status(story: Story, world: World) -> None:
    story.do(world.request("migrations", ENGINEER, environment="prod"))
    (overview,) = world.announcer.overviews
    assert [(row.version, row.applied, row.script is not None) for row in overview.rows] == [
        (27, True, True),
        (26, True, True),
        (25, True, True),
        (24, True, False),
    ]
    assert (overview.schema, overview.app_version, overview.serving) == (27, "v1.3.0", True)
    assert overview.matrix[0] == "v1.3.x needs schema 027–latest"
    run = story.roll_back()
    story.do(world.request("status", ENGINEER, environment="prod"))
    assert world.announcer.statuses == [((world.journal.runs.find(run.id),), {})]
    story.do(world.request("status", ENGINEER, environment="qa"))
    assert refused(world) == ["unknown-environment"]


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


def test_lifting_a_freeze_is_in_the_log_and_said_wherever_the_process_dies(tmp_path: Path) -> None:
    for after in (False, True):
        for number in range(1, 8):
            world = World(tmp_path)
            world.journal.freezes.freeze("prod", LEAD_A, "billing")
            request = world.request("unfreeze", ENGINEER, environment="prod")
            Story(world, Process("first", number, after=after)).do(request)
            where = f"killed {'after' if after else 'before'} call {number}"
            assert [(event.actor, event.event) for event in world.journal.audit.log] == [(ENGINEER, "unfrozen")], where
            assert world.announcer.answered[request.id] == (ENGINEER, "prod is open for runs again."), where
            assert refused(world) == [], where
