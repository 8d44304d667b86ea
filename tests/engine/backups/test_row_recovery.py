"""Rows a restore has put aside: who may look for them, when, and what is said of them."""

from dataclasses import replace

import pytest

from bot.domain.jobs import Job, JobState
from bot.domain.planned import PlannedRestore
from bot.domain.plans import PlanKind, RestorePlan
from bot.domain.runs import Run, RunState, StepState
from bot.engine.requests import RecoverRows
from bot.errors import PermanentError, TemporaryError
from bot.planning.kinds import build_checklist
from bot.ports import Request, SideFacts
from tests.engine.story import Story
from tests.fakes.clock import NOON
from tests.fakes.directory import ENGINEER, LEAD_A, ONCALL
from tests.fakes.process import Process
from tests.fakes.row_recovery import FakeRowRecovery
from tests.fakes.sides import FakeSides
from tests.fakes.world import World
from tests.views.samples import PLAN, RUN, recast

KEPT = "physioflow_backstop_kept_r2abcd"


class Beside(FakeSides):
    """What a restore has put aside."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        self.names = names

    def list(self) -> list[SideFacts]:
        return [SideFacts(name, "kept", "r2abcd", 1, NOON) for name in self.names]


@pytest.fixture
def row_recovery(world: World) -> FakeRowRecovery:
    put_aside(world)
    return world.row_recovery


def put_aside(world: World) -> None:
    """Run r2abcd has restored a backup; what it replaced is still there."""
    world.sides, world.row_recovery = Beside(KEPT), FakeRowRecovery()
    world.journal.runs.table["r2abcd"] = restored()


def restored(state: RunState = RunState.SUCCEEDED) -> Run:
    come = PlannedRestore(
        "prod_nightly_20260210_120000", "k", "", "", NOON, "", (), compared=True, incoming="s", outgoing=KEPT
    )
    plan = recast(PLAN, RestorePlan, restore=come)
    done = tuple(replace(step, state=StepState.DONE) for step in build_checklist(PlanKind.RESTORE))
    return replace(RUN, id="r2abcd", plan=plan, state=state, steps=done, requester=ONCALL)


def ask(world: World, story: Story, run_id: str = "r2abcd", user: str = ONCALL) -> Request:
    request = world.request("salvage", user, run_id=run_id)
    story.do(request)
    return request


def refused(world: World, request: Request) -> str:
    return world.announcer.refusals[request.id][1].reference


def job(world: World, request: Request) -> Job:
    return world.announcer.jobs[request.id][-1]


def test_what_was_found_is_stored_reported_and_audited(
    world: World, story: Story, row_recovery: FakeRowRecovery
) -> None:
    request = ask(world, story)

    assert row_recovery.compared == [KEPT]
    ((key, text),) = world.store.texts.items()
    assert key.startswith("salvage/r2abcd/2")
    assert key.endswith(".sql.gz")
    assert text.startswith(f"-- Rows of {KEPT} that the live database of prod lacks or has otherwise.\n")
    ended = job(world, request)
    assert (ended.state, ended.subject, ended.salvage) == (
        JobState.DONE,
        "r2abcd",
        replace(row_recovery.found, key=key),
    )
    assert any(said.progress for said in world.announcer.jobs[request.id])
    assert world.announcer.answered[request.id] == (
        ONCALL,
        f"216 rows are written as SQL to {key}; the thread of run r2abcd says which tables have them.",
    )
    assert (world.journal.audit.log[-1].event, world.journal.audit.log[-1].details["subject"]) == (
        "rows-salvaged",
        "r2abcd",
    )


def test_an_approver_may_ask_too(world: World, story: Story, row_recovery: FakeRowRecovery) -> None:
    ask(world, story, user=LEAD_A)

    assert row_recovery.compared == [KEPT]


def test_anyone_else_is_refused(world: World, story: Story, row_recovery: FakeRowRecovery) -> None:
    assert refused(world, ask(world, story, user=ENGINEER)) == "not-yours"
    assert (row_recovery.compared, world.store.texts) == ([], {})


@pytest.mark.usefixtures("row_recovery")
def test_an_unknown_run_is_refused(world: World, story: Story) -> None:
    assert refused(world, ask(world, story, "r9zzzz")) == "unknown-run"


@pytest.mark.usefixtures("row_recovery")
@pytest.mark.parametrize("state", [RunState.PARKED, RunState.FAILED, RunState.PENDING])
def test_a_run_that_has_not_succeeded_is_refused(world: World, story: Story, state: RunState) -> None:
    world.journal.runs.table["r2abcd"] = restored(state)

    assert refused(world, ask(world, story)) == "nothing-to-salvage"


@pytest.mark.usefixtures("row_recovery")
def test_a_rollback_of_migrations_is_refused(world: World, story: Story) -> None:
    world.journal.runs.table["r3abcd"] = replace(RUN, id="r3abcd", state=RunState.SUCCEEDED, requester=ONCALL)

    assert refused(world, ask(world, story, "r3abcd")) == "nothing-to-salvage"


@pytest.mark.usefixtures("row_recovery")
def test_a_database_that_is_gone_is_said(world: World, story: Story) -> None:
    world.sides = Beside("physioflow_backstop_kept_r9zzzz")

    assert refused(world, ask(world, story)) == "kept-database-gone"


def test_a_run_that_changes_the_environment_comes_first(
    world: World, story: Story, row_recovery: FakeRowRecovery
) -> None:
    world.journal.runs.table["r3abcd"] = replace(RUN, id="r3abcd", environment="prod", state=RunState.RUNNING)

    assert refused(world, ask(world, story)) == "run-under-way"
    assert row_recovery.compared == []


def test_a_lost_connection_is_tried_again(world: World, story: Story, row_recovery: FakeRowRecovery) -> None:
    row_recovery.errors = [TemporaryError("database-unreachable", "Gone.")]

    assert job(world, ask(world, story)).state is JobState.DONE
    assert len(world.store.texts) == 1


def test_a_failure_is_shown_and_nothing_is_stored(world: World, story: Story, row_recovery: FakeRowRecovery) -> None:
    row_recovery.errors = [PermanentError("database-refused", "May not.")]

    request = ask(world, story)

    assert (job(world, request).state, job(world, request).problem) == (
        JobState.FAILED,
        "database-refused: May not.",
    )
    assert refused(world, request) == "database-refused"
    assert world.store.texts == {}


def test_it_keeps_no_vote_waiting() -> None:
    assert RecoverRows.is_job


def test_wherever_its_process_dies_somebody_finishes_it(
    world: World, story: Story, row_recovery: FakeRowRecovery
) -> None:
    ask(world, story)
    calls = list(story.process.calls)
    for number in range(1, len(calls) + 1):
        dead = World(world.scratch)
        dead.sides, dead.row_recovery = Beside(KEPT), row_recovery
        dead.journal.runs.table["r2abcd"] = restored()
        request = ask(dead, Story(dead, Process("first", kill_at=number)))

        assert job(dead, request).state is JobState.DONE, calls[number - 1]
        assert 1 <= len(dead.store.texts) <= 2, calls[number - 1]
