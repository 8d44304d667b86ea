"""A request is believed for its signature, once, and not for ever."""

from dataclasses import replace
from datetime import timedelta

from bot.engine.approvals.provenance import MAX_AGE, handled
from bot.engine.maintenance.sweeper import REQUEST_AGE_S
from bot.ports import Request
from tests.engine.refused import refused
from tests.engine.story import Story
from tests.fakes.world import CHANNEL, World


def test_nothing_from_a_forged_request_is_used_not_even_to_answer(story: Story, world: World) -> None:
    evil = {"user_id": "U0EVIL", "channel": CHANNEL, "response_url": "https://evil.example", "environment": "prod"}
    world.journal.requests.accept(Request("slash:1", "unfreeze", evil))
    world.clock.sleep(REQUEST_AGE_S + 1)
    story.sweep()
    assert world.announcer.refusals == {}
    assert world.announcer.answered == {}
    assert [event.event for event in world.journal.audit.log] == ["forged-request"]
    ((place, text),) = world.announcer.alarms.items()
    assert place[0] == "prod"
    assert text.startswith("forged-request: Request slash:1 (unfreeze) in the state database has no signature")


def test_a_request_that_waited_too_long_is_refused_to_its_person(story: Story, world: World) -> None:
    world.submit(story.process, world.rollback())
    world.clock.sleep(MAX_AGE.total_seconds() + 1)
    world.work(story.process)
    assert refused(world) == ["request-too-old"]
    assert world.journal.runs.table == {}


def test_one_that_waited_for_hours_is_handled(story: Story, world: World) -> None:
    world.submit(story.process, world.rollback())
    world.clock.sleep((MAX_AGE - timedelta(hours=1)).total_seconds())
    world.work(story.process)
    assert refused(world) == []


def test_a_request_whose_row_is_set_back_is_not_handled_again(story: Story, world: World) -> None:
    story.do(world.request("freeze", environment="prod", reason="launch"))
    kept = world.journal.requests.kept["freeze-1"]
    kept.finished = False
    world.journal.freezes.known.clear()
    story.sweep()
    world.clock.sleep(REQUEST_AGE_S + 1)
    story.sweep()
    assert kept.problem.startswith("forged-request: was handled before")
    assert world.journal.freezes.known == {}


def test_questions_and_votes_leave_no_line_in_the_log() -> None:
    base = Request("1", "status", {"user_id": "U1"})
    assert [handled(replace(base, kind=kind), "") for kind in ("status", "vote", "home", "juggle")] == [None] * 4
    line = handled(replace(base, kind="freeze"), "not-a-member: Only …")
    assert line is not None
    assert line.details == {"request": "1", "kind": "freeze", "problem": "not-a-member"}
