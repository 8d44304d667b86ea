"""Runs PhysioFlow's migrations: one transaction and one row in ``schema_migrations`` per migration."""

from pathlib import Path
from typing import Any

import psycopg

UP_DIR = Path(__file__).parent / "up"
NEWEST = 27
NULLS_NOT_DISTINCT_SINCE = 150000

TRACKING_TABLE = """
CREATE TABLE IF NOT EXISTS schema_migrations (name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())
"""
HAS_VERSION = """
SELECT EXISTS (SELECT FROM pg_attribute
               WHERE attrelid = 'schema_migrations'::regclass AND attname = 'version' AND NOT attisdropped)
"""


def migrate(conn: psycopg.Connection[Any], to: int = NEWEST) -> list[str]:
    """Apply what is missing up to migration ``to`` (1-27), oldest first; return the names applied."""
    conn.execute(TRACKING_TABLE)
    present = {name for (name,) in conn.execute("SELECT name FROM schema_migrations")}
    missing = [path for path in sorted(UP_DIR.glob("*.sql")) if path.stem not in present and number(path.stem) <= to]
    for path in missing:
        with conn.transaction():
            conn.execute(_read(path, conn.info.server_version))
            _record(conn, path.stem)
    return [path.stem for path in missing]


def _read(path: Path, server_version: int) -> bytes:
    """Read a migration in words that the server knows."""
    # PostgreSQL 14 has no such constraint: there, two rows without a clinic may have the same name.
    text = path.read_bytes()
    return text if server_version >= NULLS_NOT_DISTINCT_SINCE else text.replace(b" NULLS NOT DISTINCT", b"")


def number(name: str) -> int:
    """Return a migration's number, e.g. 27 for ``027_feature_flags``."""
    return int(name.partition("_")[0])


def _record(conn: psycopg.Connection[Any], name: str) -> None:
    (has_version,) = next(conn.execute(HAS_VERSION))
    if has_version:
        conn.execute("INSERT INTO schema_migrations (name, version) VALUES (%s, %s)", (name, name.partition("_")[0]))
    else:
        conn.execute("INSERT INTO schema_migrations (name) VALUES (%s)", (name,))
