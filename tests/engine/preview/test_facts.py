"""Plans carry the proofs of drills; a demand for recent ones refuses or warns."""

from dataclasses import replace

from bot.domain.backups import Verification
from bot.domain.drills import DrillKind
from bot.domain.environments import DrillDemand
from bot.domain.plans import PlanKind
from bot.domain.runs import RunState
from bot.engine.kinds import preview
from bot.planning.facts import RestoreRequest, RollbackRequest
from tests.drills import MEASURED, drill_of
from tests.engine.drills.proving import DAY_S, prove, refused
from tests.engine.runs.restoring import NAME, ask, restore, undo
from tests.engine.story import Story
from tests.fakes.process import Process
from tests.fakes.sides import FakeSides
from tests.fakes.world import World

CHAIN = RollbackRequest("prod", 27, None, "/rollback prod 027")


def demand(world: World, days: int = 30, *, blocks: bool = True) -> None:
    world.environment = replace(world.environment, drill_demand=DrillDemand(days * DAY_S, blocks))


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
