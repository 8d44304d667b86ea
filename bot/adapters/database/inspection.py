"""Reads facts about a database: its sessions, its tracking table, and the answers to read-only checks."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

from bot.adapters.database.connections import (
    QUERIES,
    STATEMENT_TIMEOUT_S,
    Connection,
    Connections,
    is_disconnect,
    safe_message,
    translated,
)
from bot.adapters.database.identity import read_identity
from bot.adapters.database.loader import read_loader
from bot.adapters.database.server import Server
from bot.adapters.database.sessions import BlockerWatch, build_session
from bot.adapters.database.tracking import TrackingTable
from bot.domain.catalogue import CheckResult, DatabaseFacts, Session
from bot.domain.migrations import AppliedMigration
from bot.errors import BotError, PermanentError

SHUT = -2
"""In the place of a connection limit: ALLOW_CONNECTIONS is false."""
IS_QUERY = re.compile(r"\s*(SELECT|WITH|VALUES|TABLE)\b", re.IGNORECASE)
WITHIN = (
    "SAVEPOINT before_check; SET LOCAL transaction_read_only = on; "
    f"SET LOCAL statement_timeout = {round(STATEMENT_TIMEOUT_S * 1000)}"
)


def inspect(server: Server, reader: Connections | None = None) -> DatabaseFacts:
    """Observe a database without waiting for anybody.

    One that is gone, closed or without a readable tracking table is a fact, which `unread` explains.

    Args:
        server: of the database.
        reader: opens the session that reads the tracking table; None for our own role.

    Raises:
        TemporaryError: ``table-locked``, ``database-unreachable``.
        PermanentError: ``database-unreachable``: the server refuses our login.
    """
    connections = server.connections
    with translated("Inspecting the database"), connections.maintenance() as conn:
        place = {"database": connections.database}
        row = conn.execute(QUERIES["database"], place).fetchall()[0]
        limit, size_bytes, version, can_take_exclusive_access, can_create, is_superuser, role = row
        tracked = _look(server, limit, is_superuser=is_superuser, reader=reader or connections)
        return DatabaseFacts(
            name=connections.database,
            server_version=version,
            size_bytes=size_bytes,
            applied=tracked.applied,
            unread=tracked.unread,
            exists=limit is not None,
            sessions=read_sessions(conn, connections, tracked.pid),
            prepared=tuple(gid for gid, *_ in conn.execute(QUERIES["prepared"], place)),
            can_take_exclusive_access=can_take_exclusive_access,
            can_create=can_create,
            accepts_connections=is_accepting(limit, is_superuser=is_superuser),
            slots=tuple(slot for (slot,) in conn.execute(QUERIES["slots"], place)),
            is_superuser=is_superuser,
            role=role,
            loader=read_loader(conn, server, connections.database),
            identity=read_identity(conn, connections),
        )


def read_sessions(conn: Connection, connections: Connections, *ours: int) -> tuple[Session, ...]:
    """List others' client sessions in the database."""
    rows = conn.execute(QUERIES["others"], {"database": connections.database, "ours": list(ours)})
    return tuple(build_session(row) for row in rows)


@dataclass(frozen=True)
class _Tracked:
    """The applied migrations, or why they are unknown, and the pid of the session that looked."""

    applied: tuple[AppliedMigration, ...] = ()
    unread: BotError | None = None
    pid: int = 0


def is_accepting(limit: int | None, *, is_superuser: bool) -> bool:
    """Say if a database lets anybody in but superusers: `limit` is its connection limit, `SHUT` or None for none.

    One that does not exist is not closed.
    """
    return limit is None or (limit != SHUT and (limit != 0 or is_superuser))


def _look(server: Server, limit: int | None, *, is_superuser: bool, reader: Connections) -> _Tracked:
    """Read the applied migrations. What makes that impossible is a fact about the database, unless time may help."""
    name = server.connections.database
    if limit is None:
        return _Tracked(unread=missing(name))
    if not is_accepting(limit, is_superuser=is_superuser):
        return _Tracked(unread=closed(name, limit))
    try:
        return _read_applied(server, reader)
    except PermanentError as error:
        return _Tracked(unread=error)


def missing(name: str) -> PermanentError:
    """Make the error for a database that is not there."""
    return PermanentError(
        "database-missing",
        f"The server has no database {name}.",
        "Restore a backup: it is made again with owner, settings and grants. Or correct the DSN.",
    )


def closed(name: str, limit: int) -> PermanentError:
    """Make the error for a database that lets nobody in; `limit` as of `is_accepting`."""
    how = "ALLOW_CONNECTIONS true" if limit == SHUT else "CONNECTION LIMIT -1"
    return PermanentError(
        "database-closed",
        f"{name} accepts no connections: somebody has closed it.",
        f"If no run is at work (/rollback status), open it: ALTER DATABASE {name} {how}.",
    )


def _read_applied(server: Server, reader: Connections) -> _Tracked:
    connections = server.connections
    with translated("Reading the tracking table"), reader.session(connections.database) as conn:
        pid = conn.info.backend_pid
        try:
            with BlockerWatch(connections, "Reading the tracking table", pid=pid):
                return _Tracked(TrackingTable(conn, server.tracking).applied(), pid=pid)
        except PermanentError as error:
            return _Tracked(unread=error, pid=pid)


def run_checks(conn: Connection, queries: Sequence[str], *, within: bool = False) -> list[CheckResult]:
    """Run checks: each is a SELECT or a bare expression that returns one true value.

    Args:
        conn: in autocommit.
        queries: each runs in a READ ONLY transaction that is rolled back.
        within: they run in the transaction under way instead, and see its changes; they may make none.

    Raises:
        psycopg.Error: the connection is gone.
    """
    # Read-only also in a savepoint: its rollback would not take back a sequence's new value.
    frame = (WITHIN, "ROLLBACK TO before_check; RELEASE before_check") if within else ("BEGIN READ ONLY", "ROLLBACK")
    return [_run_check(conn, query, *frame) for query in queries]


def _run_check(conn: Connection, query: str, begin: str, end: str) -> CheckResult:
    text = query.strip().removesuffix(";")
    conn.execute(begin.encode())
    try:
        # The binary format makes it the extended protocol, which takes one statement: no COMMIT can hide behind it.
        cursor = conn.cursor(binary=True)
        cursor.execute((text if IS_QUERY.match(text) else f"SELECT ({text})").encode())
        rows = cursor.fetchmany(2) if cursor.description else []
    except psycopg.Error as error:
        if is_disconnect(error):
            raise
        return CheckResult(query, ok=False, problem=safe_message(error))
    finally:
        if not conn.closed:
            conn.execute(end.encode())
    if len(rows) != 1 or len(rows[0]) != 1:
        return CheckResult(query, ok=False, problem="it does not give exactly one value")
    return CheckResult(query, ok=rows[0][0] is True, problem="" if rows[0][0] is True else "it is not true")
