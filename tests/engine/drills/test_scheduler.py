"""The scheduler's tick: announced, started, waited for, missed and said, dropped; overdue alerts."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from bot.domain.drills import OUTDATED_AFTER, DayRange, DrillKind, DrillState, Schedule
from bot.engine.context import Services
from bot.engine.drills.alerts import standings
from bot.errors import PermanentError, TemporaryError
from tests.adapters.samples import make_run
from tests.engine.drills.drill_office import DAILY, DAY, FIRST_DUE, HOUR, Office
from tests.fakes.clock import NOON
from tests.fakes.directory import LEAD_A
from tests.fakes.world import World


@pytest.fixture
def office(world: World) -> Office:
    return Office(world, DAILY)


class TestADueDrill:
    def test_is_announced_in_time_then_started_then_told(self, office: Office) -> None:
        assert office.until(timedelta())
        assert office.until(2 * HOUR - timedelta(seconds=5))
        assert office.world.drills.table == {}
        office.until(2 * HOUR)
        assert (office.drill().due_at, office.drill().announced_at) == (FIRST_DUE, NOON + 2 * HOUR)
        assert office.said() == [DrillState.PLANNED]
        office.until(3 * HOUR)
        assert office.performed == [office.drill().id]
        office.until(3 * HOUR + timedelta(seconds=5))
        assert office.said() == [DrillState.PLANNED, DrillState.PASSED]
        assert office.drill().told_at is not None

    def test_is_announced_late_when_the_bot_was_down_at_the_time(self, office: Office) -> None:
        office.until(timedelta())
        office.until(3 * HOUR - timedelta(minutes=1))
        assert office.said() == [DrillState.PLANNED]
        assert office.performed == []

    def test_is_announced_and_started_at_once_within_its_time(self, office: Office) -> None:
        office.until(timedelta())
        office.until(4 * HOUR)
        assert office.performed == [office.drill().id]
        assert office.said()[0] is DrillState.PLANNED

    def test_starts_later_by_its_jitter(self, world: World) -> None:
        office = Office(world, replace(DAILY, jitter_s=1800))
        office.until(timedelta())
        office.until(2.5 * HOUR)
        late = office.drill().start_at - FIRST_DUE
        assert timedelta() < late <= timedelta(seconds=1800)
        office.until(3 * HOUR + late - timedelta(seconds=1))
        assert office.performed == []
        office.until(3 * HOUR + late)
        assert office.performed == [office.drill().id]

    def test_no_jitter_takes_it_into_a_day_of_rest(self, world: World) -> None:
        rest = DayRange(date(2026, 3, 2), date(2026, 3, 2))
        office = Office(world, replace(DAILY, cron="59 23 * * *", jitter_s=86_400, blackout=(rest,)))
        office.until(timedelta())
        office.until(11 * HOUR)
        assert office.drill().start_at == office.drill().due_at


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


class TestMissing:
    def test_several_are_said_in_one_message_with_the_downtime(self, office: Office) -> None:
        office.until(timedelta())
        office.until(4 * DAY + 6 * HOUR)
        office.until(4 * DAY + 6 * HOUR + timedelta(seconds=5))
        (together,) = office.world.announcer.missed.values()
        assert [drill.due_at for drill in together] == [FIRST_DUE + days * DAY for days in range(5)]
        why = "Backstop was down, or kept from working, from 2026-03-01 12:00 UTC to 2026-03-05 18:00 UTC."
        assert {drill.problem for drill in together} == {why}
        assert office.world.announcer.drills == {}, "nobody had been told of any of them"
        assert office.performed == []

    def test_those_that_nobody_took_up_are_missed_as_well(self, office: Office) -> None:
        office.until(timedelta())
        for minutes in range(170, 300):
            office.until(timedelta(minutes=minutes), work=False)
        assert office.drill().problem == "Nothing took it up by 2026-03-01 16:00 UTC."
        office.work()
        assert office.performed == []

    def test_of_several_that_may_start_the_last_one_does(self, world: World) -> None:
        office = Office(world, replace(DAILY, cron="*/15 * * * *", announce_before_s=0))
        office.until(timedelta())
        office.until(timedelta(minutes=47))
        states = [drill.state for drill in sorted(world.drills.table.values(), key=lambda drill: drill.due_at)]
        assert states == [DrillState.MISSED, DrillState.MISSED, DrillState.PASSED]


class TestConfigurations:
    def test_a_schedule_that_is_gone_takes_its_planned_drills_along(self, office: Office) -> None:
        office.until(timedelta())
        office.until(2 * HOUR)
        office.schedules = ()
        office.until(2 * HOUR + OUTDATED_AFTER)
        assert office.drill().state is DrillState.PLANNED, "another replica may still have it"
        office.until(2 * HOUR + OUTDATED_AFTER + timedelta(seconds=1))
        assert (office.drill().state, office.drill().problem) == (
            DrillState.SKIPPED,
            "Its schedule is no longer in the configuration.",
        )
        assert office.said() == [DrillState.PLANNED, DrillState.SKIPPED]

    @pytest.mark.parametrize(
        "changed",
        [
            replace(DAILY, cron="0 16 * * *"),
            replace(DAILY, kind=DrillKind.BUNDLE),
            replace(DAILY, environment="dev"),
            replace(DAILY, blackout=(DayRange(NOON.date(), NOON.date()),)),
        ],
        ids=["cron", "kind", "environment", "blackout"],
    )
    def test_what_a_changed_schedule_no_longer_wants_is_skipped(self, office: Office, changed: Schedule) -> None:
        office.until(timedelta())
        office.until(2 * HOUR)
        office.schedules = (changed,)
        office.until(2 * HOUR + timedelta(seconds=5))
        old = min(office.world.drills.table.values(), key=lambda drill: drill.due_at)
        assert (old.state, old.problem) == (
            DrillState.SKIPPED,
            "Its schedule has changed, and it is no longer due.",
        )

    def test_an_outdated_replica_neither_plans_nor_drops_nor_beats(self, office: Office) -> None:
        office.until(timedelta())
        new, old = (replace(DAILY, cron="0 16 * * *"),), office.schedules
        office.schedules = new
        office.until(3 * HOUR + timedelta(minutes=5))
        office.schedules = old
        beat = office.world.drills.last_beat()
        assert office.until(3 * HOUR + timedelta(minutes=6))
        assert office.world.drills.last_beat() == beat
        due = [drill.due_at for drill in office.world.drills.open_drills()]
        assert due == [NOON + 4 * HOUR]


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


class TestOverdue:
    def test_people_are_called_once_when_two_in_a_row_have_not_passed(self, office: Office) -> None:
        office.performing = lambda *_: None
        office.until(timedelta())
        for hours in range(1, 54):
            office.until(hours * HOUR)
            raised = [word for _, word in office.world.announcer.alerts.values()]
            assert raised == (["overdue"] if hours > 3 + 24 + 1 else []), hours
        ((alert, _),) = office.world.announcer.alerts.values()
        assert (alert.subject, alert.environment, alert.since, alert.passed) == (
            "schedule:daily",
            "staging",
            NOON,
            False,
        )

    def test_the_alert_is_cleared_in_place_by_a_pass(self, office: Office) -> None:
        office.performing = lambda *_: None
        office.until(timedelta())
        office.until(30 * HOUR)
        office.performing = office.passing
        office.until(51 * HOUR)
        office.until(51 * HOUR + timedelta(seconds=5))
        ((_, word),) = office.world.announcer.alerts.values()
        assert word == "passed 2026-03-03 15:00"
        assert office.world.drills.raised == {}

    def test_the_next_episode_has_a_message_of_its_own(self, office: Office) -> None:
        office.until(timedelta())
        office.until(30 * HOUR)
        office.until(51 * HOUR)
        office.until(51 * HOUR + timedelta(seconds=5))
        office.until(110 * HOUR)
        words = [word for _, word in office.world.announcer.alerts.values()]
        assert words == ["passed 2026-03-03 15:00", "overdue"]

    def test_an_own_limit_counts_from_the_last_pass(self, world: World) -> None:
        office = Office(world, replace(DAILY, overdue_after_s=7200))
        office.until(timedelta())
        office.until(2 * HOUR)
        assert world.announcer.alerts == {}
        office.until(2 * HOUR + timedelta(seconds=1))
        assert len(world.announcer.alerts) == 1

    def test_a_removed_schedule_is_waited_for_no_more(self, world: World) -> None:
        office = Office(world, replace(DAILY, overdue_after_s=7200))
        office.until(timedelta())
        office.until(2.5 * HOUR)
        office.schedules = ()
        office.until(2.6 * HOUR)
        ((_, word),) = world.announcer.alerts.values()
        assert word == "overdue"
        office.until(3 * HOUR)
        ((_, word),) = world.announcer.alerts.values()
        assert word == "given up"

    def test_production_wants_a_drill_with_its_bundles(self, world: World) -> None:
        office = Office(world, replace(DAILY, kind=DrillKind.BUNDLE, bundle_of="prod"))
        office.require_s = 2 * 86_400
        office.performing = lambda *_: None
        office.until(timedelta())
        office.until(2 * DAY)
        assert "environment:prod" not in world.drills.raised
        office.until(2 * DAY + timedelta(seconds=1))
        assert world.drills.raised["environment:prod"].environment == "prod"
        office.performing = office.passing
        office.until(2 * DAY + 3 * HOUR)
        office.until(2 * DAY + 3 * HOUR + timedelta(seconds=5))
        assert world.drills.raised == {}

    def test_where_a_schedule_is(self, office: Office) -> None:
        office.until(timedelta())
        (standing,) = standings(office.services)
        assert (standing.since, standing.last_passed, standing.next_due) == (NOON, None, FIRST_DUE)
        assert (standing.deadline, standing.overdue) == (FIRST_DUE + DAY + HOUR, False)
        office.until(3 * HOUR)
        (standing,) = standings(office.services)
        assert (standing.last_passed, standing.next_due) == (FIRST_DUE, FIRST_DUE + DAY)
        assert standing.deadline == FIRST_DUE + 2 * DAY + HOUR
