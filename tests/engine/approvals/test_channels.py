"""Channels that are shared with another organisation: nothing is started there, and no vote counts."""

from dataclasses import replace

import pytest

from bot.domain.runs import RunState
from bot.engine.approvals.authorization import UNSHARED_FOR_S
from bot.engine.operations import Operations
from bot.engine.requests import REQUEST_TYPES
from tests.engine.approvals.test_retractions import refusals, voters
from tests.engine.story import Story, faults_in_success
from tests.fakes.directory import LEAD_A, LEAD_B, LEAD_C, ONCALL
from tests.fakes.process import Process
from tests.fakes.world import CHANNEL, World

PAYLOADS: dict[str, dict[str, object]] = {
    "rollback": {"environment": "prod", "migration": "027", "app": "", "reason": "why", "asked_for": "/rollback"},
    "restore": {"environment": "prod", "backup": "latest", "app": "", "reason": "why", "asked_for": "/rollback"},
    "undo": {"run_id": "rabcde"},
    "cancel": {"run_id": "rabcde"},
    "resume": {"run_id": "rabcde"},
    "escalate": {"run_id": "rabcde"},
    "salvage": {"run_id": "rabcde"},
    "close": {"run_id": "rabcde", "link": "https://example.org"},
    "document": {"run_id": "rabcde", "wrong": "x", "change": ""},
    "freeze": {"environment": "prod", "reason": "why"},
    "unfreeze": {"environment": "prod"},
    "take": {"environment": "prod", "label": "manual"},
    "verify": {"environment": "prod", "name": "latest", "level": 1},
    "drill-skip": {"drill_id": "dabcde"},
    "drill-postpone": {"drill_id": "dabcde", "start_at": "", "by_s": 60},
    "drill-now": {"environment": "prod", "drill": "restore"},
}


def test_every_request_that_does_something_is_tried_here() -> None:
    does = {kind for kind, request in REQUEST_TYPES.items() if not request.reads_only}
    assert does - set(PAYLOADS) == {"vote", "home", "drill"}  # its own test; no channel; the schedule's


@pytest.mark.parametrize("kind", PAYLOADS)
def test_what_does_something_is_refused_in_a_shared_channel(story: Story, world: World, kind: str) -> None:
    world.directory.shared.add(CHANNEL)
    story.do(world.request(kind, ONCALL, **PAYLOADS[kind]))
    (told,) = refusals(world)
    assert told.startswith("shared-channel: ")
    assert f"add {CHANNEL} to slack.allow_shared_channels" in told
    assert (world.journal.runs.table, world.store.backups, world.journal.audit.log) == ({}, [], [])
    assert world.journal.freezes.known == {}


def test_questions_are_answered_in_a_shared_channel(story: Story, world: World) -> None:
    world.directory.shared.add(CHANNEL)
    story.do(world.request("status", ONCALL, environment=""))
    assert refusals(world) == []


def test_a_channel_that_cannot_be_looked_up_is_refused_for_now(story: Story, world: World) -> None:
    world.directory.unreachable.add(CHANNEL)
    story.ask()
    assert [text.partition(":")[0] for text in refusals(world)] == ["lookup-failed"]
    assert world.journal.runs.table == {}
    world.directory.unreachable.clear()
    story.ask()
    assert world.run().state is RunState.PENDING


@pytest.mark.parametrize("how", ["reaction", "button"])
@pytest.mark.parametrize("choice", ["approve", "reject"])
def test_votes_in_a_shared_channel_count_for_nothing_and_say_so(
    story: Story, world: World, how: str, choice: str
) -> None:
    story.ask()
    story.approve(LEAD_A)
    world.directory.shared.add(CHANNEL)
    run = world.run()
    ballot = world.ballot(LEAD_B, run.id, run.plan.short_digest, choice)
    story.do(world.vote(LEAD_B, choice) if how == "reaction" else ballot)
    assert [text.partition(":")[0] for text in refusals(world)] == ["shared-channel"]
    assert (world.run().state, voters(world)) == (RunState.PENDING, [LEAD_A])
    event = world.journal.audit.log[-1]
    assert (event.actor, event.event, event.details["how"]) == (LEAD_B, "vote-refused", how)
    story.do(world.vote(LEAD_A, withdraw=True))  # taking it back is never refused
    assert voters(world) == []


def test_a_reaction_on_another_message_of_a_shared_channel_is_ignored(story: Story, world: World) -> None:
    story.ask()
    world.directory.shared.add(CHANNEL)
    story.do(world.vote(LEAD_A, ts="17.1"))
    assert refusals(world) == []


def test_a_shared_channel_that_the_configuration_allows_counts(world: World) -> None:
    world.directory.shared.add(CHANNEL)
    process = Process("first")
    services = replace(world.services(process), allowed_shared_channels=frozenset({CHANNEL}))
    operations = Operations(services)
    world.submit(process, world.rollback())
    operations.handle(world.queue.requests.pop())
    for lead in (LEAD_A, LEAD_C):
        world.submit(process, world.vote(lead))
        operations.handle(world.queue.requests.pop())
    world.work(process)
    assert faults_in_success(world) == []


def test_a_channel_that_becomes_shared_is_refused_after_half_a_minute(world: World) -> None:
    process = Process("first")
    operations = Operations(world.services(process))

    def ask(reason: str) -> None:
        world.submit(process, world.request("freeze", ONCALL, environment="prod", reason=reason))
        operations.handle(world.queue.requests.pop())

    ask("one")
    world.directory.shared.add(CHANNEL)
    world.clock.sleep(UNSHARED_FOR_S)
    ask("two")
    assert "one" in world.journal.freezes.known["prod"]
    assert [text.partition(":")[0] for text in refusals(world)] == ["shared-channel"]
    world.directory.shared.clear()  # a refusal is not remembered
    ask("three")
    assert "three" in world.journal.freezes.known["prod"]


def test_requests_without_a_channel_are_not_looked_up(story: Story, world: World) -> None:
    """From the Home tab (a person's id) and from direct messages."""
    for place in ("", "U0ONCALL", "D0ONCALL"):
        world.directory.shared.add(place)
        request = world.request("freeze", ONCALL, environment="prod", reason="why")
        story.do(replace(request, payload={**request.payload, "channel": place}))
    assert refusals(world) == []
