"""Ownership: leases, fencing tokens, steps."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from bot.adapters.journal import Pool, PostgresJournal
from bot.domain.runs import Progress, RunState, Step, StepState
from bot.errors import PermanentError
from tests.adapters.samples import PLAN, STEPS, asked_again, lease, make_run

RUNNING = frozenset({RunState.RUNNING})
SHORT_S = 0.02
KEY = "stop-traffic"


@pytest.fixture
def approved(journal: PostgresJournal) -> PostgresJournal:
    journal.runs.open(make_run())
    assert journal.runs.approve("raaaaa", PLAN.digest, STEPS)
    return journal


def step_of(journal: PostgresJournal, key: str = KEY) -> Step:
    run = journal.runs.find("raaaaa")
    assert run is not None
    return run.step(key)


def test_taking_a_run_starts_it_with_a_new_fencing_token(approved: PostgresJournal) -> None:
    assert approved.runs.unowned() == ["raaaaa"]
    run = approved.runs.take("raaaaa", "bot:1", 30)
    assert run is not None
    assert (run.state, run.fencing_token, run.steps) == (RunState.RUNNING, 1, STEPS)
    assert run.started_at is not None
    assert approved.runs.unowned() == []
    assert approved.runs.take("raaaaa", "bot:1", 30) is None, "not even its owner takes it twice"


def test_a_pending_or_unknown_run_cannot_be_taken(journal: PostgresJournal) -> None:
    journal.runs.open(make_run())
    assert journal.runs.take("raaaaa", "bot:1", 30) is None
    assert journal.runs.take("rzzzzz", "bot:1", 30) is None


def test_of_many_who_take_a_run_at_once_one_owns_it(approved: PostgresJournal) -> None:
    with ThreadPoolExecutor(10) as threads:
        taken = list(threads.map(lambda number: approved.runs.take("raaaaa", f"bot:{number}", 30), range(20)))
    assert [run.fencing_token for run in taken if run is not None] == [1]


def test_a_run_whose_lease_has_ended_is_taken_over_and_keeps_its_start(approved: PostgresJournal) -> None:
    first = approved.runs.take("raaaaa", "bot:1", SHORT_S)
    assert first is not None
    time.sleep(SHORT_S * 2)
    assert approved.runs.unowned() == ["raaaaa"]
    second = approved.runs.take("raaaaa", "bot:2", 30)
    assert second is not None
    assert (second.fencing_token, second.started_at) == (2, first.started_at)


def test_a_renewed_lease_holds(approved: PostgresJournal) -> None:
    assert approved.runs.take("raaaaa", "bot:1", SHORT_S) is not None
    approved.leases.renew(lease(1), 30)
    time.sleep(SHORT_S * 2)
    assert approved.runs.take("raaaaa", "bot:2", 30) is None


@pytest.mark.parametrize(
    "write",
    [
        lambda journal: journal.leases.renew(lease(1), 30),
        lambda journal: journal.leases.record_step(lease(1), KEY, StepState.DONE),
        lambda journal: journal.leases.record_progress(lease(1), KEY, Progress(1, 2, "pods")),
        lambda journal: journal.leases.remember(lease(1), KEY, {"transactions": ["7"]}),
        lambda journal: journal.runs.replan(lease(1), asked_again(PLAN)),
        lambda journal: journal.runs.end("raaaaa", RunState.SUCCEEDED, expect=RUNNING, fencing_token=1),
    ],
    ids=["renew", "record_step", "record_progress", "remember", "replan", "end"],
)
def test_an_owner_who_was_replaced_can_write_nothing(
    approved: PostgresJournal, write: Callable[[PostgresJournal], object]
) -> None:
    assert approved.runs.take("raaaaa", "bot:1", SHORT_S) is not None
    time.sleep(SHORT_S * 2)
    assert approved.runs.take("raaaaa", "bot:2", 30) is not None
    before = approved.runs.find("raaaaa")
    with pytest.raises(PermanentError, match="fenced-off"):
        write(approved)
    assert approved.runs.find("raaaaa") == before


def test_an_owner_ends_its_run_and_may_still_close_a_step(approved: PostgresJournal) -> None:
    assert approved.runs.take("raaaaa", "bot:1", 30) is not None
    assert approved.runs.end("raaaaa", RunState.SUCCEEDED, expect=RUNNING, fencing_token=1)
    approved.leases.record_step(lease(1), KEY, StepState.DONE, "closed by people")
    assert step_of(approved).detail == "closed by people"
    assert not approved.runs.end("raaaaa", RunState.SUCCEEDED, expect=RUNNING, fencing_token=1)


def test_ending_a_running_run_from_outside_fences_its_owner_off(approved: PostgresJournal) -> None:
    assert approved.runs.take("raaaaa", "bot:1", 30) is not None
    assert approved.runs.end("raaaaa", RunState.CANCELLED, expect=RUNNING)
    with pytest.raises(PermanentError, match="fenced-off"):
        approved.leases.record_step(lease(1), KEY, StepState.DONE)


def test_a_step_s_life(approved: PostgresJournal) -> None:
    assert approved.runs.take("raaaaa", "bot:1", 30) is not None
    approved.leases.record_step(lease(1), KEY, StepState.RUNNING)
    approved.leases.record_progress(lease(1), KEY, Progress(1, 3, "pods"))
    running = step_of(approved)
    assert (running.state, running.attempts, running.progress) == (StepState.RUNNING, 1, Progress(1, 3, "pods"))
    assert running.started_at is not None
    assert running.ended_at is None
    assert running.data == {"replicas": {"api": 3}}

    approved.leases.record_step(lease(1), KEY, StepState.FAILED, "a pod would not go", {"left": ["api-1"]})
    failed = step_of(approved)
    assert (failed.state, failed.detail, failed.data) == (StepState.FAILED, "a pod would not go", {"left": ["api-1"]})
    assert failed.elapsed_s is not None
    assert failed.elapsed_s >= 0
    assert failed.progress is None

    approved.leases.record_step(lease(1), KEY, StepState.RUNNING)
    again = step_of(approved)
    assert (again.attempts, again.ended_at, again.data) == (2, None, {"left": ["api-1"]})
    assert again.started_at is not None
    assert again.started_at > running.started_at
    assert again.started_at.utcoffset() == timedelta(0)
    assert step_of(approved, "recheck-plan") == STEPS[0]


def test_a_step_that_is_not_on_the_checklist_is_refused(approved: PostgresJournal) -> None:
    assert approved.runs.take("raaaaa", "bot:1", 30) is not None
    with pytest.raises(PermanentError, match="unknown-step"):
        approved.leases.record_step(lease(1), "make-coffee", StepState.DONE)


def test_a_step_is_not_written_while_another_owner_takes_over(approved: PostgresJournal, pool: Pool) -> None:
    """The write waits for the take-over that is under way, and is then refused."""
    assert approved.runs.take("raaaaa", "bot:1", SHORT_S) is not None
    with pool.connection() as other, ThreadPoolExecutor(1) as thread:
        other.execute("UPDATE backstop.leases SET fencing_token = 2 WHERE work_id = 'raaaaa'")
        write = thread.submit(approved.leases.record_step, lease(1), KEY, StepState.DONE)
        time.sleep(SHORT_S)
        assert not write.done()
        other.commit()
        with pytest.raises(PermanentError, match="fenced-off"):
            write.result(5)
