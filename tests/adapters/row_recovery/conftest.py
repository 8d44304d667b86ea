"""A live database and one that was put aside, of an owner who is no superuser."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from bot.adapters.clock import SystemClock
from bot.adapters.database import Server, Tracking
from bot.adapters.pgclient.tools import PgTools
from bot.adapters.row_recovery import PostgresRowRecovery
from bot.adapters.sides import PostgresSides
from bot.domain.environments import Timing
from bot.domain.row_recovery import Salvage
from bot.domain.runs import Progress
from bot.sandbox.physioflow.sample import create_bot_role
from bot.sandbox.postgres import PostgresServer, find_bin_dir

TIMING = Timing(lock_timeout_s=1.0)
TRACKING = Tracking("applied", ("version",))
HERE = Path(__file__).parent
OWNER, BOT = "salvage_owner", "salvage_bot"
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Lab:
    """The two databases' DSNs as their owner, and the row recovery on them."""

    live: str
    kept: str
    kept_name: str
    superuser: str
    row_recovery: PostgresRowRecovery

    def write_sql(self, about: Sequence[str] = ()) -> tuple[Salvage, str]:
        """Compare; gives what was found, and the SQL."""
        chunks: list[bytes] = []
        seen: list[Progress] = []
        found = self.row_recovery.write_sql(self.kept_name, about, chunks.append, seen.append)
        assert seen
        return found, b"".join(chunks).decode()

    def write(self, text: str, dsn: str = "") -> None:
        """Run SQL: in the kept database, or another."""
        with self._opened(), psycopg.connect(dsn or self.kept) as conn:
            conn.execute(text.encode())

    def rows(self, query: str, dsn: str) -> list[Any]:
        with self._opened(), psycopg.connect(dsn) as conn:
            return conn.execute(query.encode()).fetchall()

    def _opened(self) -> "_Opened":
        return _Opened(self.superuser, self.kept_name)


@dataclass
class _Opened:
    dsn: str
    name: str

    def __enter__(self) -> None:
        self._allow(allowed=True)

    def __exit__(self, *_: object) -> None:
        self._allow(allowed=False)

    def _allow(self, *, allowed: bool) -> None:
        with psycopg.connect(self.dsn, autocommit=True) as conn:
            allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
            conn.execute(allow.format(sql.Identifier(self.name), sql.Literal(allowed)))


@pytest.fixture(scope="session")
def template(postgres: PostgresServer) -> str:
    with psycopg.connect(postgres.superuser_dsn, autocommit=True) as conn:
        role = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}; CREATE ROLE salvage_app")
        conn.execute(role.format(sql.Identifier(OWNER), sql.Literal(postgres.password)))
        create_bot_role(conn, {"bot": BOT, "owner": OWNER, "app": "salvage_app"}, postgres.password)
        conn.execute(sql.SQL("CREATE DATABASE salvage_template OWNER {}").format(sql.Identifier(OWNER)))
    with psycopg.connect(postgres.dsn(OWNER, "salvage_template")) as conn:
        conn.execute("CREATE SCHEMA IF NOT EXISTS public")
        conn.execute((HERE / "lab.sql").read_bytes())
    return "salvage_template"


@pytest.fixture
def lab(postgres: PostgresServer, template: str) -> Iterator[Lab]:
    """Both are copies of one state; nobody is let into the one that was put aside."""
    live = f"clinic_{next(_numbers)}"
    kept = f"{live}_backstop_kept_r2abcd"
    with psycopg.connect(postgres.superuser_dsn, autocommit=True) as conn:
        for name in (live, kept):
            create = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}")
            conn.execute(create.format(sql.Identifier(name), sql.Identifier(OWNER), sql.Identifier(template)))
        conn.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(kept)))
    dsn = postgres.dsn(OWNER, live)
    server = Server(postgres.dsn(BOT, live), TRACKING, TIMING, PgTools(find_bin_dir()), SystemClock())
    row_recovery = PostgresRowRecovery(server, PostgresSides(server).session)
    yield Lab(dsn, postgres.dsn(OWNER, kept), kept, postgres.superuser_dsn, row_recovery)
    with psycopg.connect(postgres.superuser_dsn, autocommit=True) as conn:
        for name in (live, kept):
            conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
