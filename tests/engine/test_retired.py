"""Restores in place of an older version: readable, closed by people, never started, resumed or undone."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.adapters import htmlreport
from bot.domain.runs import Run, RunState, StepState
from bot.planning import checklist
from bot.planning.kinds import build_checklist
from bot.ports import EnvironmentSummary, Escalation, HomeFacts
from bot.views.runs import approval_request, card, escalation, report, report_model
from bot.views.runs.html import sheet
from bot.views.status import home, status
from tests.engine.retired import ROWS, old_run
from tests.engine.runs.restoring import refusals
from tests.engine.story import Story, steps, traffic_faults
from tests.fakes import adopted
from tests.fakes.clock import NOON
from tests.fakes.directory import LEAD_A, LEAD_B
from tests.fakes.world import World
from tests.views.samples import buttons, read

REMOVED = "restore-in-place-removed"
LOADED = {"succeeded", "undoing", "parked-after-the-commit"}
IN_DOUBT = {"parked-in-doubt", "parked-before-the-commit", "running-in-the-load"}
"""Whose load has begun and is not known to have committed."""


def put(world: World, name: str) -> Run:
    """Have it in the journal."""
    run = old_run(name)
    world.journal.runs.open(replace(run, state=RunState.PENDING, expires_at=world.clock.now() + timedelta(hours=1)))
    world.journal.runs.approve(run.id, run.plan.digest, run.steps)
    world.journal.runs.take(run.id, "the old bot", 0.0)
    return adopted.put(world, run)


def now(world: World) -> Run:
    (run,) = world.journal.runs.table.values()
    return run


def stop_app(story: Story, run: Run) -> None:
    """Bring the cluster to where such a run has left it."""
    for work in run.plan.workloads:
        story.world.cluster.scale(work.deployment, 0, run.id)
    for service in run.plan.services:
        story.world.cluster.hold_service(service.service, run.id)


@pytest.mark.parametrize("name", ROWS)
def test_everything_that_shows_it_says_what_became_of_it(name: str) -> None:
    run = old_run(name)
    told = read(report.render(report_model.build(run, (), None)))
    page = htmlreport.write(sheet.render(report_model.build(run, (), None))).decode()
    summary = EnvironmentSummary("prod", production=True, channel="C0INCIDENT", quorum=2, schema=27, run=run)
    for text in (
        read(card.render(run, (), 2, production=True)),
        read(status.render([run], {}, (), [run])),
        read(home.render(HomeFacts((summary,), NOON))),
        read(escalation.render(run, Escalation("why", {}, "", (), ()))),
        told,
        page,
    ):
        assert run.id in text
        assert "/rollback undo" not in text.replace(run.plan.asked_for, "")
    assert "Restore in place of prod" in page
    assert "to restore *prod* from a backup, in place" in read(approval_request.render(run, (), 2, production=True))
    if name in LOADED:
        assert f"`/rollback prod prod_pre-restore-{run.id}_20260301_1200" in told
    else:
        assert ("Whether the content was replaced is not known" in told) is (name in IN_DOUBT and run.state == "parked")


@pytest.mark.parametrize("name", ROWS)
def test_no_button_starts_resumes_or_undoes_it(name: str) -> None:
    run = old_run(name)
    shown = {
        **buttons(card.render(run, (), 2, production=True)),
        **buttons(approval_request.render(run, (), 2, production=True)),
    }
    assert shown.keys().isdisjoint({"approve", "retry", "undo"})


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("kind", ["undo", "resume"])
def test_it_is_neither_undone_nor_resumed(story: Story, world: World, name: str, kind: str) -> None:
    run = put(world, name)
    story.do(world.request(kind, LEAD_A, run_id=run.id))
    active = kind == "undo" and name not in {"succeeded", "undoing", "failed"}
    assert refusals(world) == (["another-run-active"] if active else [REMOVED])
    assert now(world) == run


def test_what_can_be_done_instead_is_said(story: Story, world: World) -> None:
    run = put(world, "succeeded")
    story.do(world.request("undo", run_id=run.id))
    story.do(world.request("salvage", run_id=run.id))
    hints = [error.hint for _, error in world.announcer.refusals.values()]
    saved = f"prod_pre-restore-{run.id}_20260301_120005"
    assert hints[0] == f"/rollback prod {saved} restores what it replaced, from its emergency backup."
    assert saved in hints[1]


def test_a_pending_one_cannot_be_approved_and_can_be_rejected(story: Story, world: World) -> None:
    run = put(world, "pending")
    for user in (LEAD_A, LEAD_B):
        story.do(world.ballot(user, run.id, run.plan.digest))
    assert refusals(world) == [REMOVED] * 2
    assert (now(world).state, world.journal.votes.current(run.id)) == (RunState.PENDING, [])
    story.do(world.ballot(LEAD_A, run.id, run.plan.digest, "reject"))
    assert now(world).state is RunState.REJECTED


def test_a_pending_one_can_be_withdrawn(story: Story, world: World) -> None:
    run = put(world, "pending")
    story.do(world.request("cancel", run_id=run.id))
    assert now(world).state is RunState.CANCELLED


def test_an_approved_one_ends_before_anything_is_touched(story: Story, world: World) -> None:
    put(world, "approved")
    story.sweep()
    assert (now(world).state, now(world).problem.partition(":")[0]) == (RunState.FAILED, REMOVED)
    assert traffic_faults(world, "v1.3.0") == []


def test_one_that_had_begun_and_not_loaded_is_put_back(story: Story, world: World) -> None:
    run = put(world, "running-in-the-backup")
    stop_app(story, run)
    story.sweep()
    assert (now(world).state, now(world).problem.partition(":")[0]) == (RunState.FAILED, REMOVED)
    assert steps(now(world))[checklist.STOP_TRAFFIC] == "undone"
    assert traffic_faults(world, "v1.3.0") == []


def test_one_whose_exclusive_access_stood_is_put_back(story: Story, world: World) -> None:
    run = put(world, "running-in-the-backup")
    done = {checklist.BACKUP, checklist.EXCLUSIVE_ACCESS}
    exclusive_session = [
        replace(step, state=StepState.DONE, attempts=1) if step.key in done else step for step in run.steps
    ]
    adopted.put(world, replace(run, steps=tuple(exclusive_session)))
    stop_app(story, run)
    world.database.take_exclusive_access(run.id).close()
    story.sweep()
    assert (now(world).state, world.database.open) == (RunState.FAILED, True)
    assert traffic_faults(world, "v1.3.0") == []


def test_one_whose_load_had_begun_parks_and_people_close_it(story: Story, world: World) -> None:
    run = put(world, "running-in-the-load")
    stop_app(story, run)
    story.sweep()
    assert now(world).state is RunState.PARKED
    assert REMOVED in now(world).problem
    assert "outcome-unknown" in now(world).problem
    assert world.announcer.escalations
    for _ in range(2):
        story.do(world.request("cancel", run_id=run.id))
    assert (now(world).state, refusals(world)) == (RunState.FAILED, [])


@pytest.mark.parametrize("name", ["parked-after-the-commit", "parked-before-the-commit", "parked-in-doubt"])
def test_a_parked_one_is_closed_by_people(story: Story, world: World, name: str) -> None:
    run = put(world, name)
    stop_app(story, run)
    for _ in range(1 if name in LOADED else 2):
        assert now(world).state is RunState.PARKED
        story.do(world.request("cancel", run_id=run.id))
    assert (now(world).state, refusals(world)) == (RunState.FAILED, [])


def test_a_parked_one_in_the_way_says_how_it_is_closed(story: Story, world: World) -> None:
    run = put(world, "parked-in-doubt")
    story.ask()
    ((_, error),) = world.announcer.refusals.values()
    assert (error.reference, f"Close it as it stands with /rollback cancel {run.id}" in error.hint) == (
        "another-run-active",
        True,
    )


def test_a_step_that_nobody_knows_ends_the_run_and_is_named(story: Story, world: World) -> None:
    """Another version's, of a kind of run that this one knows."""
    story.ask()
    run = now(world)
    unknown = replace(build_checklist(run.plan.kind)[0], key="levitate", title="Levitate the database")
    begun = replace(run, state=RunState.APPROVED, steps=(unknown, *build_checklist(run.plan.kind)[1:]))
    adopted.put(world, begun)
    world.journal.audit.append(run.id, "another version", "run-started", {})
    story.sweep()
    assert now(world).state is RunState.FAILED
    assert now(world).problem.startswith(
        f"step-unknown: Run {run.id} has a step that this version of Backstop does not"
    )
    assert "Levitate the database" in now(world).problem
    assert traffic_faults(world, "v1.3.0") == []
