"""Votes: whose counts, when, for what; and that two at once start one run."""

from dataclasses import replace

import pytest

from bot.domain.approvals import Choice
from bot.domain.runs import RunState
from bot.engine.operations import Operations
from bot.planning import checklist
from tests.engine.story import Story, faults_in_success, faults_in_undoing
from tests.fakes.directory import ENGINEER, LEAD_A, LEAD_B, LEAD_C, LEADS, ONCALL, member
from tests.fakes.process import Process
from tests.fakes.world import World


def refusals(world: World) -> list[str]:
    return [str(error) for _, error in world.announcer.refusals.values()]


@pytest.mark.parametrize(
    ("voter", "why"),
    [
        (replace(member("U1", LEADS), bot=True), "bots cannot vote."),
        (replace(member("U1", LEADS), deleted=True), "this account is deactivated."),
        (replace(member("U1", LEADS), team_id="T0OTHER"), "you are not a member of this workspace."),
        (replace(member("U1", LEADS), stranger=True), "you are not a member of this workspace."),
        (replace(member("U1", LEADS), guest=True), "guests cannot vote; a full member of this workspace must."),
        (member("U1"), "you are not one of this environment's approvers."),
        (member("U1", "S0OTHERS"), "you are not one of this environment's approvers."),
    ],
)
def test_a_vote_that_does_not_count_is_refused_with_the_reason(
    story: Story, world: World, voter: object, why: str
) -> None:
    world.directory.people["U1"] = voter  # type: ignore[assignment]  # parametrize types its values as objects
    story.ask()
    story.approve("U1", LEAD_A)
    assert refusals(world) == [f"vote-refused: Your vote on run {world.run().id} does not count: {why}"]
    assert world.run().state is RunState.PENDING
    (event,) = [event for event in world.journal.audit.log if event.event == "vote-refused"]
    assert (event.actor, event.details["reason"], event.details["how"]) == ("U1", why, "reaction")


def test_the_requester_cannot_approve(story: Story, world: World) -> None:
    world.directory.people[ONCALL] = member(ONCALL, LEADS)
    story.ask()
    story.approve(ONCALL, LEAD_A)
    why = "you asked for this rollback; someone else must consent to it."
    assert refusals(world) == [f"vote-refused: Your vote on run {world.run().id} does not count: {why}"]
    assert world.run().state is RunState.PENDING


def test_a_look_up_that_fails_is_a_no(story: Story, world: World) -> None:
    story.ask()
    world.directory.unreachable.add(LEAD_A)
    story.approve()
    assert [text.split(":")[0] for text in refusals(world)] == ["lookup-failed"]
    assert [vote.user_id for vote in world.journal.votes.current(world.run().id)] == [LEAD_B]


def test_one_person_is_one_vote_and_may_take_it_back(story: Story, world: World) -> None:
    story.ask()
    story.approve(LEAD_A, LEAD_A)
    assert world.run().state is RunState.PENDING
    story.do(world.vote(LEAD_A, withdraw=True))
    assert world.journal.votes.current(world.run().id) == []
    story.approve(LEAD_B)
    assert world.run().state is RunState.PENDING
    assert world.announcer.requests[world.run().id, world.run().plan.short_digest][1] == tuple(
        world.journal.votes.current(world.run().id)
    )


def test_a_reaction_on_the_card_counts_too(story: Story, world: World) -> None:
    story.ask()
    story.do(world.vote(LEAD_A, ts=f"card:{world.run().id}"))
    assert [vote.choice for vote in world.journal.votes.current(world.run().id)] == [Choice.APPROVE]


@pytest.mark.parametrize("ts", ["17.1", "note:rxxxxx", "card:rother", "request:rother:abc"])
def test_a_reaction_elsewhere_is_ignored(story: Story, world: World, ts: str) -> None:
    story.ask()
    story.do(world.vote(LEAD_A, ts=ts))
    assert (world.journal.votes.current(world.run().id), refusals(world)) == ([], [])


def test_a_button_counts_on_a_copy_that_slack_made_although_it_never_answered(story: Story, world: World) -> None:
    story.ask()
    run = world.run()
    for lead in (LEAD_A, LEAD_B):
        story.do(world.ballot(lead, run.id, run.plan.short_digest))
    assert faults_in_success(world) == []


def test_a_button_that_means_nothing_any_more_says_so(story: Story, world: World) -> None:
    story.ask()
    run = world.run()
    story.do(world.ballot(LEAD_A, "rother", run.plan.short_digest))
    story.do(world.ballot(LEAD_A, run.id, "abc"))
    assert [text.split(":")[0] for text in refusals(world)] == ["unknown-run", "vote-stale"]
    assert world.journal.votes.current(run.id) == []


def test_a_rejection_ends_it(story: Story, world: World) -> None:
    story.ask()
    story.approve(LEAD_A)
    story.do(world.vote(LEAD_B, "reject"))
    assert faults_in_undoing(world, RunState.REJECTED, f"rejected by <@{LEAD_B}>") == []
    story.approve(LEAD_C)
    assert refusals(world) == [
        f"vote-closed: Run {world.run().id} is rejected; votes no longer change it. See /rollback status."
    ]


