"""Facts about a database, without waiting for anybody."""

import psycopg

from bot.adapters.database.blockers import BlockerWatch, session_of
from bot.adapters.database.connections import Connection, Connections
from bot.adapters.database.failures import translated
from bot.adapters.database.tracking import Tracking, TrackingTable
from bot.adapters.named_queries import load
from bot.domain.catalogue import DatabaseFacts, Session
from bot.domain.migrations import AppliedMigration
from bot.errors import PermanentError

QUERIES = load("sql.checks", "sessions.sql")


def inspect(connections: Connections, tracking: Tracking) -> DatabaseFacts:
    """Observe it. A closed database is seen from beside it, without its tracking table.

    Raises:
        TemporaryError: ``table-locked``, ``database-unreachable``.
        PermanentError: ``tracking-table-unreadable``, ``database-unreachable``.
    """
    with translated("Inspecting the database"), connections.maintenance() as server:
        who = {"database": connections.database}
        row = server.execute(QUERIES["database"], who).fetchone()
        if row is None:
            raise PermanentError("database-unreachable", "There is no such database on the server.", "Check the DSN.")
        is_open, size_bytes, version, can_fence, can_create, is_superuser, role = row
        applied, ours = _read_tracking(connections, tracking) if is_open else ((), 0)
        return DatabaseFacts(
            name=connections.database,
            server_version=version,
            size_bytes=size_bytes,
            applied=applied,
            sessions=read_sessions(server, connections, ours),
            prepared=tuple(gid for gid, *_ in server.execute(QUERIES["prepared"], who)),
            can_fence=can_fence,
            can_create=can_create,
            accepts_connections=is_open,
            slots=tuple(slot for (slot,) in server.execute(QUERIES["slots"], who)),
            is_superuser=is_superuser,
            role=role,
        )


def read_sessions(server: Connection, connections: Connections, *ours: int) -> tuple[Session, ...]:
    """Others' client sessions in the database."""
    rows = server.execute(QUERIES["others"], {"database": connections.database, "ours": list(ours)})
    return tuple(session_of(row) for row in rows)


def _read_tracking(connections: Connections, tracking: Tracking) -> tuple[tuple[AppliedMigration, ...], int]:
    with connections.session() as conn, BlockerWatch(connections, pid=conn.info.backend_pid) as watch:
        try:
            return TrackingTable(conn, tracking).applied(), conn.info.backend_pid
        except psycopg.errors.LockNotAvailable as error:
            raise watch.locked("Reading the tracking table") from error
