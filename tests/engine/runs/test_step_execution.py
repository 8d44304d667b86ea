"""One owner per run: a lease keeps it, and who has lost it does nothing more."""

import time

import pytest

from bot.domain.audit import ANCHORED
from bot.domain.runs import RunState
from bot.engine.runs.execution import Execution
from bot.engine.runs.runner import Runner
from bot.engine.runs.step_execution import LEASE_S
from bot.errors import PermanentError, TemporaryError
from tests.engine.story import Story, faults_in_success
from tests.fakes.directory import LEAD_A, LEAD_B
from tests.fakes.process import Process
from tests.fakes.world import World


def test_a_run_somebody_owns_is_left_alone(story: Story, world: World) -> None:
    probe = Story(World(world.scratch))
    probe.roll_back()
    other = Process("other")
    at_dump = probe.process.calls.index("database.dump") + 1
    story.process.at_call[at_dump] = lambda: Runner(world.services(other)).execute(world.run().id)
    story.roll_back()
    assert faults_in_success(world) == []
    assert other.calls == ["journal.runs.take"]


@pytest.mark.parametrize("call", ["database.dump", "fence.export", "fence.run_chain", "cluster.set_image"])
def test_an_owner_who_was_fenced_off_does_nothing_more(story: Story, world: World, call: str) -> None:
    """It stalls past its lease; a successor finishes; it wakes up."""
    probe = Story(World(world.scratch))
    probe.roll_back()
    number = probe.process.calls.index(call) + 1
    other = Process("other")
    seen: list[int] = []

    def stall() -> None:
        world.clock.sleep(LEASE_S + 1)
        Runner(world.services(other)).execute(world.run().id)
        seen.append(len(story.process.calls))

    story.process.at_call[number] = stall
    story.roll_back()
    assert faults_in_success(world) == []
    assert seen
    events = [event.event for event in world.journal.audit.log if event.event != ANCHORED]
    assert events[-1] == "run-ended", "the old owner wrote nothing after the successor's end"
    assert events.count("run-ended") == 1


def test_an_owner_who_stalls_while_putting_back_stops(story: Story, world: World) -> None:
    """Its run is over and another may hold the database by then: it must not open it."""
    story.ask()
    story.process.faults["fence.run_chain"] = [PermanentError("chain-failed", "No.")]
    probe = Story(World(world.scratch))
    probe.ask()
    probe.process.faults["fence.run_chain"] = [PermanentError("chain-failed", "No.")]
    probe.approve()
    undo_at = len(probe.process.calls) - probe.process.calls[::-1].index("database.inspect")
    other = Process("other")
    closed: list[bool] = []

    def stall() -> None:
        world.clock.sleep(LEASE_S + 1)
        Runner(world.services(other)).execute(world.run().id)
        world.database.open = False  # by the next run
        closed.append(True)

    story.process.after_call[undo_at] = stall
    story.approve()
    assert closed
    assert not world.database.open


def test_a_journal_that_is_away_gives_the_run_away(story: Story, world: World) -> None:
    story.ask()
    story.approve(LEAD_A)
    story.process.faults["journal.leases.record_step"] = [TemporaryError("journal-unreachable", "It is.")] * 4
    story.approve(LEAD_B)
    assert world.run().state is RunState.RUNNING
    world.clock.sleep(LEASE_S + 1)
    story.sweep()
    assert faults_in_success(world) == []


def test_the_heartbeat_keeps_the_lease_and_hears_of_a_cancel(
    world: World, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.engine.runs.step_execution.RENEW_EVERY_S", 0.01)
    story.ask()
    run = world.run()
    world.journal.runs.approve(run.id, run.plan.digest, ())
    taken = world.journal.runs.take(run.id, "first", LEASE_S)
    assert taken is not None
    services = world.services(story.process)
    with Execution(services, services.env("prod"), taken) as execution:
        world.clock.sleep(LEASE_S)
        world.journal.runs.request_cancel(run.id, LEAD_A)
        for _ in range(500):
            if execution._cancelled_by and not world.journal.runs.unowned():
                break
            time.sleep(0.01)
        assert (execution._cancelled_by, world.journal.runs.unowned()) == (LEAD_A, [])
    assert not execution._heart.is_alive()
