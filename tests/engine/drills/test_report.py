"""What drills have shown gets into plans, may be demanded by policy, and is told when asked for."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.backups import Verification
from bot.domain.drill_reports import DrillReport
from bot.domain.drills import Drill, DrillKind, Schedule, ScriptProof
from bot.domain.environments import DrillDemand, Targets
from bot.domain.plans import PlanKind
from bot.domain.runs import RunState
from bot.engine.drills.report import answer_report
from bot.engine.kinds import preview
from bot.engine.requests import ReportDrills
from bot.errors import PermanentError
from bot.planning.facts import RestoreRequest, RollbackRequest
from bot.ports import Audience
from tests.drills import MEASURED, drill_of, took
from tests.engine.runs.restoring import NAME, ask, bundle, furnish, restore, undo
from tests.engine.story import Story
from tests.fakes.clock import NOON
from tests.fakes.process import Process
from tests.fakes.sides import FakeSides
from tests.fakes.world import World

DAY_S = 86_400
WHO = Audience("U0ONCALL", "C0GENERAL", request_id="slash:1")
CHAIN = RollbackRequest("prod", 27, None, "/rollback prod 027")


def demand(world: World, days: int = 30, *, blocks: bool = True) -> None:
    world.environment = replace(world.environment, drill_demand=DrillDemand(days * DAY_S, blocks))


def prove(world: World, days: float = 3, version: int = 27) -> None:
    sha256 = world.scripts.load()[version].sha256
    world.drills.proofs.append(ScriptProof(version, sha256, drill_of(days).due_at, "dabcde", reversible=True))


@pytest.fixture
def sides(world: World) -> FakeSides:
    return furnish(world)


def refused(world: World) -> list[str]:
    return [error.reference for _, error in world.announcer.refusals.values()]


def test_a_plan_says_when_its_scripts_were_proven(story: Story, world: World) -> None:
    prove(world)
    story.ask()

    proven = world.run().plan.proven
    assert proven is not None
    assert [(script.name, script.proof and script.proof.drill) for script in proven.scripts] == [
        (world.scripts.load()[27].name, "dabcde")
    ]
    assert proven.total is None


def test_a_demand_that_warns_stops_nothing(story: Story, world: World) -> None:
    demand(world, blocks=False)
    story.roll_back()

    assert world.run().state is RunState.SUCCEEDED
    assert [line for line in world.run().plan.warnings if line.startswith("Not proven by a drill")]


def test_a_demand_that_blocks_refuses_before_the_rehearsal(story: Story, world: World) -> None:
    demand(world)
    story.ask()

    assert refused(world) == ["drill-too-old"]
    assert "database.shadow" not in story.process.calls
    assert world.journal.runs.table == {}


def test_a_recent_proof_satisfies_it(story: Story, world: World) -> None:
    demand(world)
    prove(world)
    story.roll_back()

    assert world.run().state is RunState.SUCCEEDED


def test_what_was_proven_when_people_asked_is_not_refused_for_the_minutes_they_took(story: Story, world: World) -> None:
    demand(world, days=3)
    prove(world, days=2.9999)
    story.ask()
    assert refused(world) == []
    world.clock.sleep(60.0)
    story.approve()

    assert world.run().state is RunState.SUCCEEDED
    late = World(world.scratch)
    demand(late, days=3)
    prove(late, days=2.9999)
    late.clock.sleep(60.0)
    Story(late).ask()
    assert refused(late) == ["drill-too-old"]


def test_a_script_that_is_edited_while_people_vote_is_not_proven_any_more(story: Story, world: World) -> None:
    demand(world)
    prove(world)
    story.ask()
    world.scripts.edit(27)
    story.approve()

    assert world.run().state is RunState.VOID
    assert "drill-too-old" in world.run().problem


def test_a_drills_own_run_is_not_asked_for_drills(world: World) -> None:
    demand(world)
    plan = preview(world.services(Process("drill")), CHAIN, "rdrill", drill=True)

    assert not [line for line in plan.warnings if "proven" in line]


def test_a_restore_of_what_nobody_has_proven_is_refused_and_level_3_is_the_way_out(
    story: Story, world: World, sides: FakeSides
) -> None:
    del sides
    demand(world)
    ask(story)
    assert refused(world) == ["drill-too-old"]
    ((_, error),) = world.announcer.refusals.values()
    assert f"/backups prod verify {NAME} 3" in error.hint

    world.store.store_verification(world.store.backups[0], Verification(3, world.clock.now()))
    assert restore(story).state is RunState.SUCCEEDED


def test_a_drill_with_that_bundle_proves_it(story: Story, world: World, sides: FakeSides) -> None:
    del sides
    demand(world)
    drill = drill_of(2, DrillKind.BUNDLE, of="prod", measured=replace(MEASURED, bundle=str(NAME)))
    world.drills.table[drill.id] = drill
    run = restore(story)

    assert run.state is RunState.SUCCEEDED
    assert run.plan.proven is not None
    assert run.plan.proven.bundle is not None
    assert run.plan.proven.bundle.drill == drill.id


def test_the_way_back_is_never_blocked(story: Story, world: World, sides: FakeSides) -> None:
    del sides
    run = restore(story)
    demand(world)
    back = undo(story, run.id)

    assert (back.plan.kind, back.state) == (PlanKind.UNDO_SWAP, RunState.SUCCEEDED)
    assert back.plan.proven is None


def test_undoing_a_chain_is_never_blocked(story: Story, world: World) -> None:
    """What is refused is something else: the fake cannot grow a chain again without its bundle."""
    story.roll_back()
    demand(world)
    story.do(world.request("undo", run_id=world.run().id))

    assert "drill-too-old" not in refused(world)


def test_restores_people_made_are_history_and_those_of_drills_are_not(
    story: Story, world: World, sides: FakeSides
) -> None:
    del sides
    restore(story)
    services = world.services(Process("later"))
    wish = RestoreRequest("prod", str(NAME), None, "x")
    proven = preview(services, wish, "rlater").proven
    assert proven is not None
    assert proven.total is not None
    assert (proven.total.samples, proven.total.places) == (1, ("prod",))

    (run,) = world.journal.runs.table.values()
    world.journal.runs.table[run.id] = replace(run, drill="dabcde")
    again = preview(services, wish, "rlater").proven
    assert again is not None
    assert again.total is None


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
