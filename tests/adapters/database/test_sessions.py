"""Sessions are terminated; one that cannot be is named, and the database opens again."""

import os
import signal
import threading
from collections.abc import Iterator

import psycopg
import pytest

from bot.adapters.database import PostgresDatabase
from bot.adapters.database.connections import Connection
from bot.errors import PermanentError
from bot.sandbox.physioflow.clones import Clone
from tests.adapters.database.sessions import is_alive, is_open


@pytest.fixture
def closed(database: PostgresDatabase) -> Iterator[PostgresDatabase]:
    access = database.take_exclusive_access("rtest1")
    yield database
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
    server.execute("REVOKE pg_signal_backend, physioflow_app FROM backstop_prod")
    try:
        with psycopg.connect(clone.app_dsn, autocommit=True) as app:
            with pytest.raises(PermanentError, match=r"database-refused: Closing the database failed: permission"):
                database.take_exclusive_access("rtest1")
            assert is_alive(app)
    finally:
        server.execute("GRANT pg_signal_backend, physioflow_app TO backstop_prod")
    assert is_open(server, clone)
