"""Builds the sample at two sizes: seeded once, then grown by more of the same rows."""

import os
from dataclasses import dataclass

import psycopg
from psycopg import sql

from bot.sandbox.physioflow import clones
from bot.sandbox.postgres import PostgresServer
from tests.bench.places import DATABASE

SCALE_MB = 31.4
"""What scale 1 of the sample takes on disk."""

TEMPLATE = "bench_sample"
GROWING = (
    "clinical_notes",
    "treatments",
    "appointments",
    "reevaluation_assessments",
    "audit_log",
    "rom_assessments",
    "mmt_assessments",
    "outcome_measures",
    "pain_locations",
)
COLUMNS = """
SELECT attname FROM pg_attribute
WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' AND attname <> 'id'
"""


@dataclass(frozen=True)
class Sizes:
    """Target sizes of the databases, in MB on disk."""

    small_mb: float
    large_mb: float

    @classmethod
    def chosen(cls) -> "Sizes":
        """By BACKSTOP_BENCH_SMALL_MB and BACKSTOP_BENCH_LARGE_MB."""
        return cls(*(float(os.environ.get(f"BACKSTOP_BENCH_{name}_MB", mb)) for name, mb in DEFAULTS.items()))


DEFAULTS = {"SMALL": 250, "LARGE": 2100}


def seed(server: PostgresServer, size_mb: float) -> None:
    """Make the sample once. Nothing of the server's own accord may come between two measurements."""
    with psycopg.connect(server.superuser_dsn, autocommit=True) as conn:
        for setting in ("autovacuum = off", "max_wal_size = '8GB'", "checkpoint_timeout = '1h'"):
            conn.execute(f"ALTER SYSTEM SET {setting}".encode())
        conn.execute("SELECT pg_reload_conf()")
    clones.build_template(server, TEMPLATE, size_mb / SCALE_MB)


def live(server: PostgresServer, size_mb: float) -> int:
    """Put a fresh copy, grown to the size, in the live database's place, and return its bytes on disk."""
    clones.drop(server, DATABASE)
    clones.clone(server, TEMPLATE, DATABASE)
    with psycopg.connect(server.dsn("postgres", DATABASE), autocommit=True) as conn:
        _grow(conn, size_mb * 1e6)
        conn.execute("VACUUM ANALYZE")
        conn.execute("CHECKPOINT")
        os.sync()  # nothing of the making is left to be written during a measurement
        return _size(conn)


def _grow(conn: psycopg.Connection[tuple[int]], size_bytes: float) -> None:
    copies = [_copy(conn, table) for table in GROWING]
    with conn.transaction():
        conn.execute("SET LOCAL session_replication_role = replica")  # the references were checked the first time
        while _size(conn) < size_bytes:  # round by round: rows next to their copies compress too well
            for copy in copies:
                conn.execute(copy)


def _copy(conn: psycopg.Connection[tuple[int]], table: str) -> sql.Composed:
    """A statement that adds the rows there are now once more, under ids of their own."""
    names = [sql.Identifier(str(name)) for (name,) in conn.execute(COLUMNS, (table,))]
    last = conn.execute(sql.SQL("SELECT max(id) FROM {}").format(sql.Identifier(table))).fetchall()[0][0]
    return sql.SQL("INSERT INTO {0} ({1}) SELECT {1} FROM {0} WHERE id <= {2}").format(
        sql.Identifier(table), sql.SQL(", ").join(names), sql.Literal(last)
    )


def _size(conn: psycopg.Connection[tuple[int]]) -> int:
    return int(conn.execute("SELECT pg_database_size(current_database())").fetchall()[0][0])
