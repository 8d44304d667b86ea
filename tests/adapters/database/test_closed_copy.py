"""A database that lets nobody in is saved all the same, and nobody gets in meanwhile."""

from pathlib import Path

import psycopg
import pytest

from bot.adapters.database import PostgresDatabase
from bot.domain.runs import Progress
from bot.errors import BotError
from bot.sandbox.physioflow.clones import Clone

LEFT = "SELECT datname FROM pg_database WHERE datname LIKE 'backstop_shadow_dump%'"


def ignore(progress: Progress) -> None:
    """A report nobody reads."""


@pytest.mark.parametrize("how", ["ALLOW_CONNECTIONS false", "CONNECTION LIMIT 0"])
def test_it_is_dumped_through_a_copy(database: PostgresDatabase, clone: Clone, tmp_path: Path, how: str) -> None:
    open_ = database.dump(tmp_path / "open", ignore)
    with psycopg.connect(clone.superuser_dsn, dbname="postgres", autocommit=True) as conn:
        conn.execute(f"ALTER DATABASE {clone.name} {how}".encode())
        closed = database.dump(tmp_path / "closed", ignore)
        assert conn.execute(LEFT).fetchall() == []
    assert closed.tables == open_.tables
    assert closed.database is not None
    assert open_.database is not None
    assert (closed.database.owner, closed.database.acl) == (open_.database.owner, open_.database.acl)
    assert not database.inspect().accepts_connections


def test_one_that_is_gone_cannot_be_saved(database: PostgresDatabase, clone: Clone, tmp_path: Path) -> None:
    with psycopg.connect(clone.superuser_dsn, dbname="postgres", autocommit=True) as conn:
        conn.execute(f"DROP DATABASE {clone.name} WITH (FORCE)".encode())
    with pytest.raises(BotError, match="database-missing"):
        database.dump(tmp_path / "gone", ignore)


def test_sessions_from_before_are_named(database: PostgresDatabase, clone: Clone, tmp_path: Path) -> None:
    with (
        psycopg.connect(clone.superuser_dsn, dbname="postgres", autocommit=True) as conn,
        psycopg.connect(clone.app_dsn),
    ):
        conn.execute(f"ALTER DATABASE {clone.name} CONNECTION LIMIT 0".encode())
        with pytest.raises(BotError, match="sessions from before are still in it"):
            database.dump(tmp_path / "busy", ignore)
        assert conn.execute(LEFT).fetchall() == []
