"""What drills have shown is reported when asked for."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.drill_reports import DrillReport
from bot.domain.drills import Drill, DrillKind, Schedule
from bot.domain.environments import Targets
from bot.engine.drills.report import answer_report
from bot.engine.requests import ReportDrills
from bot.errors import PermanentError
from bot.ports import Audience
from tests.drills import MEASURED, drill_of, took
from tests.engine.drills.proving import DAY_S, prove
from tests.engine.runs.restoring import NAME, bundle
from tests.engine.story import Story
from tests.fakes.clock import NOON
from tests.fakes.process import Process
from tests.fakes.world import World

WHO = Audience("U0ONCALL", "C0GENERAL", request_id="slash:1")


def report(world: World, environment: str = "", schedules: tuple[Schedule, ...] = ()) -> tuple[DrillReport, bytes]:
    services = replace(world.services(Process("report")), schedules=schedules)
    answer_report(services, WHO, ReportDrills(environment))
    return world.announcer.drill_reports[-1]


def fill(world: World, *drills: Drill) -> None:
    world.drills.table |= {drill.id: drill for drill in drills}


def test_a_report_with_picture_and_forecast(world: World) -> None:
    world.environment = replace(world.environment, targets=Targets(900, 86_400))
    world.store.backups.append(bundle())
    restores = [drill_of(days, measured=took(40.0 + days)) for days in (1, 2, 3)]
    fill(world, *restores, drill_of(4, DrillKind.BUNDLE, of="prod"))
    made, png = report(world)

    assert (made.tried, made.passed, made.ground) == (4, 4, "")
    assert png.startswith(b"\x89PNG")
    (forecast,) = made.forecasts
    assert (forecast.environment, forecast.backup) == ("prod", str(NAME))
    assert forecast.made is not None
    assert (forecast.made.samples, forecast.made.low_s is not None) == (3, True)
    (chart,) = world.plotter.charts
    assert [(panel.restore_target_s, panel.data_loss_target_s) for panel in chart.panels] == [
        (None, None),
        (900, 86_400),
    ]


def test_a_report_without_drills_draws_nothing(world: World) -> None:
    assert report(world) == (DrillReport("", world.clock.now(), 0, 0, 0, series=[], forecasts=[], overdue=[]), b"")


def test_a_drill_can_be_had_where_it_was_asked_about(world: World) -> None:
    world.environment = replace(world.environment, production=False)
    assert report(world, "prod")[0].ground == "prod"


def test_where_nothing_can_be_posted_the_asker_hears_it(story: Story, world: World) -> None:
    fill(world, drill_of(1))
    asked = world.request("drill-report", environment="")
    world.directory.elsewhere.add(asked.payload["channel"])
    story.do(asked)
    ((user, refused),) = world.announcer.refusals.values()
    assert (user, refused.reference) == (asked.payload["user_id"], "not-in-channel")
    assert refused.hint.startswith("Type /invite @backstop here, then ask again")
    assert world.announcer.drill_reports == []


def test_an_unknown_environment_is_refused(world: World) -> None:
    with pytest.raises(PermanentError, match="unknown-environment"):
        report(world, "qa")


def test_a_bucket_that_does_not_answer_hides_nothing_else(world: World) -> None:
    fill(world, drill_of(1))
    made, png = report(world)

    assert made.forecasts[0].problem.startswith("no-restorable-backup: ")
    assert png


def test_a_picture_that_cannot_be_drawn_costs_no_words(world: World) -> None:
    fill(world, drill_of(1))
    world.plotter.fails = True
    made, png = report(world)

    assert (made.tried, png) == (1, b"")


def test_what_is_overdue(world: World) -> None:
    weekly = Schedule("weekly", "staging", DrillKind.RESTORE, "0 3 * * 1")
    patient = replace(weekly, name="patient", overdue_after_s=40 * DAY_S)
    fresh = replace(weekly, name="fresh")
    old, older, new = drill_of(15), drill_of(30), drill_of(13)
    fill(world, old, replace(older, schedule="patient"), replace(new, schedule="fresh"))
    made, _ = report(world, schedules=(weekly, patient, fresh, replace(weekly, name="never", bundle_of="prod")))

    assert [(late.schedule, late.passed_at) for late in made.overdue] == [("weekly", old.ended_at)]  # not the new one
    never = replace(weekly, name="awaited", bundle_of="prod")
    world.drills.enlist(never.name, never.fingerprint, NOON - timedelta(days=30))
    made, _ = report(world, "prod", schedules=(weekly, never))
    assert [late.schedule for late in made.overdue] == ["awaited"]


def test_migrations_and_backups_show_proofs(story: Story, world: World) -> None:
    prove(world)
    world.store.backups.append(bundle())
    fill(world, drill_of(2, DrillKind.BUNDLE, of="prod", measured=replace(MEASURED, bundle=str(NAME))))
    story.do(world.request("migrations", environment="prod"))
    story.do(world.request("show", environment="prod", name=str(NAME)))

    rows = {row.version: row.proof for row in world.announcer.overviews[0].rows}
    assert (rows[27] and rows[27].drill_id, rows[26]) == ("dabcde", None)
    assert world.announcer.details[0].restored is not None


def test_the_request_is_dealt_with(story: Story, world: World) -> None:
    fill(world, drill_of(1))
    story.do(world.request("drill-report", environment="prod"))

    assert world.announcer.drill_reports[0][0].environment == "prod"
