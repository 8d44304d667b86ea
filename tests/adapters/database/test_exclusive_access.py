import os
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress

import psycopg
import pytest

from bot.adapters.database import PostgresDatabase
from bot.adapters.database.connections import Connection
from bot.domain.migrations import DownScript
from bot.errors import PermanentError
from bot.sandbox.physioflow.clones import Clone
from tests.adapters.database.conftest import REMAINING

Chain = tuple[DownScript, ...]


def is_open(server: Connection, clone: Clone) -> bool:
    query = "SELECT datallowconn FROM pg_database WHERE datname = %s"
    return bool(server.execute(query, (clone.name,)).fetchall()[0][0])


def is_alive(conn: Connection) -> bool:
    try:
        conn.execute("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True


@pytest.fixture
def closed(database: PostgresDatabase) -> Iterator[PostgresDatabase]:
    access = database.take_exclusive_access("rtest1")
    yield database
    access.close()
    database.reopen()


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


def test_a_superuser_s_session_is_named_and_nobody_is_thrown_out(
    database: PostgresDatabase, owner: Connection, superuser: Connection, clone: Clone, server: Connection
) -> None:
    with pytest.raises(PermanentError, match="session-cannot-be-ended") as caught:
        database.take_exclusive_access("rtest1")

    named = f"pid {superuser.info.backend_pid} (superuser at work, postgres, idle"
    assert named in caught.value.message
    assert is_alive(owner)
    assert is_alive(superuser)
    assert is_open(server, clone)


def test_a_superuser_who_only_looks_in_is_waited_for(database: PostgresDatabase, superuser: Connection) -> None:
    leaving = threading.Timer(0.3, superuser.close)
    leaving.start()
    access = database.take_exclusive_access("rtest1")
    leaving.join()
    access.close()
    database.reopen()


def test_a_prepared_transaction_is_named_and_nobody_is_thrown_out(
    database: PostgresDatabase, owner: Connection, clone: Clone, server: Connection
) -> None:
    owner.execute("BEGIN; DELETE FROM feature_flag_audit_log; PREPARE TRANSACTION 'half done'")

    try:
        with pytest.raises(PermanentError, match=r"prepared-transaction: .*'half done' of physioflow_prod, 0 s old"):
            database.take_exclusive_access("rtest1")
        assert is_alive(owner)
        assert is_open(server, clone)
    finally:
        owner.execute("ROLLBACK PREPARED 'half done'")


def test_a_fence_left_by_a_dead_process_is_taken_over(
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


def test_a_fence_whose_session_broke_fences_again(
    database: PostgresDatabase, chain: Chain, clone: Clone, server: Connection
) -> None:
    access = database.take_exclusive_access("rtest1")
    server.execute("SELECT pg_terminate_backend(%s, 5000)", (access._conn.info.backend_pid,))
    assert not is_alive(access._conn)

    assert access.run_chain(chain, REMAINING, (), lambda: None).removed == (27, 26, 25, 24)

    assert not is_open(server, clone)
    access.close()
    database.reopen()


def test_sessions_and_facts_are_seen_while_it_is_closed(closed: PostgresDatabase) -> None:
    assert not closed.inspect().accepts_connections
    assert closed.mark_restore_point("backstop_rtest1").count("/") == 1
    assert closed.recovery_options()


def test_a_session_that_will_not_go_opens_the_database_again(
    database: PostgresDatabase, owner: Connection, clone: Clone, server: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.adapters.database.sessions.PATIENCE_S", 0.2)
    os.kill(owner.info.backend_pid, signal.SIGSTOP)  # a backend that hangs in the kernel looks like this
    try:
        with pytest.raises(PermanentError, match=r"session-cannot-be-ended: .*owner at work"):
            database.take_exclusive_access("rtest1")
    finally:
        os.kill(owner.info.backend_pid, signal.SIGCONT)

    assert is_open(server, clone)


def test_a_right_that_is_missing_opens_the_database_again(
    database: PostgresDatabase, clone: Clone, server: Connection
) -> None:
    server.execute("REVOKE pg_signal_backend FROM physioflow_prod")
    try:
        with psycopg.connect(clone.app_dsn, autocommit=True) as app:
            with pytest.raises(PermanentError, match=r"database-refused: Closing the database failed: permission"):
                database.take_exclusive_access("rtest1")
            assert is_alive(app)
    finally:
        server.execute("GRANT pg_signal_backend TO physioflow_prod")
    assert is_open(server, clone)
