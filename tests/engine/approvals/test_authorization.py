"""Only full members ask; only stewards steer."""

from dataclasses import replace
from typing import Any

import pytest

from bot.domain.runs import RunState
from tests.engine.refused import QUESTIONS, refused
from tests.engine.story import (
    Story,
)
from tests.fakes.directory import ENGINEER, LEAD_A, LEAD_C, ONCALL, member
from tests.fakes.world import World


@pytest.mark.parametrize("what", ["bot", "deleted", "guest", "stranger"])
def test_only_full_members_ask(story: Story, world: World, what: str) -> None:
    flags: dict[str, Any] = {what: True}
    world.directory.people[ONCALL] = replace(world.directory.people[ONCALL], **flags)
    story.ask()
    assert refused(world) == ["not-a-member"]


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


def test_only_stewards_steer(story: Story, world: World) -> None:
    story.ask()
    run = world.run()
    for kind in ("cancel", "resume", "escalate"):
        story.do(world.request(kind, ENGINEER, run_id=run.id))
    references = [error.reference for _, error in world.announcer.refusals.values()]
    assert references == ["not-yours"] * 3
    story.do(world.request("cancel", LEAD_C, run_id="rnone0"))
    assert [error.reference for _, error in world.announcer.refusals.values()][3:] == ["unknown-run"]
    world.directory.unreachable.add(ONCALL)
    story.do(world.request("cancel", ONCALL, run_id=run.id))
    assert [error.reference for _, error in world.announcer.refusals.values()][4:] == ["lookup-failed"]
    assert world.run().state is RunState.PENDING
    story.do(world.request("escalate", LEAD_A, run_id=run.id))
    assert [error.reference for _, error in world.announcer.refusals.values()][5:] == ["not-begun"]
    assert world.announcer.escalations == {}
    story.do(world.request("cancel", LEAD_A, run_id=run.id))
    assert world.run().state is RunState.CANCELLED
