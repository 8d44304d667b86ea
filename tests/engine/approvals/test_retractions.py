"""Votes taken back are not counted, in whatever order events are dealt with; and which plan a card speaks for."""

from pathlib import Path

import pytest

from bot.domain.runs import RunState
from bot.engine.operations import Operations
from bot.ports import Request
from tests.engine.story import Story, faults_in_success
from tests.fakes.directory import LEAD_A, LEAD_B, LEAD_C, ONCALL, member
from tests.fakes.process import Process
from tests.fakes.world import World


def elsewhere(world: World, request: Request) -> None:
    """Another replica deals with it, at once."""
    other = Process("other")
    world.submit(other, request)
    world.queue.requests.remove(request.id)
    Operations(world.services(other)).handle(request.id)


def approved(story: Story) -> None:
    """Ask and approve; nobody has begun the run yet."""
    world = story.world
    story.ask()
    story.approve(LEAD_A)
    elsewhere(world, world.vote(LEAD_B))
    assert world.run().state is RunState.APPROVED


def move(world: World) -> None:
    """Somebody scales: what is planned is no longer what would be done."""
    world.cluster.scale("api", world.cluster.deployments["api"].replicas + 1, "")
    world.cluster.clear_annotation("api")
    world.clock.sleep(10)


def voters(world: World) -> list[str]:
    return [vote.user_id for vote in world.journal.votes.current(world.run().id)]


def events(world: World) -> list[str]:
    return [event.event for event in world.journal.audit.log]


def refusals(world: World) -> list[str]:
    return [str(error) for _, error in world.announcer.refusals.values()]


def moved(story: Story) -> str:
    """Approved for one plan and asked again for another; gives the short digest of the first."""
    approved(story)
    old = story.world.run().plan.short_digest
    move(story.world)
    story.world.work(story.process)
    assert story.world.run().state is RunState.PENDING
    return old


def test_a_reaction_taken_off_during_its_look_up_is_not_counted(story: Story, world: World) -> None:
    story.ask()
    story.approve(LEAD_A)
    added, removed = world.vote(LEAD_B), world.vote(LEAD_B, withdraw=True)
    story.process.before["directory.look_up"] = [lambda: elsewhere(world, removed)]
    story.do(added)
    assert voters(world) == [LEAD_A]
    assert world.run().state is RunState.PENDING
    assert events(world) == ["requested", "voted"]


def test_a_reaction_that_is_delivered_after_its_removal_is_not_counted(story: Story, world: World) -> None:
    story.ask()
    added, removed = world.vote(LEAD_A), world.vote(LEAD_A, withdraw=True)
    story.do(removed)
    story.do(added)
    assert voters(world) == []
    story.approve(LEAD_B)
    assert world.run().state is RunState.PENDING
    story.approve(LEAD_A)  # given anew, it counts
    assert faults_in_success(world) == []


def test_a_removal_that_comes_late_leaves_the_newer_vote(story: Story, world: World) -> None:
    story.ask()
    removed, added = world.vote(LEAD_A, withdraw=True), world.vote(LEAD_A)
    story.do(added)
    story.do(removed)
    assert voters(world) == [LEAD_A]


def test_a_reaction_taken_off_a_void_request_leaves_the_vote_for_the_new_plan(story: Story, world: World) -> None:
    old = moved(story)
    story.approve(LEAD_A)
    story.do(world.vote(LEAD_A, ts=f"request:{world.run().id}:{old}", withdraw=True))
    story.do(world.vote(LEAD_A, ts=f"card:{world.run().id}", withdraw=True))
    assert voters(world) == [LEAD_A]
    story.do(world.vote(LEAD_A, withdraw=True))
    assert voters(world) == []


