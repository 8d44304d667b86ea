"""The queue: once each, quickly, through failures of handlers, workers and the server."""

import logging
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest

from bot.adapters.journal.connections import Pool
from bot.adapters.queue import POLL_S, ProcrastinateQueue, Worker
from bot.errors import TemporaryError
from bot.sandbox.postgres import free_port

PATIENCE_S = 20.0


class Calls:
    """Remembers what was asked of it; calls named ``slow…`` wait to be let go, ``bad…`` fail."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.go = threading.Event()
        self._changed = threading.Condition()

    def __call__(self, wanted: str) -> None:
        with self._changed:
            self.seen.append(wanted)
            self._changed.notify_all()
        if wanted.startswith("bad"):
            raise ValueError("no such thing")
        if wanted.startswith("slow"):
            self.go.wait(PATIENCE_S * 2)

    def wait_for(self, count: int) -> list[str]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.seen) >= count, PATIENCE_S), self.seen
            return list(self.seen)


@pytest.fixture
def queue(pool: Pool, state_dsn: str) -> Iterator[ProcrastinateQueue]:
    assert pool
    made = ProcrastinateQueue(state_dsn)
    yield made
    made.close()


@pytest.fixture
def requests() -> Iterator[Calls]:
    calls = Calls()
    yield calls
    calls.go.set()


@pytest.fixture
def runs() -> Iterator[Calls]:
    calls = Calls()
    yield calls
    calls.go.set()


@contextmanager
def working(dsn: str, requests: Calls, runs: Calls, requests_at_once: int = 2) -> Iterator[Worker]:
    worker = Worker(dsn, requests, runs, requests_at_once, 2)
    worker.start()
    try:
        yield worker
    finally:
        requests.go.set()
        runs.go.set()
        worker.stop(PATIENCE_S)


def count_jobs(pool: Pool, where: str = "true") -> int:
    with pool.connection() as connection:
        cursor = connection.cursor(row_factory=psycopg.rows.scalar_row)
        return int(cursor.execute(f"SELECT count(*) FROM procrastinate_jobs WHERE {where}".encode()).fetchone() or 0)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


def test_deferring_twice_makes_one_job(queue: ProcrastinateQueue, pool: Pool) -> None:
    for _ in range(3):
        queue.defer_request("r1")
        queue.defer_run("r1")
    assert count_jobs(pool) == 2


def test_jobs_reach_their_handlers_and_leave_nothing_behind(
    queue: ProcrastinateQueue, pool: Pool, state_dsn: str, requests: Calls, runs: Calls
) -> None:
    queue.defer_request("before")
    with working(state_dsn, requests, runs):
        requests.wait_for(1)
        queue.defer_request("after")
        queue.defer_run("raaaaa")
        assert requests.wait_for(2) == ["before", "after"]
        assert runs.wait_for(1) == ["raaaaa"]
        wait_until(lambda: count_jobs(pool) == 0)


def test_jobs_keep_no_request_waiting(
    queue: ProcrastinateQueue, pool: Pool, state_dsn: str, requests: Calls, runs: Calls
) -> None:
    for number in range(4):
        queue.defer_job(f"slow{number}")
    queue.defer_job("slow0")
    assert count_jobs(pool) == 4
    with working(state_dsn, requests, runs):
        requests.wait_for(4)
        queue.defer_request("vote")
        assert requests.wait_for(5)[-1] == "vote"


def test_a_job_starts_at_once(queue: ProcrastinateQueue, state_dsn: str, requests: Calls, runs: Calls) -> None:
    with working(state_dsn, requests, runs):
        taken_s = []
        for number in range(7):
            started = time.monotonic()
            queue.defer_request(f"r{number}")
            requests.wait_for(number + 1)
            taken_s.append(time.monotonic() - started)
        assert statistics.median(taken_s) < POLL_S / 2, "by notification, not by polling"


def test_two_workers_do_each_job_once(queue: ProcrastinateQueue, state_dsn: str, requests: Calls, runs: Calls) -> None:
    wanted = [f"r{number}" for number in range(30)]
    with working(state_dsn, requests, runs), working(state_dsn, requests, runs):
        for name in wanted:
            queue.defer_request(name)
        requests.wait_for(30)
        time.sleep(0.1)
    assert sorted(requests.seen) == sorted(wanted)


def test_long_runs_keep_no_request_waiting(
    queue: ProcrastinateQueue, state_dsn: str, requests: Calls, runs: Calls
) -> None:
    with working(state_dsn, requests, runs):
        for name in ("slow1", "slow2", "slow3"):
            queue.defer_run(name)
        runs.wait_for(2)
        queue.defer_request("quick")
        assert requests.wait_for(1) == ["quick"]
        assert runs.seen == ["slow1", "slow2"], "the third waits for a place"


def test_a_run_deferred_while_its_job_is_under_way_is_taken_up_again(
    queue: ProcrastinateQueue, state_dsn: str, requests: Calls, runs: Calls
) -> None:
    with working(state_dsn, requests, runs):
        queue.defer_run("slow")
        runs.wait_for(1)
        queue.defer_run("slow")
        assert runs.wait_for(2) == ["slow", "slow"]


def test_a_handler_that_fails_is_logged_and_the_next_job_goes_on(
    queue: ProcrastinateQueue,
    pool: Pool,
    state_dsn: str,
    requests: Calls,
    runs: Calls,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with working(state_dsn, requests, runs):
        queue.defer_request("bad")
        queue.defer_request("good")
        requests.wait_for(2)
        wait_until(lambda: count_jobs(pool) == 0)
    logged = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [record.getMessage() for record in logged] == ["requests: bad failed"]
    assert logged[0].exc_info is not None


def test_stopping_waits_for_what_is_under_way(
    queue: ProcrastinateQueue, pool: Pool, state_dsn: str, requests: Calls, runs: Calls
) -> None:
    worker = Worker(state_dsn, requests, runs)
    worker.start()
    queue.defer_run("slow")
    runs.wait_for(1)
    threading.Timer(0.2, runs.go.set).start()
    worker.stop(PATIENCE_S)
    assert runs.go.is_set()
    assert count_jobs(pool) == 0


def test_stopping_leaves_behind_what_takes_too_long(
    queue: ProcrastinateQueue, state_dsn: str, requests: Calls, runs: Calls
) -> None:
    worker = Worker(state_dsn, requests, runs)
    worker.start()
    queue.defer_run("slow")
    runs.wait_for(1)
    started = time.monotonic()
    worker.stop(0.1)
    assert time.monotonic() - started < 20
    assert not worker._thread.is_alive()
    assert not runs.go.is_set()


def test_a_worker_that_is_stopped_at_once_or_never_started_stops(state_dsn: str, requests: Calls, runs: Calls) -> None:
    Worker(state_dsn, requests, runs).stop(1)
    worker = Worker(state_dsn, requests, runs)
    worker.start()
    worker.stop(1)
    assert not worker._thread.is_alive()


def test_jobs_of_dead_workers_are_closed(queue: ProcrastinateQueue, pool: Pool) -> None:
    for name in ("dead", "gone", "alive"):
        queue.defer_run(name)
    with pool.connection() as connection:
        connection.execute("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 minute')")
        connection.execute("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now())")
        for lock, worker in (("dead", "min(id)"), ("gone", "NULLIF(max(id), max(id))"), ("alive", "max(id)")):
            connection.execute(
                f"UPDATE procrastinate_jobs SET status = 'doing', worker_id = (SELECT {worker} "
                f"FROM procrastinate_workers) WHERE queueing_lock = 'run:{lock}'".encode()
            )
    assert queue.heal() == 2
    assert count_jobs(pool, "queueing_lock = 'run:alive'") == 1
    queue.defer_run("dead")
    assert count_jobs(pool) == 2


def test_work_goes_on_after_every_connection_was_lost(
    queue: ProcrastinateQueue, pool: Pool, state_dsn: str, requests: Calls, runs: Calls
) -> None:
    with working(state_dsn, requests, runs):
        queue.defer_run("slow")
        runs.wait_for(1)
        with pool.connection() as other:
            other.execute(
                "SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity WHERE application_name = 'backstop queue'"
            )
        queue.defer_request("after")
        requests.wait_for(1)


def test_an_unreachable_server_is_a_temporary_error(requests: Calls, runs: Calls) -> None:
    dsn = f"postgresql://bot:sesame@127.0.0.1:{free_port()}/state"
    queue = ProcrastinateQueue(dsn)
    queue._pool.timeout = 0.2
    try:
        with pytest.raises(TemporaryError, match="queue-unreachable") as refused:
            queue.defer_request("r1")
    finally:
        queue.close()
    assert "sesame" not in str(refused.value)
    with working(dsn, requests, runs):
        time.sleep(0.2)
