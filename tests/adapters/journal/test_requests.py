"""Requests and freezes."""

import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from bot.adapters.clock import SystemClock
from bot.adapters.journal import Pool, PostgresJournal
from bot.errors import TemporaryError
from bot.ports import Request
from tests.fakes.keyring import KEYRING

REQUEST = Request("slash:1", "rollback", {"environment": "prod", "reason": "tiếng Việt \0 \ud800 <&>", "n": [1, 2.5]})


def read(journal: PostgresJournal, request_id: str) -> Request | None:
    with journal.requests.claim(request_id) as claim:
        return claim.request if claim else None


def finish(journal: PostgresJournal, request_id: str, problem: str = "") -> None:
    with journal.requests.claim(request_id) as claim:
        assert claim is not None
        claim.finish(problem)


def test_a_request_comes_back_to_the_character(journal: PostgresJournal) -> None:
    assert journal.requests.accept(REQUEST)
    assert read(journal, "slash:1") == REQUEST


def test_a_redelivery_is_recognised_even_after_it_was_finished(journal: PostgresJournal) -> None:
    assert journal.requests.accept(REQUEST)
    assert not journal.requests.accept(REQUEST)
    finish(journal, "slash:1", "refused: no")
    assert read(journal, "slash:1") is None
    assert not journal.requests.accept(REQUEST)


def test_of_many_deliveries_at_once_one_is_accepted(journal: PostgresJournal) -> None:
    with ThreadPoolExecutor(10) as threads:
        assert list(threads.map(lambda _: journal.requests.accept(REQUEST), range(20))).count(True) == 1


def test_unfinished_requests_are_found_once_they_are_old_enough(journal: PostgresJournal) -> None:
    for number in range(3):
        journal.requests.accept(Request(f"slash:{number}", "status"))
    finish(journal, "slash:1")
    assert journal.requests.unfinished(60) == []
    time.sleep(0.02)
    assert [request.id for request in journal.requests.unfinished(0.01)] == ["slash:0", "slash:2"]


def test_a_held_request_is_nobody_elses_and_is_not_swept(journal: PostgresJournal) -> None:
    journal.requests.accept(REQUEST)
    with journal.requests.claim("slash:1") as held:
        assert held is not None
        assert read(journal, "slash:1") is None
        assert journal.requests.unfinished(0) == []
        assert journal.requests.under_way() == [REQUEST]
    assert read(journal, "slash:1") == REQUEST


def test_a_holder_that_breaks_off_leaves_it_unfinished(journal: PostgresJournal) -> None:
    journal.requests.accept(REQUEST)

    def break_off() -> None:
        with journal.requests.claim("slash:1") as claim:
            assert claim is not None
            claim.finish()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        break_off()
    assert read(journal, "slash:1") == REQUEST


def test_an_unknown_request_is_none(journal: PostgresJournal) -> None:
    assert read(journal, "slash:9") is None


def test_a_frozen_environment_says_who_and_why(journal: PostgresJournal) -> None:
    assert journal.freezes.frozen("prod") is None
    journal.freezes.freeze("prod", "U0LEAD", "month-end billing")
    journal.freezes.freeze("staging", "cli:root", "")
    prod, staging = journal.freezes.frozen("prod"), journal.freezes.frozen("staging")
    assert prod is not None
    assert staging is not None
    assert prod.startswith("<@U0LEAD> froze prod at 2")
    assert prod.endswith(" UTC: month-end billing")
    assert staging.startswith("cli:root froze staging at 2")
    assert staging.endswith(" UTC.")
    journal.freezes.unfreeze("prod")
    assert journal.freezes.frozen("prod") is None


def test_what_is_under_way_is_everything_nobody_has_finished(journal: PostgresJournal) -> None:
    for number in range(3):
        journal.requests.accept(Request(f"slash:{number}", "undo", {"run_id": f"r{number}"}))
    finish(journal, "slash:1", "refused: no")
    assert [request.payload["run_id"] for request in journal.requests.under_way()] == ["r0", "r2"]


TAKES_AND_DIES = """
import os, signal, sys
from bot.adapters.clock import SystemClock
from bot.adapters.journal import PostgresJournal, open_pool
from tests.fakes.keyring import KEYRING
pool = open_pool(sys.argv[1], max_size=2)
with PostgresJournal(pool, SystemClock(), KEYRING).requests.claim("slash:1") as claim:
    print(claim.interrupted, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def die_handling(dsn: str) -> int:
    """Let a process take the request and be killed; returns how many died before it."""
    command = [sys.executable, "-c", TAKES_AND_DIES, dsn]
    killed = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 -- ours
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    return int(killed.stdout)


def claimed(journal: PostgresJournal) -> int:
    """Take the request once its dead holder's session has gone, leave it; returns how many have died."""
    for _ in range(100):
        with journal.requests.claim("slash:1") as claim:
            if claim is not None:
                return claim.interrupted
        time.sleep(0.05)
    raise AssertionError("nobody could take it")


def test_processes_that_were_killed_in_the_middle_are_counted(journal: PostgresJournal, state_dsn: str) -> None:
    journal.requests.accept(REQUEST)
    for deaths in range(3):
        assert die_handling(state_dsn) == deaths
        assert claimed(journal) == deaths + 1
    assert claimed(journal) == 3, "who leaves it for later has not died"


def test_what_breaks_off_and_what_is_left_is_not_counted(journal: PostgresJournal, pool: Pool) -> None:
    journal.requests.accept(REQUEST)
    other = PostgresJournal(pool, SystemClock(), KEYRING)
    with suppress(ZeroDivisionError), journal.requests.claim("slash:1"):
        raise ZeroDivisionError
    assert claimed(other) == 0
    assert claimed(journal) == 0


def test_a_process_that_loses_its_session_and_lives_is_not_counted(journal: PostgresJournal, pool: Pool) -> None:
    journal.requests.accept(REQUEST)
    with suppress(TemporaryError), journal.requests.claim("slash:1") as claim:
        assert claim is not None
        with pool.connection() as conn:
            conn.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE state = 'idle in transaction' AND datname = current_database() AND pid <> pg_backend_pid()"
            )
        claim.finish()
    assert claimed(journal) == 0


def test_attempts_are_forgotten_with_the_end_of_a_request(journal: PostgresJournal, pool: Pool) -> None:
    journal.requests.accept(REQUEST)
    finish(journal, "slash:1")
    with pool.connection() as conn:
        assert conn.execute("SELECT count(*) AS n FROM backstop.request_attempts").fetchone() in ((0,), {"n": 0})
