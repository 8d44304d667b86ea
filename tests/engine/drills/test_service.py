"""People skip, postpone and start drills, and hear who was first."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from bot.domain.drills import DayRange, Drill, DrillKind, DrillState, Schedule
from bot.ports import Request
from tests.adapters.samples import make_run
from tests.engine.drills.drill_office import DAILY, DAY, FIRST_DUE, HOUR, Office
from tests.fakes.clock import NOON
from tests.fakes.directory import ENGINEER, LEAD_A, LEAD_B
from tests.fakes.world import World


@pytest.fixture
def office(world: World) -> Office:
    """A drill is announced, and starts in an hour."""
    office = Office(world, DAILY)
    office.until(timedelta())
    office.until(2 * HOUR)
    return office


def skip(office: Office, user: str = LEAD_A) -> Request:
    return office.world.request("drill-skip", user, drill_id=office.drill().id)


def postpone(office: Office, user: str = LEAD_A, *, by: timedelta = HOUR, start: str = "") -> Request:
    by_s = int(by.total_seconds())
    return office.world.request("drill-postpone", user, drill_id=office.drill().id, start_at=start, by_s=by_s)


def now(office: Office, user: str = LEAD_A, environment: str = "staging", drill: str = "restore") -> Request:
    return office.world.request("drill-now", user, environment=environment, drill=drill)


def audited(office: Office) -> list[tuple[str, str]]:
    return [(event.actor, event.event) for event in office.world.journal.audit.log if event.event.startswith("drill-")]


def again(office: Office, request: Request) -> None:
    """Its handler died before it could say that it was done."""
    kept = office.world.journal.requests.kept[request.id]
    kept.finished = kept.handled = False
    office.world.queue.defer_request(request.id)
    office.work()


class TestSkip:
    def test_an_approver_skips_it(self, office: Office) -> None:
        assert office.answered(skip(office)) == f"Drill {office.drill().id} is skipped: it does not start."
        assert (office.drill().state, office.drill().problem) == (DrillState.SKIPPED, f"Skipped by <@{LEAD_A}>")
        assert office.said() == [DrillState.PLANNED, DrillState.SKIPPED]
        assert audited(office) == [(LEAD_A, "drill-skipped")]
        office.until(3 * HOUR)
        assert office.performed == []

    def test_nobody_else_does(self, office: Office) -> None:
        assert office.refused(skip(office, ENGINEER)).startswith(
            "not-an-approver: Only the approvers of staging may do that."
        )
        assert office.refused(skip(office, "U0NOBODY")).startswith("lookup-failed")
        assert office.drill().state is DrillState.PLANNED

    def test_the_second_of_two_hears_who_was_first(self, office: Office) -> None:
        office.do(skip(office, LEAD_A))
        said = office.refused(skip(office, LEAD_B))
        assert (
            said
            == f"drill-ended: Drill {office.drill().id} was skipped by <@{LEAD_A}>; nothing of it is left to start."
        )

    def test_what_was_done_is_said_again_after_a_crash(self, office: Office) -> None:
        request = skip(office)
        office.do(request)
        again(office, request)
        assert office.world.announcer.refusals == {}
        assert audited(office) == [(LEAD_A, "drill-skipped")]

    def test_one_that_runs_is_not_skipped(self, office: Office) -> None:
        office.performing = lambda services, drill_id: (services.drills.take(drill_id, (), "another", 0.0), None)[1]
        office.until(3 * HOUR)
        assert office.refused(skip(office)).startswith(f"drill-started: Drill {office.drill().id} has started already.")
        assert office.drill().state is DrillState.RUNNING

    def test_one_that_is_over_is_not_skipped(self, office: Office) -> None:
        office.until(3 * HOUR)
        assert office.refused(skip(office)).startswith(f"drill-ended: Drill {office.drill().id} was passed;")

    def test_one_that_does_not_exist(self, office: Office) -> None:
        request = office.world.request("drill-skip", LEAD_A, drill_id="dzzzzz")
        assert office.refused(request) == "unknown-drill: There is no drill dzzzzz. /drill list shows them."


class TestPostpone:
    def test_by_a_time_counts_from_when_it_was_due(self, office: Office) -> None:
        said = office.answered(postpone(office, by=4 * HOUR))
        assert said == f"Drill {office.drill().id} is postponed: it starts at 2026-03-01 19:00 UTC."
        assert (office.drill().start_at, office.drill().user_id) == (FIRST_DUE + 4 * HOUR, LEAD_A)
        assert audited(office) == [(LEAD_A, "drill-postponed")]
        office.until(7 * HOUR - timedelta(seconds=1))
        assert office.performed == []
        office.until(7 * HOUR)
        assert office.performed == [office.drill().id]

    def test_a_choice_names_the_start_so_that_two_at_once_are_one(self, office: Office) -> None:
        start = (FIRST_DUE + HOUR).isoformat()
        office.do(postpone(office, LEAD_A, start=start))
        said = office.refused(postpone(office, LEAD_B, start=start))
        assert said.startswith(
            f"not-later: Drill {office.drill().id} starts at 2026-03-01 16:00 UTC already, as put off by <@{LEAD_A}>"
        )
        assert office.drill().start_at == FIRST_DUE + HOUR

    def test_what_was_done_is_said_again_after_a_crash(self, office: Office) -> None:
        request = postpone(office)
        office.do(request)
        again(office, request)
        assert office.world.announcer.refusals == {}
        assert office.drill().start_at == FIRST_DUE + HOUR

    @pytest.mark.parametrize("wish", ["skip", "postpone"])
    def test_what_a_crash_kept_out_of_the_log_is_logged_once(self, office: Office, wish: str) -> None:
        request = skip(office) if wish == "skip" else postpone(office)
        office.do(request)
        office.world.journal.audit.log.clear()  # the handler died between the deed and its event
        again(office, request)
        again(office, request)
        assert office.world.announcer.refusals == {}
        assert [event for _, event in audited(office)] == [f"drill-{wish}{'ped' if wish == 'skip' else 'd'}"]

    def test_it_is_never_put_forward(self, office: Office) -> None:
        office.do(postpone(office, by=4 * HOUR))
        assert office.refused(postpone(office, by=HOUR)).startswith("not-later")
        assert office.drill().start_at == FIRST_DUE + 4 * HOUR

    def test_a_time_that_is_over_is_refused(self, office: Office) -> None:
        office.world.journal.freezes.freeze("staging", LEAD_B, "the heat")
        office.until(3.9 * HOUR)
        said = office.refused(postpone(office, by=timedelta(minutes=30)))
        assert said == "not-later: 2026-03-01 15:30 UTC is over. Postpone it by more."

    def test_not_past_the_next_one(self, office: Office) -> None:
        assert office.refused(postpone(office, by=DAY)) == (
            "postponed-too-far: The next drill of daily is due at 2026-03-02 15:00 UTC. Postpone it by less, or leave "
            f"it out: /drill skip {office.drill().id}"
        )
        assert office.drill().start_at == FIRST_DUE

    def test_not_into_a_day_of_rest(self, world: World) -> None:
        office = Office(world, replace(DAILY, blackout=(DayRange(date(2026, 3, 2), date(2026, 3, 2)),)))
        office.until(timedelta())
        office.until(2 * HOUR)
        assert office.refused(postpone(office, by=10 * HOUR)).startswith(
            "postponed-too-far: 2026-03-02 is a day on which"
        )

    def test_not_by_more_than_a_week(self, world: World) -> None:
        office = Office(world, replace(DAILY, cron="0 15 1 * *", announce_before_s=86_400))
        office.until(timedelta())
        office.until(2 * HOUR)
        assert office.refused(postpone(office, by=8 * DAY)).startswith(
            "postponed-too-far: A drill is postponed by a week"
        )

    def test_nobody_but_an_approver(self, office: Office) -> None:
        assert office.refused(postpone(office, ENGINEER)).startswith("not-an-approver")

    def test_one_that_is_over(self, office: Office) -> None:
        office.until(3 * HOUR)
        assert office.refused(postpone(office)).startswith("drill-ended")

    def test_a_request_on_its_way_does_not_start_it_early(self, office: Office) -> None:
        office.until(3 * HOUR, work=False)
        (started,) = office.world.queue.requests
        office.world.queue.requests.clear()
        office.do(postpone(office, by=4 * HOUR))
        office.world.queue.defer_job(started)
        office.work()
        assert office.performed == []
        office.until(7 * HOUR)
        assert office.performed == [office.drill().id]


class TestNow:
    @pytest.fixture
    def office(self, world: World) -> Office:
        return Office(world, replace(DAILY, kind=DrillKind.BUNDLE, bundle_of="prod"))

    def test_an_approver_starts_one(self, office: Office) -> None:
        said = office.answered(now(office))
        drill = office.drill()
        assert said == f"Drill {drill.id} (restore) of staging begins; its message in the channel shows how far it is."
        assert (drill.schedule, drill.kind, drill.bundle_of, drill.user_id) == (
            "",
            DrillKind.RESTORE,
            "staging",
            LEAD_A,
        )
        assert (drill.state, office.performed) == (DrillState.PASSED, [drill.id])
        assert audited(office) == [(LEAD_A, "drill-asked-for")]

    def test_the_bundles_are_those_of_a_schedule_alike(self, office: Office) -> None:
        office.do(now(office, drill="bundle"))
        assert office.drill().bundle_of == "prod"

    def test_asked_again_after_a_crash_it_is_the_same(self, office: Office) -> None:
        request = now(office)
        office.do(request)
        again(office, request)
        assert office.performed == [office.drill().id]
        assert len(audited(office)) == 1
        assert office.world.announcer.refusals == {}

    def test_never_in_production(self, office: Office) -> None:
        assert office.refused(now(office, environment="prod")) == (
            "drill-in-production: prod is production, and no drill runs there. Type /drill dev now. Its bundles are "
            "proven by a drill elsewhere that has bundle_of = prod, or by /backups prod verify latest 3."
        )
        assert office.world.drills.table == {}

    def test_nobody_but_an_approver(self, office: Office) -> None:
        assert office.refused(now(office, ENGINEER)).startswith("not-an-approver")
        assert office.refused(now(office, environment="qa")).startswith("unknown-environment")

    def test_not_where_something_goes_on(self, office: Office) -> None:
        office.world.journal.runs.open(make_run("raaaaa", "staging"))
        assert office.refused(now(office)).startswith("environment-busy: Run raaaaa is open in staging.")
        office.world.journal.runs.table.clear()
        office.world.journal.freezes.freeze("staging", LEAD_B, "the heat")
        assert office.refused(now(office)).startswith(f"environment-busy: <@{LEAD_B}> froze staging: the heat")
        office.world.journal.freezes.unfreeze("staging")
        office.performing = lambda services, drill_id: (services.drills.take(drill_id, (), "another", 0.0), None)[1]
        office.do(now(office))
        assert office.refused(now(office)).startswith(f"environment-busy: Drill {office.drill().id} is running")


class TestLooking:
    def test_the_list_has_schedules_and_drills_of_one_environment(self, world: World) -> None:
        office = Office(world, DAILY, Schedule("other", "dev", DrillKind.BUNDLE, "0 3 * * *"))
        office.until(timedelta())
        office.until(2 * HOUR)
        office.do(world.request("drill-list", ENGINEER, environment="staging"))
        office.do(world.request("drill-list", ENGINEER, environment=""))
        (of_one, drills), (of_all, _) = world.announcer.drill_lists
        assert [standing.schedule.name for standing in of_one] == ["daily"]
        assert [standing.schedule.name for standing in of_all] == ["daily", "other"]
        assert [drill.id for drill in drills] == [office.drill().id]

    def test_one_drill_is_shown(self, office: Office) -> None:
        office.do(office.world.request("drill-show", ENGINEER, drill_id=office.drill().id))
        assert office.world.announcer.drill_shown == [office.drill()]

    def test_an_unknown_place_or_drill(self, office: Office) -> None:
        request = office.world.request("drill-list", ENGINEER, environment="qa")
        assert office.refused(request).startswith("unknown-environment")
        request = office.world.request("drill-show", ENGINEER, drill_id="dzzzzz")
        assert office.refused(request).startswith("unknown-drill")


def test_a_stale_request_is_not_the_last(office: Office) -> None:
    """Between reading the drill and showing it somebody else has skipped it."""
    drill, book = office.drill(), office.world.drills
    shown: list[Drill] = []

    def overtake() -> None:
        book.close(drill.id, DrillState.SKIPPED, "Skipped.", LEAD_B)

    process = office.process
    office.do(postpone(office, by=HOUR))
    process.at_call[len(process.calls) + _calls_until_shown(office, process.calls)] = overtake
    office.do(postpone(office, by=2 * HOUR))
    shown = office.world.announcer.drills[drill.id]
    assert shown[-1].state is DrillState.SKIPPED
    assert shown[-1].due_at > NOON


def _calls_until_shown(office: Office, calls: list[str]) -> int:
    """How many calls a postponement makes up to the one that shows it: the last one was alike."""
    last = len(calls) - 1 - calls[::-1].index("announcer.drill")
    first = len(calls) - 1 - calls[::-1].index("journal.requests.accept")
    assert office.drill().state is DrillState.PLANNED
    return last - first + 1
