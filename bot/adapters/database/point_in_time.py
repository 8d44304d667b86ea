"""Describes the reach of point-in-time recovery, and marks restore points; works while the database is closed."""

from collections.abc import Sequence

import psycopg

from bot.adapters.database.connections import Connection
from bot.adapters.named_queries import load

QUERIES = load("sql.checks", "recovery.sql")
NAME_LENGTH = 63


def describe_recovery(conn: Connection) -> Sequence[str]:
    """Describe archiving, its failures, the WAL position and slots, one fact per line."""
    mode, level, count, last, last_at, failed, failed_wal, failed_at, failing = conn.execute(
        QUERIES["archiver"]
    ).fetchall()[0]
    lines = [f"WAL archiving is {mode}, wal_level {level}."]
    if mode == "off":
        lines.append("Point-in-time recovery is not possible from this server: nothing is archived.")
    elif last:
        lines.append(f"Archived {count} segments, the last one {last} at {last_at:%Y-%m-%d %H:%M:%S %Z}.")
    else:
        lines.append("Nothing has been archived yet.")
    if failed:
        state = "Archiving fails" if failing else "Archiving failed earlier"
        lines.append(f"{state}: {failed} times, the last for {failed_wal} at {failed_at:%Y-%m-%d %H:%M:%S %Z}.")
    lines.append(f"The WAL is at {conn.execute(QUERIES['position']).fetchall()[0][0]}.")
    for name, kind, active in conn.execute(QUERIES["slots"]):
        lines.append(f"Replication slot {name} ({kind}) is {'active' if active else 'inactive'}.")
    return lines


def mark_restore_point(conn: Connection, name: str) -> str:
    """Create a restore point and return its LSN; without the right to do so, return the current LSN."""
    try:
        query = "SELECT pg_catalog.pg_create_restore_point(%s)::text"
        return str(conn.execute(query, (name[:NAME_LENGTH],)).fetchall()[0][0])
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.ObjectNotInPrerequisiteState):
        return str(conn.execute(QUERIES["position"]).fetchall()[0][0])
