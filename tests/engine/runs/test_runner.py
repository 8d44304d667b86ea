"""Each step of the headline run: it works, it fails for a while, it fails for good."""

from collections.abc import Callable

import pytest

from bot.domain.catalogue import Session
from bot.domain.runs import RunState
from bot.engine.operations import Operations
from bot.errors import BotError, PermanentError, TemporaryError
from bot.planning import checklist
from tests.engine.story import Story, faults_in, faults_in_success, faults_in_undoing, steps, traffic_faults
from tests.fakes.directory import LEAD_A, LEAD_B, ONCALL
from tests.fakes.world import SMOKE_SQL, World

BROKEN = PermanentError("out-of-order", "It is broken.", "Mend it.")
SHAKY = TemporaryError("shaky", "It does not answer.")
IN_STEP = {
    # step: a port call it makes, and how many calls of that name come before the run starts
    checklist.NOTIFY: "announcer.note",
    checklist.RECHECK: "scripts.load",
    checklist.BACKUP: "database.dump",
    checklist.STOP_TRAFFIC: "cluster.hold_service",
    checklist.EXCLUSIVE_ACCESS: "database.other_sessions",
    checklist.EXPORT: "fence.export",
    checklist.CHAIN: "fence.run_chain",
    checklist.VERIFY: "database.reopen",
    checklist.START_APP: "cluster.set_image",
    checklist.SMOKE: "cluster.get_http",
    checklist.RESTORE_TRAFFIC: "cluster.release_service",
    checklist.DOCUMENT: "announcer.report",
}
UNDONE_FROM = (checklist.BACKUP, checklist.STOP_TRAFFIC, checklist.EXCLUSIVE_ACCESS, checklist.EXPORT, checklist.CHAIN)
PARKED_FROM = (checklist.VERIFY, checklist.START_APP, checklist.SMOKE, checklist.RESTORE_TRAFFIC, checklist.DOCUMENT)


def break_step(story: Story, step: str, *errors: BotError | Exception) -> None:
    """Ask and have it approved, with that step's call raising those errors in turn."""
    story.ask()
    story.process.faults[IN_STEP[step]] = list(errors)
    story.approve()


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
    events = [event.event for event in world.journal.audit.log]
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


def test_a_chain_of_three_saves_what_goes_and_what_changes(story: Story, world: World) -> None:
    run = story.roll_back("025")
    assert run.state is RunState.SUCCEEDED
    assert world.database.commits == [(27, 26, 25)]
    assert run.plan.to_app == "v1.1.4"
    assert sorted(world.store.open_export(run.id).stored) == [
        "public.feature_flags",
        "public.patients",
        "public.report_totals",
        "public.reports",
        "public.settings",
    ]
    assert traffic_faults(world, "v1.1.4") == []


@pytest.mark.parametrize("step", IN_STEP)
def test_a_step_that_fails_for_a_while_is_repeated(story: Story, world: World, step: str) -> None:
    break_step(story, step, SHAKY, SHAKY)
    assert faults_in_success(world) == []


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
    assert escalation.database_logs == {"postgres-0": "LOG:  last 20 lines"}
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


def test_gitops_that_scales_up_again_is_named(story: Story, world: World) -> None:
    story.ask()
    world.cluster.deployments["web"].gitops = 2
    world.cluster.deployments["web"].autoscaler = "argocd"
    story.approve()
    problem = "scale-undone: web was scaled to 0 and is at 2 again, by argocd."
    assert faults_in_undoing(world, RunState.FAILED, problem) == []


def test_rows_lost_on_the_way_to_the_bucket_stop_before_the_drop(story: Story, world: World) -> None:
    story.ask()
    world.store.open_export(world.run().id).lost_rows = 1
    story.approve()
    assert (
        faults_in_undoing(world, RunState.FAILED, "export-incomplete: What the bucket holds of public.feature_f") == []
    )


def test_a_session_that_cannot_be_ended_opens_the_database_again(story: Story, world: World) -> None:
    story.ask()
    world.database.people.append(Session(9, "postgres", "psql", "", "idle", 1.0, superuser=True))
    story.approve()
    assert faults_in_undoing(world, RunState.FAILED, "session-cannot-be-ended") == []


@pytest.mark.parametrize("tamper", [lambda w: w.scripts.edit(27), lambda w: w.scripts.scripts.pop(27)])
def test_a_script_edited_after_the_recheck_is_not_run(
    story: Story, world: World, tamper: Callable[[World], object]
) -> None:
    story.ask()
    story.approve(LEAD_A)
    probe = Story(World(world.scratch))
    probe.roll_back()
    number = probe.process.calls.index("fence.export") + 1
    story.process.at_call[number] = lambda: tamper(world)
    story.approve(LEAD_B)
    assert faults_in_undoing(world, RunState.FAILED, "script-edited") == []


def test_pods_that_do_not_start_are_named_and_the_run_parks(story: Story, world: World) -> None:
    story.ask()
    for item in world.cluster.deployments.values():
        item.broken = True
    story.approve()
    run = world.run()
    assert run.state is RunState.PARKED
    assert run.problem.startswith("pods-not-ready: 5 pods do not become ready: api-6 (CrashLoopBackOff), api-7 (Crash")
    for item in world.cluster.deployments.values():
        item.broken = False
        item.pods.clear()
    story.do(world.request("resume", run_id=run.id))
    assert faults_in_success(world) == []


def test_a_long_wait_survives_looks_that_fail(story: Story, world: World) -> None:
    story.ask()
    story.process.faults["cluster.pods"] = [None, None, *[SHAKY] * 8]
    story.approve()
    assert faults_in_success(world) == []


def test_smoke_tests_that_fail_are_listed(story: Story, world: World) -> None:
    world.cluster.unhealthy.add("api")
    world.database.false_checks.add(SMOKE_SQL)
    run = story.roll_back()
    assert run.state is RunState.PARKED
    assert run.problem.startswith("smoke-failed: /health of api-6: 503 schema 26 is too old; /health of api-7: 503")
    assert world.cluster.services["api"]["backstop.dev/hold"] == run.id


def test_a_selector_somebody_changes_parks(story: Story, world: World) -> None:
    world.cluster.sabotaged_service = "web"
    run = story.roll_back()
    assert run.state is RunState.PARKED
    assert run.problem.startswith("traffic-not-restored: The selector of web is not what it was.")
    world.cluster.sabotaged_service = ""
    story.do(world.request("resume", ONCALL, run_id=run.id))
    assert faults_in_success(world) == []


def test_a_bucket_that_is_away_at_the_end_does_not_park_a_run_that_serves(story: Story, world: World) -> None:
    story.ask()
    story.process.faults["export.existing"] = [SHAKY] * 50
    story.approve()
    assert faults_in_success(world) == []
    _, _, export = world.announcer.reports[world.run().id]
    assert export is None


def test_a_catalogue_unlike_the_rehearsal_parks(story: Story, world: World) -> None:
    story.ask()
    probe = Story(World(world.scratch))
    probe.roll_back()
    number = len(probe.process.calls) - probe.process.calls[::-1].index("database.catalogue")
    story.process.at_call[number] = lambda: setattr(world.database, "drift", "public.odd")
    story.approve()
    assert world.run().problem.startswith("verification-failed: the catalogue is not what the rehearsal left.")


def test_a_hold_that_a_closed_run_left_is_taken_over(story: Story, world: World) -> None:
    world.cluster.hold_service("web", "rclosed")
    run = story.roll_back()
    assert "Traffic of web is still held by run rclosed; this run will return it." in run.plan.warnings
    assert faults_in_success(world) == []