def test_two_votes_at_once_start_one_run(story: Story, world: World) -> None:
    """A second replica deals with the other lead's vote while the first is about to approve."""
    story.ask()
    story.approve(LEAD_A)
    other = Process("other")
    late = world.vote(LEAD_C)

    def vote_elsewhere() -> None:
        world.submit(other, late)
        world.queue.requests.remove(late.id)
        Operations(world.services(other)).handle(late.id)

    probe = Story(World(world.scratch))
    probe.roll_back()
    number = probe.process.calls.index("journal.votes.cast") + 1
    story.process.at_call[number] = vote_elsewhere
    story.approve(LEAD_B)
    assert faults_in_success(world) == []
    assert [event.event for event in world.journal.audit.log].count("approved") == 1


def test_a_vote_delivered_twice_is_one(story: Story, world: World) -> None:
    story.ask()
    story.approve(LEAD_A)
    request = world.vote(LEAD_B)
    story.do(request)
    story.do(request)
    assert refusals(world) == []
    assert faults_in_success(world) == []


def test_a_vote_that_came_too_late_starts_nothing(story: Story, world: World) -> None:
    story.ask()
    story.approve(LEAD_A)
    world.clock.sleep(1800)
    story.do(world.vote(LEAD_B))
    assert world.run().state is RunState.PENDING
    story.sweep()
    assert faults_in_undoing(world, RunState.EXPIRED, "nobody decided in time") == []


def approve_then(story: Story, change: object) -> None:
    """Approve, with the world changing between the last vote and the start."""
    world = story.world
    story.ask()
    story.approve(LEAD_A)
    world.submit(story.process, world.vote(LEAD_B))
    Operations(world.services(story.process)).handle(world.queue.requests.pop())
    assert world.run().state is RunState.APPROVED
    assert callable(change)
    change()
    world.work(story.process)


def test_when_the_world_moves_the_votes_are_void(story: Story, world: World) -> None:
    def scale() -> None:
        world.cluster.scale("api", 4, "")
        world.cluster.clear_annotation("api")
        world.clock.sleep(10)

    approve_then(story, scale)
    run = world.run()
    old = next(digest for _, digest in world.announcer.requests if digest != run.plan.short_digest)
    image = "registry.example/api:v1.3.0 registry.example/api:v1.2.3"
    line = f"workloads: no longer api uid-api {image} 3; now api uid-api {image} 4"
    assert world.announcer.changes == [(run.id, old, (line,))]
    assert (run.state, run.steps, world.journal.votes.current(run.id)) == (RunState.PENDING, (), [])
    assert world.announcer.cards[run.id][0] == run
    assert world.announcer.requests[run.id, run.plan.short_digest] == (run, ())
    story.do(world.vote(LEAD_A, ts=f"request:{run.id}:{old}"))
    said = f"That request was for plan {old}; the plan is {run.plan.short_digest} now."
    assert refusals(world) == [f"vote-stale: {said} Read the newest request in the thread and vote there."]
    story.approve()
    assert world.run().state is RunState.SUCCEEDED
    assert world.cluster.deployments["api"].replicas == 4


def test_more_rows_than_at_planning_keep_the_votes(story: Story, world: World) -> None:
    approve_then(story, lambda: world.database.rows.update({"public.feature_flags": 50}))
    run = world.run()
    assert run.state is RunState.SUCCEEDED
    assert run.step(checklist.EXPORT).data["rows"] == {"public.feature_flags": 50}


def test_a_lead_who_lost_the_right_is_taken_out(story: Story, world: World) -> None:
    approve_then(story, lambda: world.directory.people.update({LEAD_B: member(LEAD_B)}))
    run = world.run()
    assert run.state is RunState.PENDING
    assert [vote.user_id for vote in world.journal.votes.current(run.id)] == [LEAD_A]
    assert world.announcer.changes[0][2] == (
        f"the vote of <@{LEAD_B}> no longer counts: you are not one of this environment's approvers.",
    )
    story.approve(LEAD_C)
    assert faults_in_success(world) == []


def test_a_voter_who_cannot_be_looked_up_at_the_start_does_not_count(story: Story, world: World) -> None:
    approve_then(story, lambda: world.directory.unreachable.add(LEAD_A))
    assert world.run().state is RunState.PENDING
    assert world.announcer.changes[0][2] == (f"<@{LEAD_A}> could not be looked up (lookup-failed)",)


def test_a_plan_that_is_no_longer_possible_is_void(story: Story, world: World) -> None:
    approve_then(story, lambda: world.journal.freezes.freeze("prod", ENGINEER, "release"))
    problem = f"environment-frozen: <@{ENGINEER}> froze prod: release /rollback unfreeze prod"
    assert faults_in_undoing(world, RunState.VOID, problem) == []
