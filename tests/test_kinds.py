"""Every kind of plan goes through everything that treats kinds alike; a new member of PlanKind fails here at import."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from bot.adapters import htmlreport
from bot.domain.kinds import rows_of_every_kind
from bot.domain.plans import PlanKind
from bot.domain.runs import Run, RunState, StepState
from bot.engine import kinds as engine_kinds
from bot.engine.runs.compensation import TOUCHED
from bot.engine.runs.execution import Execution
from bot.engine.runs.steps.registry import ACTIONS
from bot.engine.runs.steps.step import Outcome
from bot.errors import PermanentError
from bot.planning import kinds
from bot.planning.facts import UndoRequest
from bot.ports import EnvironmentSummary, Escalation, HomeFacts
from bot.views import buttons
from bot.views.kit.blocks import View
from bot.views.plans import plan as plan_view
from bot.views.runs import approval_request, card, escalation, report, report_model
from bot.views.runs.html import sheet
from bot.views.status import home, status
from tests.engine.retired import old_run
from tests.engine.runs import restoring as swaps
from tests.engine.runs import undoing
from tests.engine.runs.test_kills import kill_everywhere, nothing
from tests.engine.story import Story, faults_in_success, traffic_faults
from tests.fakes.clock import NOON
from tests.fakes.process import Process
from tests.fakes.world import World
from tests.views.samples import read


@dataclass(frozen=True)
class Played:
    """How people get to a run of a kind, and what must be true of the world after it."""

    ask: Callable[[Story], None]
    judge: Callable[[World], list[str]]
    prelude: Callable[[Story], None] = nothing

    def play(self, story: Story) -> None:
        self.ask(story)
        swaps.approve(story)


def ask_for_rollback(story: Story) -> None:
    story.ask()


def ask_for_restore(story: Story) -> None:
    swaps.furnish(story.world)
    swaps.ask(story)


def ask_for_undo(story: Story) -> None:
    undoing.ask(story, swaps.newest(story.world).id)


def find_nothing(world: World) -> list[str]:
    del world
    return []


CHAIN = Played(ask_for_rollback, faults_in_success)


RESTORE = Played(ask_for_restore, swaps.faults_in_restored)


PLAYED = rows_of_every_kind(
    PlanKind,
    {
        PlanKind.CHAIN: CHAIN,
        PlanKind.RESTORE: RESTORE,
        PlanKind.UNDO_SWAP: Played(ask_for_undo, swaps.faults_in_undone, RESTORE.play),
        PlanKind.UNDO_ROLLBACK: Played(ask_for_undo, undoing.faults_in_undone, CHAIN.play),
        # Its runs are only in old journals: tests/engine/test_retired.py.
        PlanKind.RESTORE_IN_PLACE: Played(nothing, find_nothing),
    },
)


LIVE = [kind for kind in PlanKind if kinds.KINDS[kind].steps]


every_kind = pytest.mark.parametrize("kind", PlanKind)


live_kinds = pytest.mark.parametrize("kind", LIVE)


def played(scratch: Path, kind: PlanKind) -> Story:
    """The story after such a run has succeeded."""
    story = Story(World(scratch))
    PLAYED[kind].prelude(story)
    PLAYED[kind].play(story)
    return story


def run_of(scratch: Path, kind: PlanKind) -> Run:
    return swaps.newest(played(scratch, kind).world) if kind in LIVE else old_run("succeeded")


def moments_of(run: Run) -> Iterator[Run]:
    """The run as it was and as it might have been: every state, stopped at each of its steps."""
    waiting = tuple(replace(step, state=StepState.WAITING, attempts=0) for step in run.steps)
    yield from (replace(run, state=state) for state in RunState)
    yield replace(run, state=RunState.PENDING, steps=())
    for number, step in enumerate(run.steps):
        failed = replace(step, state=StepState.FAILED, detail="it broke")
        steps = (*run.steps[:number], failed, *waiting[number + 1 :])
        yield replace(run, state=RunState.PARKED, problem="it broke", steps=steps)


def views_of(run: Run) -> dict[str, str]:
    """Everything that shows a run, as people read it."""
    summary = EnvironmentSummary("prod", production=True, channel="C0", quorum=2, schema=27, run=run, follow_ups=(run,))
    return {
        "request": read(approval_request.render(run, (), 2, production=True)),
        "plan": read(View("", plan_view.blocks(run.plan))),
        "card": read(card.render(run, (), 2, production=True)),
        "report": read(report.render(report_model.build(run, (), None))),
        "HTML report": htmlreport.write(sheet.render(report_model.build(run, (), None))).decode(),
        "status": read(status.render([run], {}, (), [run])),
        "home": read(home.render(HomeFacts((summary,), NOON))),
        "escalation": read(escalation.render(run, Escalation("why", {}, "", (), ()))),
        "buttons": str([buttons.for_ballot(run), buttons.for_card(run), buttons.for_report(run)]),
    }


@every_kind
def test_every_renderer_shows_it_in_every_state(tmp_path: Path, kind: PlanKind) -> None:
    run = run_of(tmp_path, kind)
    assert run.plan.kind is kind
    for moment in moments_of(run):
        texts = views_of(moment)
        assert [name for name, text in texts.items() if not text] == []
        assert plan_view.noun(run.plan).capitalize() in texts["card"]
        assert run.plan.short_digest in texts["request"]


@live_kinds
def test_its_checklist_has_an_action_for_every_step_and_a_point_of_no_return(kind: PlanKind) -> None:
    keys = [step.key for step in kinds.build_checklist(kind)]
    assert [key for key in keys if key not in ACTIONS] == []
    assert kinds.KINDS[kind].point_of_no_return in keys
    assert len(set(keys)) == len(keys)


@live_kinds
def test_it_is_planned_again_from_its_plan(tmp_path: Path, kind: PlanKind) -> None:
    """The re-check does so before anything is touched."""
    story = Story(World(tmp_path))
    PLAYED[kind].prelude(story)
    PLAYED[kind].ask(story)
    run = swaps.newest(story.world)

    again = engine_kinds.preview(story.world.services(Process("other")), kinds.read_request(run.plan), run.id)

    assert (again.kind, again.digest) == (kind, run.plan.digest)


@live_kinds
def test_a_step_that_is_done_is_probed_and_its_commit_is_found(tmp_path: Path, kind: PlanKind) -> None:
    """As a successor does that does not know how far its predecessor got."""
    story = played(tmp_path, kind)
    services = story.world.services(Process("successor"))
    execution = Execution(services, services.env("prod"), swaps.newest(story.world))

    for step in execution.run.steps:
        assert isinstance(ACTIONS[step.key].probe(execution), Outcome | None)
    assert engine_kinds.KINDS[kind].has_committed(execution)
    assert story.world.database.open


@live_kinds
def test_what_it_has_done_before_its_point_of_no_return_is_compensated(tmp_path: Path, kind: PlanKind) -> None:
    story = Story(World(tmp_path))
    PLAYED[kind].prelude(story)
    story.world.cluster.deployments["web"].stuck = True
    PLAYED[kind].play(story)
    run = swaps.newest(story.world)

    assert (run.plan.kind, run.state) == (kind, RunState.FAILED)
    assert "pods-stuck" in run.problem
    left = [step.key for step in run.steps if step.state in TOUCHED and ACTIONS[step.key].undoes]
    assert left == []
    assert not kinds.is_past_return(run)
    story.world.cluster.deployments["web"].stuck = False
    assert traffic_faults(story.world, run.plan.from_app) == []


@live_kinds
def test_it_ends_the_same_wherever_the_process_dies(tmp_path: Path, kind: PlanKind) -> None:
    row = PLAYED[kind]
    assert kill_everywhere(tmp_path, row.play, row.judge, after=True, prelude=row.prelude) == []


def test_a_run_of_a_retired_kind_is_refused(tmp_path: Path) -> None:
    services = World(tmp_path).services(Process("first"))
    run = old_run("succeeded")
    row = engine_kinds.KINDS[run.plan.kind]
    with pytest.raises(PermanentError, match="restore-in-place-removed"):
        row.preview_undo(services, UndoRequest("prod", run.id), run, "r2abcd")
    with pytest.raises(PermanentError, match="outcome-unknown"):
        row.has_committed(Execution(services, services.env("prod"), run))
