"""Runs: one open run an environment, legal transitions only, expiry."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.adapters.clock import SystemClock
from bot.adapters.journal import PostgresJournal
from bot.domain.approvals import Choice, Vote
from bot.domain.runs import NEXT, OPEN, RunState, Step, StepState, TransitionError
from bot.errors import PermanentError
from tests.adapters.samples import NEVER, NOON, PLAN, STEPS, StoppedClock, asked_again, counter, lease, make_run

PENDING = frozenset({RunState.PENDING})


def bring_to(journal: PostgresJournal, state: RunState, run_id: str = "raaaaa") -> None:
    """Open a run and bring it to an open state."""
    journal.runs.open(make_run(run_id))
    if state is RunState.PENDING:
        return
    assert journal.runs.approve(run_id, PLAN.digest, STEPS)
    if state is RunState.APPROVED:
        return
    assert journal.runs.take(run_id, "bot:1", 30) is not None
    if state is RunState.PARKED:
        assert journal.runs.end(run_id, RunState.PARKED, "help", expect=frozenset({RunState.RUNNING}))


def state_of(journal: PostgresJournal, run_id: str = "raaaaa") -> RunState:
    run = journal.runs.find(run_id)
    assert run is not None
    return run.state


def test_follow_ups_stay_listed_until_they_are_closed(journal: PostgresJournal) -> None:
    step = Step("follow-up", 2, "Plan fix and re-deployment")
    for age_min, (run_id, environment) in enumerate([("raaaaa", "prod"), ("rbbbbb", "staging"), ("rccccc", "prod")]):
        journal.runs.open(make_run(run_id, environment, NOON - timedelta(minutes=9 * age_min)))
        assert journal.runs.approve(run_id, make_run(environment=environment).plan.digest, (*STEPS, step))
        taken = journal.runs.take(run_id, "bot:1", 30)
        assert taken is not None
        if run_id != "raaaaa":
            journal.leases.record_step(taken.lease, "follow-up", StepState.OPEN)
        assert journal.runs.end(
            run_id, RunState.SUCCEEDED, expect=frozenset({RunState.RUNNING}), fencing_token=taken.fencing_token
        )

    assert [run.id for run in journal.runs.open_follow_ups()] == ["rccccc", "rbbbbb"]
    assert [run.id for run in journal.runs.open_follow_ups("prod")] == ["rccccc"]
    assert journal.runs.open_follow_ups("prod") == [journal.runs.find("rccccc")]
    journal.leases.record_step(lease(1, "rccccc"), "follow-up", StepState.DONE, "closed")
    assert journal.runs.open_follow_ups("prod") == []


def test_a_run_comes_back_as_it_was_opened(journal: PostgresJournal) -> None:
    run = make_run()
    journal.runs.open(run)
    assert journal.runs.find("raaaaa") == run
    assert journal.runs.active("prod") == run
    assert journal.runs.find("rzzzzz") is None
    assert journal.runs.active("dev") is None


def test_times_are_read_as_utc_though_the_server_has_another_zone(journal: PostgresJournal) -> None:
    bring_to(journal, RunState.RUNNING)
    run = journal.runs.find("raaaaa")
    assert run is not None
    assert run.started_at is not None
    assert run.created_at.utcoffset() == timedelta(0)
    assert run.started_at.utcoffset() == timedelta(0)


def test_runs_are_listed_newest_first(journal: PostgresJournal) -> None:
    for number, environment in enumerate(("dev", "staging", "prod")):
        journal.runs.open(make_run(f"r{number}", environment, NOON + timedelta(minutes=number)))
    assert [run.id for run in journal.runs.newest()] == ["r2", "r1", "r0"]
    assert [run.id for run in journal.runs.newest(limit=2)] == ["r2", "r1"]
    assert [run.id for run in journal.runs.newest("dev")] == ["r0"]


def test_runs_are_counted_by_state(journal: PostgresJournal) -> None:
    assert journal.runs.count() == {}
    for environment in ("dev", "staging", "prod"):
        journal.runs.open(make_run(f"r{environment}", environment))
    assert journal.runs.end("rdev", RunState.CANCELLED, expect=PENDING)
    assert journal.runs.count() == {"pending": 2, "cancelled": 1}


@pytest.mark.parametrize("state", sorted(OPEN))
def test_a_second_run_is_refused_while_one_is_open(journal: PostgresJournal, state: RunState) -> None:
    bring_to(journal, state)
    with pytest.raises(PermanentError) as refused:
        journal.runs.open(make_run("rbbbbb"))
    assert refused.value.reference == "another-run-active"
    assert refused.value.message == (
        f"prod already has a run: raaaaa, {state}, asked for by <@U0ONCALL> at 2026-03-01 12:00 UTC."
    )
    assert refused.value.hint == "`/rollback status` shows it; `/rollback cancel raaaaa` stops it."
    journal.runs.open(make_run("rccccc", "staging"))


def test_a_closed_run_lets_the_next_one_in(journal: PostgresJournal) -> None:
    journal.runs.open(make_run())
    assert journal.runs.end("raaaaa", RunState.CANCELLED, "cancelled", expect=PENDING)
    journal.runs.open(make_run("rbbbbb"))


def test_of_many_who_ask_at_once_one_gets_the_environment(journal: PostgresJournal) -> None:
    def ask(number: int) -> str:
        try:
            journal.runs.open(make_run(f"r{number:05}"))
        except PermanentError as error:
            return error.reference
        return "opened"

    with ThreadPoolExecutor(10) as threads:
        outcomes = sorted(threads.map(ask, range(20)))
    assert outcomes == ["another-run-active"] * 19 + ["opened"]


def test_of_many_who_approve_at_once_one_starts_the_run(journal: PostgresJournal) -> None:
    journal.runs.open(make_run())
    with ThreadPoolExecutor(10) as threads:
        outcomes = list(threads.map(lambda _: journal.runs.approve("raaaaa", PLAN.digest, STEPS), range(20)))
    assert outcomes.count(True) == 1
    run = journal.runs.find("raaaaa")
    assert run is not None
    assert run.state is RunState.APPROVED
    assert run.steps == STEPS


def test_approval_is_for_the_plan_s_digest(journal: PostgresJournal) -> None:
    journal.runs.open(make_run())
    assert not journal.runs.approve("raaaaa", "0" * 64, STEPS)
    assert state_of(journal) is RunState.PENDING


@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(hours=-1), timedelta(hours=1)])
def test_requests_expire_by_the_server_s_clock_whatever_a_replica_s_says(
    journal: PostgresJournal, clock: StoppedClock, ahead: timedelta
) -> None:
    now = journal.runs.now()
    clock.at = now + ahead
    assert now.utcoffset() == timedelta(0)
    assert abs(now - SystemClock().now()) < timedelta(minutes=1)
    minutes = timedelta(minutes=10)
    journal.runs.open(make_run("rlater", "dev", now, now + minutes))
    journal.runs.open(make_run("rover", "staging", now, now - minutes))
    assert journal.runs.expired() == ["rover"]
    for run_id, environment, open_yet in (("rlater", "dev", True), ("rover", "staging", False)):
        digest = replace(PLAN, environment=environment).digest
        reject = Vote("U1", Choice.REJECT, digest, "button", now)
        if not open_yet:
            with pytest.raises(PermanentError, match="request-expired"):
                journal.votes.cast(run_id, reject, counter())
        assert journal.runs.approve(run_id, digest, STEPS) == open_yet
        assert state_of(journal, run_id) is (RunState.APPROVED if open_yet else RunState.PENDING)
    assert journal.votes.decide("rover", replace(PLAN, environment="staging").digest, counter(0)) is None


@pytest.mark.parametrize("before", sorted(OPEN))
@pytest.mark.parametrize("after", sorted(set(RunState) - {RunState.PENDING, RunState.APPROVED, RunState.RUNNING}))
def test_a_run_ends_only_as_the_rules_say(journal: PostgresJournal, before: RunState, after: RunState) -> None:
    bring_to(journal, before)
    moved = journal.runs.end("raaaaa", after, "why", expect=OPEN)
    assert moved == (after in NEXT[before])
    assert state_of(journal) is (after if moved else before)


def test_an_ended_run_says_when_and_why(journal: PostgresJournal) -> None:
    journal.runs.open(make_run())
    assert journal.runs.end("raaaaa", RunState.REJECTED, "rejected by\0 <@U1>", expect=PENDING)
    run = journal.runs.find("raaaaa")
    assert run is not None
    assert run.ended_at is not None
    assert run.problem == "rejected by <@U1>"
    assert not journal.runs.end("raaaaa", RunState.CANCELLED, expect=OPEN)


@pytest.mark.parametrize("state", [RunState.PENDING, RunState.APPROVED, RunState.RUNNING])
def test_end_is_no_way_to_an_open_state(journal: PostgresJournal, state: RunState) -> None:
    with pytest.raises(TransitionError):
        journal.runs.end("raaaaa", state, expect=OPEN)


def test_a_parked_run_is_resumed_with_its_problem_forgotten_and_a_request_to_cancel_kept(
    journal: PostgresJournal,
) -> None:
    bring_to(journal, RunState.PARKED)
    journal.runs.request_cancel("raaaaa", "U1")
    assert journal.runs.resume("raaaaa")
    assert not journal.runs.resume("raaaaa")
    run = journal.runs.find("raaaaa")
    assert run is not None
    assert (run.state, run.problem, run.cancel_requested_by) == (RunState.APPROVED, "", "U1")
    assert run.steps == STEPS


def test_the_first_to_cancel_is_remembered(journal: PostgresJournal) -> None:
    journal.runs.open(make_run())
    journal.runs.request_cancel("raaaaa", "U1")
    journal.runs.request_cancel("raaaaa", "U2")
    run = journal.runs.find("raaaaa")
    assert run is not None
    assert run.cancel_requested_by == "U1"


def test_replanning_goes_back_to_pending_without_steps(journal: PostgresJournal) -> None:
    bring_to(journal, RunState.RUNNING)
    moved = replace(PLAN, schema_fingerprint="99" * 32)
    journal.runs.replan(lease(), asked_again(moved))
    run = journal.runs.find("raaaaa")
    assert run is not None
    assert (run.state, run.plan, run.steps, run.started_at) == (RunState.PENDING, moved, (), None)
    assert run.expires_at == NEVER
    assert not journal.runs.approve("raaaaa", PLAN.digest, STEPS)
    assert journal.runs.approve("raaaaa", moved.digest, STEPS)
