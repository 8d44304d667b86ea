"""People are called when drills are overdue."""

from dataclasses import replace
from datetime import timedelta

from bot.domain.drills import DrillKind
from bot.engine.drills.alerts import standings
from tests.engine.drills.drill_office import DAILY, DAY, FIRST_DUE, HOUR, Office
from tests.fakes.clock import NOON
from tests.fakes.world import World


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
