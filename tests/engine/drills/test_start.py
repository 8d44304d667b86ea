"""A due drill starts, waits for what is in its way, or is tried again."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from bot.domain.drills import DayRange, DrillKind, DrillState
from bot.engine.context import Services
from bot.errors import PermanentError, TemporaryError
from tests.adapters.samples import make_run
from tests.engine.drills.drill_office import DAILY, HOUR, Office
from tests.fakes.clock import NOON
from tests.fakes.directory import LEAD_A
from tests.fakes.world import World


class TestWaiting:
    def test_for_a_freeze_is_said_and_ends_with_it(self, office: Office) -> None:
        office.until(timedelta())
        office.world.journal.freezes.freeze("staging", LEAD_A, "the heat")
        office.until(3 * HOUR)
        office.until(3.5 * HOUR)
        assert list(office.world.announcer.waits.values()) == [f"<@{LEAD_A}> froze staging: the heat"]
        assert office.performed == []
        office.world.journal.freezes.unfreeze("staging")
        office.until(3.6 * HOUR)
        assert office.performed == [office.drill().id]

    def test_for_too_long_is_missed_with_the_reason(self, office: Office) -> None:
        office.until(timedelta())
        office.world.journal.runs.open(make_run("raaaaa", "staging"))
        for minutes in range(170, 300, 1):
            office.until(timedelta(minutes=minutes))
        ((missed,),) = office.world.announcer.missed.values()
        assert (missed.state, missed.problem) == (DrillState.MISSED, "Run raaaaa is open in staging.")
        assert office.said() == [DrillState.PLANNED, DrillState.MISSED]

    def test_for_another_drill_of_the_environment(self, world: World) -> None:
        office = Office(world, DAILY, replace(DAILY, name="other", kind=DrillKind.BUNDLE))
        office.performing = lambda services, drill_id: (services.drills.take(drill_id, (), "another", 0.0), None)[1]
        office.until(timedelta())
        office.until(3 * HOUR)
        states = sorted(drill.state for drill in world.drills.table.values())
        assert states == [DrillState.PLANNED, DrillState.RUNNING]
        (running,) = (drill for drill in world.drills.table.values() if drill.state is DrillState.RUNNING)
        world.drills.finish(running.lease, DrillState.PASSED)
        office.performing = office.passing
        world.clock.sleep(20)
        for waiting in world.journal.requests.unfinished(15):
            world.queue.defer_job(waiting.id)
        office.work()
        assert {drill.state for drill in world.drills.table.values()} == {DrillState.PASSED}

    def test_ends_when_a_day_of_rest_begins(self, world: World) -> None:
        rest = DayRange(date(2026, 3, 2), date(2026, 3, 2))
        office = Office(world, replace(DAILY, cron="30 23 * * *", blackout=(rest,)))
        office.until(timedelta())
        world.journal.freezes.freeze("staging", LEAD_A, "the heat")
        office.until(11.6 * HOUR)
        world.journal.freezes.unfreeze("staging")
        office.until(12.1 * HOUR)
        assert office.performed == []
        for minutes in range(726, 760):
            office.until(timedelta(minutes=minutes))
        assert office.drill().problem == "2026-03-02 is a day on which daily rests."


class TestFailures:
    def test_one_bad_part_does_not_silence_the_others(self, office: Office) -> None:
        office.until(timedelta())
        office.process.faults["drills.enlist"] = [TemporaryError("journal-unreachable", "Gone.")]
        assert not office.until(2 * HOUR)
        assert office.world.drills.last_beat() == NOON
        assert office.until(2 * HOUR + timedelta(seconds=5))
        assert office.said() == [DrillState.PLANNED]

    @pytest.mark.parametrize(
        ("error", "problem"),
        [
            (PermanentError("no-bundle", "There is none."), "no-bundle: There is none."),
            (ValueError("a secret"), "internal-error: ValueError; the log has more."),
        ],
    )
    @pytest.mark.parametrize("begun", [False, True])
    def test_a_performer_that_breaks_leaves_no_open_drill(
        self,
        office: Office,
        error: Exception,
        problem: str,
        begun: bool,  # noqa: FBT001 -- a parameter
    ) -> None:
        def breaks(services: Services, drill_id: str) -> None:
            if begun:
                services.drills.take(drill_id, (), "another", 0.0)
            raise error

        office.performing = breaks
        office.until(timedelta())
        office.until(3 * HOUR)
        office.until(3 * HOUR + timedelta(seconds=5))
        assert (office.drill().state, office.drill().problem) == (DrillState.FAILED, problem)
        assert office.said()[-1] is DrillState.FAILED

    def test_a_performer_that_was_fenced_off_leaves_it_to_its_owner(self, office: Office) -> None:
        def lease_lost(services: Services, drill_id: str) -> None:
            services.drills.take(drill_id, (), "another", 0.0)
            raise PermanentError("fenced-off", "Another one has it.")

        office.performing = lease_lost
        office.until(timedelta())
        office.until(3 * HOUR)
        assert office.drill().state is DrillState.RUNNING

    def test_one_that_was_left_under_way_is_taken_up_again(self, office: Office) -> None:
        office.performing = lambda services, drill_id: (services.drills.take(drill_id, (), "another", 0.0), None)[1]
        office.until(timedelta())
        office.until(3 * HOUR)
        assert office.drill().state is DrillState.RUNNING
        (request,) = office.world.journal.requests.unfinished(0)
        office.performing = office.passing
        office.world.queue.defer_job(request.id)
        office.work()
        assert office.drill().state is DrillState.PASSED
        assert office.world.journal.requests.unfinished(0) == []

    @pytest.mark.parametrize("error", [ValueError("a bug"), PermanentError("fenced-off", "Another one has it.")])
    def test_a_performer_that_breaks_while_another_one_has_it_leaves_the_request(
        self, office: Office, error: Exception
    ) -> None:
        """That owner may die, and only the request brings the next one."""

        def breaks(services: Services, drill_id: str) -> None:
            services.drills.take(drill_id, (), "another", 60.0)
            raise error

        office.performing = breaks
        office.until(timedelta())
        office.until(3 * HOUR)
        assert office.drill().state is DrillState.RUNNING
        assert len(office.world.journal.requests.unfinished(0)) == 1

    def test_a_replica_whose_clock_is_behind_leaves_it_until_its_time(self, office: Office) -> None:
        office.until(timedelta())
        office.until(3 * HOUR, work=False)
        office.world.clock.elapsed_s -= 2
        office.work()
        assert office.drill().state is DrillState.PLANNED
        (request,) = office.world.journal.requests.under_way()
        office.world.clock.elapsed_s += 2
        office.world.queue.defer_job(request.id)
        office.work()
        assert office.drill().state is DrillState.PASSED

    def test_what_may_work_later_is_tried_again_for_a_day(self, office: Office) -> None:
        def hiccups(services: Services, drill_id: str) -> None:
            services.drills.take(drill_id, (), "another", 0.0)
            raise TemporaryError("database-unreachable", "Gone.")

        office.performing = hiccups
        office.until(timedelta())
        office.until(3 * HOUR)
        for hours in (4, 26, 28):
            (request,) = office.world.journal.requests.unfinished(0)
            office.world.queue.defer_job(request.id)
            office.world.clock.elapsed_s = hours * 3600
            office.work()
        assert (office.drill().state, office.drill().problem) == (DrillState.FAILED, "database-unreachable: Gone.")
        assert office.world.journal.requests.unfinished(0) == []
