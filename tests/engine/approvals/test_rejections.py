"""A rejection that was seen before the start stops the run, wherever the run is; and a full quorum never waits."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bot.domain.approvals import Choice, Vote
from bot.domain.plans import PlanKind
from bot.domain.runs import RunState
from bot.engine.approvals.consent import cast_entry
from bot.engine.approvals.signatures import sign_vote
from bot.planning import checklist
from bot.planning.kinds import build_checklist
from tests.engine.approvals.test_retractions import approved, elsewhere, refusals
from tests.engine.story import Story, faults_in_success, faults_in_undoing
from tests.fakes.clock import FakeClock
from tests.fakes.directory import LEAD_A, LEAD_B, LEAD_C
from tests.fakes.keyring import KEYRING
from tests.fakes.process import Killed, Process
from tests.fakes.world import World

ENOUGH = 12
"""So many starts in a row: the rest of the run is no other case."""
REJECTED = f"rejected by <@{LEAD_C}>"


def ballot(world: World, user: str, choice: Choice = Choice.APPROVE) -> None:
    """A vote that was recorded by a process that died before it counted it."""
    run = world.run()
    vote = sign_vote(KEYRING, run.id, Vote(user, choice, run.plan.digest, "button", world.clock.now()))
    world.journal.runs.ballots[run.id][user] = vote
    world.journal.audit.add(run.id, cast_entry(vote, user))


def starts(world: World) -> list[str]:
    return [key for _, key in world.announcer.notes if key == "started"]


def reject_at_call(scratch: Path, number: int) -> tuple[World, str]:
    """Another replica handles a rejection as this one makes that call of the last approval and of the run."""
    world = World(scratch)
    story = Story(world)
    story.ask()
    story.approve(LEAD_A)
    process = story.process = Process("second")
    process.at_call[number] = lambda: elsewhere(world, world.vote(LEAD_C, "reject"))
    story.approve(LEAD_B)
    return world, process.calls[number - 1]


def test_a_rejection_at_any_call_ends_the_run_or_is_refused(tmp_path: Path) -> None:
    faults: list[str] = []
    outcomes: list[RunState] = []
    while outcomes[-ENOUGH:] != [RunState.SUCCEEDED] * ENOUGH:
        number = len(outcomes) + 1
        world, call = reject_at_call(tmp_path, number)
        outcomes.append(world.run().state)
        late = [text for text in refusals(world) if text.startswith("vote-closed") and "/rollback cancel" in text]
        if world.run().state is RunState.REJECTED:
            found = faults_in_undoing(world, RunState.REJECTED, REJECTED)
            found += ["it was said to start"] if starts(world) else []
            found += [f"the rejection was refused: {late}"] if late else []
        else:
            found = faults_in_success(world) + ([] if late else ["the rejection was not refused"])
        faults += [f"rejected at call {number} ({call}): {fault}" for fault in found]
    assert faults == []
    begun = outcomes.index(RunState.SUCCEEDED)
    assert begun > ENOUGH  # the approval, the start, and every call of the re-check
    assert set(outcomes[begun:]) == {RunState.SUCCEEDED}


def test_an_approved_run_that_nobody_has_begun_is_rejected_at_once(story: Story, world: World) -> None:
    approved(story)
    story.do(world.vote(LEAD_C, "reject"))
    assert faults_in_undoing(world, RunState.REJECTED, REJECTED) == []
    assert refusals(world) == []
    assert [event.event for event in world.journal.audit.log][-3:] == ["approved", "voted", "run-ended"]


def test_who_approved_may_still_reject_before_the_start(story: Story, world: World) -> None:
    approved(story)
    story.do(world.vote(LEAD_B, "reject"))
    assert faults_in_undoing(world, RunState.REJECTED, f"rejected by <@{LEAD_B}>") == []


def test_the_start_is_announced_after_the_recheck(story: Story, world: World) -> None:
    run = story.roll_back()
    steps = [step.key for step in sorted(run.steps, key=lambda step: step.position)]
    assert steps[:2] == [checklist.RECHECK, checklist.NOTIFY]
    assert starts(world) == ["started"]


def test_nobody_is_told_of_a_start_that_the_recheck_refuses(story: Story, world: World) -> None:
    approved(story)
    story.do(world.vote(LEAD_B, withdraw=True))
    world.work(story.process)
    assert world.run().state is RunState.PENDING
    assert starts(world) == []


def test_a_rejection_that_was_recorded_and_not_counted_stops_the_run(story: Story, world: World) -> None:
    """An older version counted after it had recorded: the re-check asked again for ever, with all votes given."""
    approved(story)
    ballot(world, LEAD_C, Choice.REJECT)
    world.work(story.process)
    assert faults_in_undoing(world, RunState.REJECTED, REJECTED) == []
    assert world.announcer.changes == []


def test_a_rejection_that_was_recorded_and_not_counted_ends_a_pending_run(story: Story, world: World) -> None:
    story.ask()
    ballot(world, LEAD_C, Choice.REJECT)
    story.sweep()
    assert faults_in_undoing(world, RunState.REJECTED, REJECTED) == []


def test_a_pending_run_with_a_full_quorum_starts_with_the_next_sweep(story: Story, world: World) -> None:
    story.ask()
    ballot(world, LEAD_A)
    ballot(world, LEAD_B)
    story.sweep()
    assert faults_in_success(world) == []


def test_a_rejection_while_the_recheck_asks_again_ends_the_run(story: Story, world: World) -> None:
    approved(story)
    elsewhere(world, world.vote(LEAD_B, withdraw=True))
    story.process.before["journal.runs.replan"] = [lambda: elsewhere(world, world.vote(LEAD_C, "reject"))]
    world.work(story.process)
    assert faults_in_undoing(world, RunState.REJECTED, REJECTED) == []


class SkewedClock(FakeClock):
    """The clock of a replica that is wrong by so many seconds."""

    def __init__(self, right: FakeClock, ahead_s: float) -> None:
        super().__init__()
        self._right, self._ahead_s = right, ahead_s

    def now(self) -> datetime:
        return self._right.now() + timedelta(seconds=self._ahead_s)

    def monotonic(self) -> float:
        return self._right.monotonic()

    def sleep(self, seconds: float) -> None:
        self._right.sleep(seconds)


@pytest.fixture(params=[-3600.0, 3600.0], ids=["an-hour-back", "an-hour-ahead"])
def skewed(request: pytest.FixtureRequest, world: World) -> World:
    """The journal keeps the right time, and every process has the wrong one."""
    right = world.clock
    world.clock = SkewedClock(right, request.param)
    return world


def test_a_vote_after_the_time_of_the_request_is_refused_by_the_journal_s_clock(skewed: World) -> None:
    story = Story(skewed)
    story.ask()
    opened = skewed.run()
    assert opened.expires_at == skewed.journal.runs.now() + skewed.environment.approval.window
    story.approve(LEAD_A)
    skewed.clock.sleep(2400.0)  # 10 minutes past its time
    story.do(skewed.vote(LEAD_B))
    assert [text.split(":")[0] for text in refusals(skewed)] == ["request-expired"]
    story.sweep()
    assert faults_in_undoing(skewed, RunState.EXPIRED, "nobody decided in time") == []


def test_a_request_in_its_time_is_approved_by_the_journal_s_clock(skewed: World) -> None:
    story = Story(skewed)
    story.ask()
    story.sweep()
    story.approve()
    assert skewed.run().state is RunState.SUCCEEDED
    cast = skewed.journal.votes.current(skewed.run().id)
    assert all(skewed.run().created_at <= vote.at < skewed.run().expires_at for vote in cast)


def test_the_age_of_a_recheck_is_judged_by_the_journal_s_clock(skewed: World) -> None:
    """Taken up 15 seconds after its plan was checked: it is not checked again."""
    story = Story(skewed)
    story.ask()
    story.approve(LEAD_A)
    story.process.before["store.list_backups"] = [lambda: die(story.process)]
    story.approve(LEAD_B)
    assert skewed.run().state is RunState.SUCCEEDED
    assert skewed.run().step(checklist.RECHECK).attempts == 1


def die(process: Process) -> None:
    process.dead = True
    raise Killed


@pytest.mark.parametrize("kind", [kind for kind in PlanKind if build_checklist(kind)])
def test_every_kind_re_checks_before_it_announces(kind: PlanKind) -> None:
    assert [step.key for step in build_checklist(kind)][:2] == [checklist.RECHECK, checklist.NOTIFY]
