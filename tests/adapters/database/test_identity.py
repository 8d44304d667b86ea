"""A database is known by what its server says, as the documented role, and no session acts on another one."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from bot.adapters.clock import SystemClock
from bot.adapters.database import PostgresDatabase, Server
from bot.adapters.database.connections import Connection, Connections
from bot.adapters.database.identity import check_identity, read_identity
from bot.adapters.pgclient.tools import PgTools
from bot.domain.place import DatabaseIdentity
from bot.engine.preview.facts import unheard as ignore
from bot.errors import PermanentError, TemporaryError
from bot.sandbox.physioflow.clones import Clone
from tests.adapters.database.conftest import TIMING, TRACKING

NO_SINK: Any = None  # nothing comes so far that it would be written to
OTHERS: dict[str, Callable[[DatabaseIdentity], DatabaseIdentity]] = {
    "another server": lambda here: replace(here, server="1"),
    "made again": lambda here: replace(here, oid=here.oid + 1),
    "dropped since": lambda here: replace(here, oid=0),
    "failed over": lambda here: replace(here, timeline=here.timeline + 1),
}


def test_the_owners_role_reads_all_of_it(database: PostgresDatabase, superuser: Connection, clone: Clone) -> None:
    wanted = superuser.execute(
        "SELECT d.oid::bigint, s.system_identifier::text, c.timeline_id FROM pg_database d, pg_control_system() s, "
        "pg_control_checkpoint() c WHERE d.datname = current_database()"
    ).fetchone()
    found = database.inspect().identity
    assert (found.name, found.oid, found.server, found.timeline) == (clone.name, *(wanted or ()))
    assert found.address == database.address
    assert clone.name not in found.address


def test_what_a_provider_took_away_is_left_out(clone: Clone) -> None:
    taken = "EXECUTE ON FUNCTION pg_control_system(), pg_walfile_name(pg_lsn)"
    with psycopg.connect(clone.superuser_dsn, autocommit=True) as conn:
        conn.execute(f"REVOKE {taken} FROM PUBLIC".encode())
    connections = Connections(clone.owner_dsn, clone.name, 1.0)
    with connections.session() as conn:
        found = read_identity(conn, connections)
        assert (found.server, found.timeline) == ("", 0)
        assert found.oid > 0
        # and it is still the same database for everybody else
        check_identity(conn, connections, replace(found, server="7", timeline=9))


@pytest.mark.parametrize("name", OTHERS)
def test_no_other_database_is_closed(database: PostgresDatabase, superuser: Connection, name: str) -> None:
    approved = OTHERS[name](database.inspect().identity)
    with pytest.raises(PermanentError) as caught:
        database.take_exclusive_access("rtest1", approved)
    assert caught.value.reference == "wrong-database"
    assert superuser.execute("SELECT 1").fetchone() == (1,)  # nobody was ended
    assert database.inspect().accepts_connections


def test_the_approved_one_is(database: PostgresDatabase) -> None:
    access = database.take_exclusive_access("rtest1", database.inspect().identity)
    assert not database.inspect().accepts_connections
    access.close()
    database.reopen()


def test_a_session_that_broke_comes_back_to_the_same_database_only(database: PostgresDatabase, clone: Clone) -> None:
    """It was dropped and made again meanwhile, by somebody who found it closed."""
    access = database.take_exclusive_access("rtest1", database.inspect().identity)
    with psycopg.connect(clone.superuser_dsn, dbname="postgres", autocommit=True) as conn:
        conn.execute(f"DROP DATABASE {clone.name} WITH (FORCE)".encode())
        conn.execute(f"CREATE DATABASE {clone.name}".encode())
    with pytest.raises(TemporaryError, match="database-unreachable"):  # and finds its session gone
        access.export(["public.patients"], NO_SINK, ignore)
    with pytest.raises(PermanentError, match="wrong-database"):
        access.export(["public.patients"], NO_SINK, ignore)


def test_an_address_is_that_of_host_port_and_name(tools: PgTools) -> None:
    def address(dsn: str) -> str:
        return PostgresDatabase(Server(dsn, TRACKING, TIMING, tools, SystemClock())).address

    one = "postgresql://u:p@db.example:5432/physioflow"
    assert address(one) == address("postgresql://v:q@db.example:5432/physioflow?sslmode=require")
    others = [one.replace("db.", "dc."), one.replace("5432", "5433"), one.replace("physioflow", "other")]
    assert len({address(dsn) for dsn in [one, *others]}) == 4