def test_a_vote_taken_back_before_the_start_is_honoured(story: Story, world: World) -> None:
    approved(story)
    elsewhere(world, world.vote(LEAD_B, withdraw=True))
    world.work(story.process)
    run = world.run()
    assert (run.state, voters(world)) == (RunState.PENDING, [LEAD_A])
    assert world.announcer.changes == [(run.id, run.plan.short_digest, ("only 1 of 2 votes stand",))]
    assert "asked-again" in events(world)
    assert "plan-changed" not in events(world)
    assert refusals(world) == []
    story.approve(LEAD_C)
    assert faults_in_success(world) == []


def test_a_vote_taken_back_too_late_is_answered(story: Story, world: World) -> None:
    approved(story)
    story.process.before["store.list_backups"] = [lambda: elsewhere(world, world.vote(LEAD_B, withdraw=True))]
    world.work(story.process)
    run = world.run()
    assert run.state is RunState.SUCCEEDED
    said = f"vote-closed: Run {run.id} is under way; it was too late to take your vote back."
    assert refusals(world) == [f"{said} /rollback cancel {run.id} stops it for as long as that is possible."]
    assert "vote-withdrawn" not in events(world)
    story.do(world.vote(LEAD_A, withdraw=True))  # tidied up afterwards: nothing to say
    assert len(refusals(world)) == 1


def test_a_reaction_on_the_card_does_not_count_once_the_plan_has_changed(story: Story, world: World) -> None:
    approved(story)
    on_the_card = world.vote(LEAD_C, ts=f"card:{world.run().id}")  # of the first plan, and delivered late
    move(world)
    world.work(story.process)
    run = world.run()
    story.do(on_the_card)
    assert voters(world) == []
    said = f"The plan of run {run.id} has changed since its card was posted: a reaction on the card does not count."
    assert refusals(world) == [f"vote-stale: {said} Read the newest request in the thread and vote there."]


def test_a_vote_under_way_while_the_plan_moves_is_for_neither(story: Story, world: World) -> None:
    """Its look-up takes so long that the others' votes start the run, which asks again with another plan."""
    story.ask()
    story.approve(LEAD_A)

    def meanwhile() -> None:
        other = Story(world, Process("other"))
        move(world)
        other.do(world.vote(LEAD_B))
        assert world.run().state is RunState.PENDING

    story.process.before["directory.look_up"] = [meanwhile]
    story.do(world.vote(LEAD_C))
    assert voters(world) == []
    assert [text.split(":")[0] for text in refusals(world)] == ["vote-stale"]


def test_a_cancel_during_the_recheck_ends_the_run_instead_of_asking_again(story: Story, world: World) -> None:
    approved(story)
    move(world)
    cancel = world.request("cancel", ONCALL, run_id=world.run().id)
    story.process.before["database.catalogue"] = [lambda: elsewhere(world, cancel)]
    world.work(story.process)
    run = world.run()
    assert (run.state, run.problem) == (RunState.CANCELLED, f"cancelled by <@{ONCALL}>")
    assert world.announcer.cards[run.id][0] == run
    assert world.announcer.changes == []


def test_the_log_says_whose_vote_the_recheck_took_out_and_why(story: Story, world: World) -> None:
    approved(story)
    world.directory.people[LEAD_B] = member(LEAD_B)
    world.work(story.process)
    (taken_out,) = [event for event in world.journal.audit.log if event.event == "vote-withdrawn"]
    why = f"the vote of <@{LEAD_B}> no longer counts: you are not one of this environment's approvers."
    assert (taken_out.actor, taken_out.details) == (
        "backstop",
        {"user": LEAD_B, "digest": world.run().plan.digest, "why": why},
    )


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_votes_and_approval_are_in_the_log_wherever_the_process_dies(tmp_path: Path, *, after: bool) -> None:
    probe = Story(World(tmp_path))
    probe.roll_back()
    last = probe.process.calls.index("queue.defer_run") + 1
    for number in range(1, last + 1):
        world = World(tmp_path)
        story = Story(world, Process("first", number, after=after))
        story.roll_back()
        assert events(world)[:4] == ["requested", "voted", "voted", "approved"], f"killed at call {number}"
