"""The scheduler's tick: announced, started, missed and reported, dropped."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from bot.domain.drills import OUTDATED_AFTER, DayRange, DrillKind, DrillState, Schedule
from tests.engine.drills.drill_office import DAILY, DAY, FIRST_DUE, HOUR, Office
from tests.fakes.clock import NOON
from tests.fakes.world import World


class TestADueDrill:
    def test_is_announced_in_time_then_started_then_reported(self, office: Office) -> None:
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
