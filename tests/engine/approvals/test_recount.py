"""Votes by reaction are asked for in Slack right before the start; what the rows and the log say must agree."""

import pytest

from bot.domain.runs import RunState
from bot.engine.approvals.recount import read_history
from bot.errors import TemporaryError
from tests.engine.story import Story, faults_in_success, traffic_faults
from tests.fakes.directory import LEAD_A, LEAD_B
from tests.fakes.world import CHANNEL, World

DOWN = TemporaryError("lookup-failed", "Slack is down.")


def request_ts(world: World) -> str:
    return f"request:{world.run().id}:{world.run().plan.short_digest}"


def test_a_reaction_that_is_gone_is_a_vote_withdrawn(story: Story, world: World) -> None:
    story.ask()
    story.approve(LEAD_A)
    world.directory.unreact(CHANNEL, request_ts(world), LEAD_A, "white_check_mark")  # and nobody is told
    story.approve(LEAD_B)
    assert world.run().state is RunState.PENDING
    assert world.announcer.changes[0][2] == (f"<@{LEAD_A}> has no longer reacted with approval",)
    assert [vote.user_id for vote in world.journal.votes.current(world.run().id)] == [LEAD_B]
    assert traffic_faults(world, "v1.3.0") == []


@pytest.mark.parametrize("name", ["heavy_check_mark", "white_check_mark::skin-tone-2"])
def test_another_reaction_that_approves_stands_for_it(story: Story, world: World, name: str) -> None:
    story.ask()
    story.approve(LEAD_A)
    world.directory.unreact(CHANNEL, request_ts(world), LEAD_A, "white_check_mark")
    world.directory.react(CHANNEL, request_ts(world), LEAD_A, name)
    story.approve(LEAD_B)
    assert faults_in_success(world) == []


def test_a_thumb_or_somebody_elses_reaction_does_not(story: Story, world: World) -> None:
    story.ask()
    story.approve(LEAD_A)
    world.directory.unreact(CHANNEL, request_ts(world), LEAD_A, "white_check_mark")
    world.directory.react(CHANNEL, request_ts(world), LEAD_A, "+1")
    story.approve(LEAD_B)
    assert world.run().state is RunState.PENDING


def test_votes_by_button_are_not_asked_for(story: Story, world: World) -> None:
    story.ask()
    for user in (LEAD_A, LEAD_B):
        story.do(world.ballot(user, world.run().id, world.run().plan.digest))
    assert faults_in_success(world) == []


def test_a_run_waits_for_slack_and_says_so(story: Story, world: World) -> None:
    story.ask()
    story.approve(LEAD_A)
    world.directory.trouble = [DOWN, DOWN]
    story.approve(LEAD_B)
    assert world.run().state is RunState.SUCCEEDED
    note = world.announcer.notes[world.run().id, "waits-for-slack"]
    assert "lookup-failed" in note
    assert "The run waits for it until" in note


def test_a_history_ends_and_goes_on(story: Story, world: World) -> None:
    story.roll_back()
    events = list(world.journal.audit.events(world.run().id))
    history = read_history(events)
    assert (history.approved, history.began, history.ended) == (True, True, (RunState.SUCCEEDED, ""))
    assert set(history.votes) == {LEAD_A, LEAD_B}
    assert read_history(()).requester == ""
