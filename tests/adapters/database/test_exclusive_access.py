"""A database closed to others: everybody is out, and nobody gets in."""

import threading
from contextlib import suppress

import psycopg
import pytest

from bot.adapters.database import PostgresDatabase
from bot.adapters.database.connections import Connection
from bot.domain.migrations import DownScript
from bot.sandbox.physioflow.clones import Clone
from tests.adapters.database.conftest import REMAINING
from tests.adapters.database.sessions import is_alive, is_open

Chain = tuple[DownScript, ...]


def test_everybody_else_is_out_and_nobody_gets_in(database: PostgresDatabase, clone: Clone, server: Connection) -> None:
    apps = [psycopg.connect(clone.app_dsn, autocommit=True) for _ in range(20)]

    access = database.take_exclusive_access("rtest1")

    assert [is_alive(app) for app in apps] == [False] * 20
    assert len(database.other_sessions()) == 1, "only our own session"
    for dsn in (clone.app_dsn, clone.owner_dsn, clone.superuser_dsn):
        with pytest.raises(psycopg.OperationalError, match="not currently accepting connections"):
            psycopg.connect(dsn)
    access.close()
    assert not is_open(server, clone), "closing the session opens nothing"
    database.reopen()
    database.reopen()
    psycopg.connect(clone.app_dsn).close()


def test_clients_that_reconnect_in_a_tight_loop_do_not_win(database: PostgresDatabase, clone: Clone) -> None:
    stop = threading.Event()
    connected = threading.Semaphore(0)

    def knock() -> None:
        while not stop.is_set():
            with suppress(psycopg.Error), psycopg.connect(clone.app_dsn, autocommit=True) as conn:
                connected.release()
                while not stop.is_set():
                    conn.execute("SELECT pg_sleep(0.001)")

    knockers = [threading.Thread(target=knock) for _ in range(3)]
    for knocker in knockers:
        knocker.start()
    try:
        for _ in knockers:
            assert connected.acquire(timeout=10)
        access = database.take_exclusive_access("rtest1")
        assert [session.application for session in database.other_sessions()] == ["backstop"]
        access.close()
    finally:
        stop.set()
        for knocker in knockers:
            knocker.join()
        database.reopen()


def test_an_app_that_takes_every_connection_there_may_be(
    database: PostgresDatabase, clone: Clone, server: Connection
) -> None:
    server.execute(f"ALTER DATABASE {clone.name} CONNECTION LIMIT 2".encode())
    apps = [psycopg.connect(clone.app_dsn, autocommit=True) for _ in range(2)]

    access = database.take_exclusive_access("rtest1")

    assert [is_alive(app) for app in apps] == [False, False]
    access.close()
    database.reopen()


def test_exclusive_access_left_by_a_dead_process_is_taken_over(
    database: PostgresDatabase, chain: Chain, clone: Clone, server: Connection
) -> None:
    left = database.take_exclusive_access("rtest1")
    left._conn.execute("BEGIN; DROP TABLE feature_flag_audit_log")  # and its backend has not noticed that it is dead

    access = database.take_exclusive_access("rtest1")

    assert not is_open(server, clone)
    assert not is_alive(left._conn)
    assert access.run_chain(chain, REMAINING, (), lambda: None).removed == (27, 26, 25, 24)
    left.close()
    access.close()
    database.reopen()


def test_exclusive_access_whose_session_broke_is_taken_again(
    database: PostgresDatabase, chain: Chain, clone: Clone, server: Connection
) -> None:
    access = database.take_exclusive_access("rtest1")
    server.execute("SELECT pg_terminate_backend(%s, 5000)", (access._conn.info.backend_pid,))
    assert not is_alive(access._conn)

    assert access.run_chain(chain, REMAINING, (), lambda: None).removed == (27, 26, 25, 24)

    assert not is_open(server, clone)
    access.close()
    database.reopen()
