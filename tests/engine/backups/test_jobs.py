"""A job whose process dies every time is given up."""

from pathlib import Path

import pytest

from bot.domain.jobs import JobState
from bot.domain.runs import Progress
from bot.engine.backups.jobs import JobExecution
from bot.engine.maintenance.sweeper import REQUEST_AGE_S
from bot.engine.runs.step_execution import LEASE_S
from bot.errors import TemporaryError
from bot.ports import Dump, Report
from tests.engine.backups.requests import _call_of, job, made, refused, take, verify
from tests.fakes.database import FakeDatabase
from tests.fakes.process import Killed, Process
from tests.fakes.world import World


def die() -> None:
    raise Killed


class Stalling(FakeDatabase):
    """A database whose dump reports nothing for longer than a lease lasts."""

    def dump(self, directory: Path, report: Report) -> Dump:
        self._clock.sleep(LEASE_S + 1)
        report(Progress(1, 40, "bytes"))
        return super().dump(directory, report)


class TestDeaths:
    def test_one_that_kills_its_process_every_time_is_given_up(self, world: World) -> None:
        request = take(world)
        for number in range(JobExecution.max_owners):
            process = Process(f"p{number}", kill_at=_call_of(world, "database.dump", fresh=number == 0))
            if number == 0:
                world.submit(process, request)
            with pytest.raises(Killed):
                (world.work if number == 0 else world.sweep)(process)
            world.clock.sleep(REQUEST_AGE_S + 1)
        last = Process("last")
        world.sweep(last)
        assert refused(world, request) == "chore-given-up"
        assert job(world, request).state is JobState.FAILED
        assert world.store.backups == []

    def test_one_that_loses_the_journal_every_time_is_given_up_and_says_so(self, world: World) -> None:
        world.database = Stalling(world.clock)
        request = take(world)
        world.submit(Process("first"), request)
        for number in range(JobExecution.max_owners + 1):
            process = Process(f"p{number}")
            process.faults["journal.leases.renew"] = [TemporaryError("journal-unreachable", "Away.")]
            world.sweep(process)
            world.clock.sleep(REQUEST_AGE_S + 1)
            world.work(process)
        problem = "chore-given-up: Backstop stopped, or lost the state database, 3 times"
        assert job(world, request).problem.startswith(problem)

    def test_a_result_is_shown_for_the_backup_that_was_verified(self, world: World) -> None:
        """Its process dies before it can answer, and ``latest`` is another one by the time a successor looks."""
        world.store.backups = [made(2)]
        request, first, last = verify(world, level=2), Process("first"), Process("last")
        world.submit(first, request)
        first.before["journal.audit.append"] = [die]
        with pytest.raises(Killed):
            world.work(first)
        world.store.backups.insert(0, made(1))
        world.clock.sleep(max(LEASE_S, REQUEST_AGE_S) + 1)
        world.sweep(last)
        older, newer = world.store.backups[1], world.store.backups[0]
        assert (older.verified is not None, newer.verified) == (True, None)
        assert (job(world, request).state, job(world, request).subject) == (JobState.DONE, str(older.name))
        assert world.announcer.answered[request.id][1].startswith(f"{older.name} passed")

    def test_one_that_was_replaced_leaves_the_side_database_and_judges_nothing(self, world: World) -> None:
        """Its successor is loading into a database of the same name: what is missing there says nothing."""
        world.store.backups = [made(1)]
        process, request = Process("first"), verify(world, level=3)

        def replaced() -> None:
            world.clock.sleep(LEASE_S + 1)
            assert world.journal.jobs.take(request.id, [], "other", LEASE_S) is not None
            world.sides.changed["public.patients"] = None

        process.before["sides.contents"] = [replaced]
        world.submit(process, request)
        world.work(process)
        assert world.store.backups[0].verified is None
        assert len(world.sides.databases) == 1
        assert [said.state for said in world.announcer.jobs[request.id] if said.state is not JobState.RUNNING] == []
        assert [left.id for left in world.journal.requests.under_way()] == [request.id]

    def test_a_backup_that_was_stored_is_no_failure_though_the_bucket_is_away_afterwards(self, world: World) -> None:
        process, request = Process("first"), take(world)
        process.faults["store.find"] = [TemporaryError("storage-unavailable", "Away.")]
        world.submit(process, request)
        world.work(process)
        assert job(world, request).state is JobState.DONE
        assert job(world, request).backup == world.store.backups[0]
