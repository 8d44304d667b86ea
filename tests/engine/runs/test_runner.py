"""Each step of the headline run: it works, it fails for a while, it fails for good."""

import pytest

from bot.domain.audit import ANCHORED
from bot.domain.runs import RunState
from bot.engine.operations import Operations
from bot.errors import PermanentError
from bot.planning import checklist
from tests.engine.runs.breaking import SHAKY, break_step
from tests.engine.story import Story, faults_in, faults_in_success, faults_in_undoing, steps, traffic_faults
from tests.fakes.cluster import SHOWN
from tests.fakes.directory import LEAD_A, LEAD_B
from tests.fakes.world import World

BROKEN = PermanentError("out-of-order", "It is broken.", "Mend it.")


UNDONE_FROM = (checklist.BACKUP, checklist.STOP_TRAFFIC, checklist.EXCLUSIVE_ACCESS, checklist.EXPORT, checklist.CHAIN)


PARKED_FROM = (checklist.VERIFY, checklist.START_APP, checklist.SMOKE, checklist.RESTORE_TRAFFIC, checklist.DOCUMENT)


def test_the_headline_run(story: Story, world: World) -> None:
    run = story.roll_back("027")
    assert faults_in_success(world) == []
    assert [(step.key, step.detail) for step in run.steps] == [
        ("recheck", f"unchanged, {run.plan.short_digest}; 2 votes stand"),
        ("notify", "in this channel"),
        ("backup", f"prod_pre-rollback-027-{run.id}_20260301_120003, 0.0 MB"),
        ("stop-traffic", "api and web at 0, 2 services held"),
        ("fence", "1 sessions ended, closed to others"),
        ("export", "42 rows of 1 tables, read back and counted"),
        ("chain", "schema 026; 1 statements in 0.01 s, one transaction"),
        ("verify", "schema 026, catalogue as rehearsed, 1 checks true before COMMIT"),
        ("start-app", "v1.2.3, 5 pods ready, not serving yet"),
        ("smoke", "1 HTTP and 1 SQL checks passed"),
        ("restore-traffic", "api and web serve v1.2.3"),
        ("document", "report in the thread"),
        ("follow-up", f"close it with /rollback close {run.id} LINK"),
    ]
    events = [event.event for event in world.journal.audit.log if event.event != ANCHORED]
    assert events == [
        "requested",
        "voted",
        "voted",
        "approved",
        "run-started",
        *["step"] * 6,
        "chain-committed",
        *["step"] * 7,
        "run-ended",
    ]
    assert world.database.closings == 1
    assert all(backup.manifest and backup.manifest.schema_version == 27 for backup in world.store.backups)


@pytest.mark.parametrize("step", UNDONE_FROM)
def test_before_the_point_of_no_return_a_failure_is_undone(story: Story, world: World, step: str) -> None:
    break_step(story, step, BROKEN)
    assert faults_in_undoing(world, RunState.FAILED, "out-of-order: It is broken. Mend it.") == []
    order = [event.details["key"] for event in world.journal.audit.log if event.event == "step-undone"]
    begun = UNDONE_FROM.index(step)
    assert order == [
        key for key in (checklist.EXCLUSIVE_ACCESS, checklist.STOP_TRAFFIC) if UNDONE_FROM.index(key) <= begun
    ]
    note = world.announcer.notes[world.run().id, "ended"]
    assert ("Put back: traffic is back as it was" if order else "Nothing was touched") in note


@pytest.mark.parametrize("step", UNDONE_FROM)
def test_a_step_that_stays_away_is_undone_too(story: Story, world: World, step: str) -> None:
    break_step(story, step, *[SHAKY] * 4)
    assert faults_in_undoing(world, RunState.FAILED, "shaky: It does not answer.") == []


@pytest.mark.parametrize("step", PARKED_FROM)
@pytest.mark.parametrize("error", [BROKEN, ZeroDivisionError()], ids=["refused", "bug"])
def test_after_it_a_failure_parks_and_a_resume_finishes(
    story: Story, world: World, step: str, error: Exception
) -> None:
    break_step(story, step, error)
    run = world.run()
    assert (run.state, steps(run)[step]) == (RunState.PARKED, "failed")
    assert faults_in(world) == []
    (escalation,) = world.announcer.escalations.values()
    assert escalation.problem == run.problem
    assert escalation.contacts == ("the DBA, 555-0100",)
    assert escalation.backup == f"{run.step(checklist.BACKUP).data['backup']} is in the bucket: 3 bytes, 5 tables"
    assert escalation.recovery == ["archiver: last WAL 0/19"]
    assert escalation.database_logs == {"postgres-0": SHOWN}
    story.do(world.request("resume", LEAD_A, run_id=run.id))
    assert faults_in_success(world) == []


@pytest.mark.parametrize("step", [*UNDONE_FROM, checklist.RECHECK])
def test_a_bug_in_a_step_is_undone_like_any_failure(story: Story, world: World, step: str) -> None:
    break_step(story, step, ZeroDivisionError("division by zero"))
    problem = "internal-error: Something in Backstop broke: ZeroDivisionError. The log of this process has the details."
    assert faults_in_undoing(world, RunState.FAILED, problem) == []


def test_a_bug_while_putting_back_parks(story: Story, world: World) -> None:
    story.ask()
    story.process.faults |= {"fence.export": [BROKEN], "database.reopen": [KeyError("x")]}
    story.approve()
    run = world.run()
    assert run.state is RunState.PARKED
    assert run.problem == (
        "out-of-order: It is broken. Mend it. Then putting things back failed: internal-error: Something in Backstop "
        "broke: KeyError."
    )
    assert faults_in(world) == []
    story.do(world.request("resume", run_id=run.id))
    assert faults_in_undoing(world, RunState.FAILED, "out-of-order: It is broken. Mend it.") == []


@pytest.mark.parametrize(
    "call", ["announcer.card", "announcer.note", "announcer.request", "announcer.report", "announcer.escalate"]
)
def test_a_message_that_cannot_be_made_does_not_stop_a_run_with_traffic_down(
    story: Story, world: World, call: str
) -> None:
    story.ask()
    story.world.cluster.deployments["api"].stuck = True
    story.approve(LEAD_A)
    story.process.faults[call] = [None, *[ZeroDivisionError()] * 500]
    story.approve(LEAD_B)
    assert world.run().state is RunState.FAILED
    assert world.database.open
    assert traffic_faults(world, "v1.3.0") == []


@pytest.mark.parametrize(
    "call", ["journal.audit.append", "journal.runs.find", "journal.votes.current", "announcer.card", "journal.runs.end"]
)
def test_a_hiccup_of_the_journal_fails_no_step(story: Story, world: World, call: str) -> None:
    story.ask()
    story.approve(LEAD_A)
    world.submit(story.process, world.vote(LEAD_B))
    Operations(world.services(story.process)).handle(world.queue.requests.pop())
    story.process.faults[call] = [None, SHAKY, None, None, SHAKY, SHAKY] if call != "journal.runs.end" else [SHAKY]
    world.work(story.process)
    assert faults_in_success(world) == []


def test_a_bucket_that_is_away_at_the_end_does_not_park_a_run_that_serves(story: Story, world: World) -> None:
    story.ask()
    story.process.faults["export.existing"] = [SHAKY] * 50
    story.approve()
    assert faults_in_success(world) == []
    _, _, export = world.announcer.reports[world.run().id]
    assert export is None
