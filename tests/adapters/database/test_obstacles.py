"""A look at a real database finds what a backup, a restore or a swap would fail at, and nothing in a healthy one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from bot.adapters.clock import SystemClock
from bot.adapters.database import PostgresDatabase, Server
from bot.adapters.database.connections import Connection
from bot.adapters.pgclient.tools import PgTools
from bot.domain.obstacles import Belongings, HiddenRows, Obstacles, Subscription
from bot.domain.runs import Progress
from bot.errors import BotError, PermanentError
from bot.planning.obstacles import check_dump
from bot.sandbox.physioflow.clones import Clone
from bot.sandbox.postgres import PostgresServer
from tests.adapters.database.conftest import TIMING, TRACKING

LAB = "CREATE TABLE lab (id integer); INSERT INTO lab VALUES (1);"
PARTED = "CREATE TABLE labs (id integer) PARTITION BY LIST (id); CREATE TABLE lab PARTITION OF labs FOR VALUES IN (1)"
GUARD = "CREATE FUNCTION guard() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'"
OTHERS = "lab_owner"


def unheard(progress: Progress) -> None:
    del progress


@pytest.fixture
def others(server: Connection) -> Iterator[str]:
    """A role whose rights ours has not."""
    server.execute(f"CREATE ROLE {OTHERS}".encode())
    yield OTHERS
    server.execute(f"DROP ROLE {OTHERS}".encode())


@contextmanager
def owned_by(superuser: Connection, role: str) -> Iterator[None]:
    try:
        yield
    finally:
        superuser.execute(f"RESET ROLE; DROP OWNED BY {role}".encode())


def dump_succeeds(database: PostgresDatabase, directory: Path) -> bool:
    try:
        database.dump(directory / "dump", unheard)
    except BotError:
        return False
    return True


def test_a_healthy_database_has_none(database: PostgresDatabase) -> None:
    found = database.obstacles()

    assert found == Obstacles(
        grantees=found.grantees,
        dump_tables=found.dump_tables,
        lock_room=found.lock_room,
        lock_sessions=210,
        lock_limit=found.lock_limit,
    )
    assert "physioflow_app" in found.grantees
    assert 10 < found.dump_tables < found.lock_room < found.lock_limit
    assert found.lock_room == 64 * (200 + 10)


@pytest.mark.parametrize(
    ("statements", "is_hidden"),
    [
        (f"{LAB} ALTER TABLE lab ENABLE ROW LEVEL SECURITY", False),
        (f"{LAB} ALTER TABLE lab ENABLE ROW LEVEL SECURITY; ALTER TABLE lab FORCE ROW LEVEL SECURITY", True),
        (f"{LAB} ALTER TABLE lab FORCE ROW LEVEL SECURITY", False),
        (
            f"{PARTED}; ALTER TABLE labs ENABLE ROW LEVEL SECURITY; ALTER TABLE labs FORCE ROW LEVEL SECURITY",
            False,
        ),
    ],
)
def test_rows_that_policies_hide_are_found_where_a_dump_fails(
    database: PostgresDatabase, owner: Connection, tmp_path: Path, statements: str, *, is_hidden: bool
) -> None:
    owner.execute(statements.encode())

    found = database.obstacles()

    hidden = (HiddenRows("public.lab", "physioflow_prod", is_forced=True),)
    assert (found.hidden, found.forced) == ((hidden, ("public.lab",)) if is_hidden else ((), ()))
    assert dump_succeeds(database, tmp_path) is not is_hidden


@pytest.mark.parametrize(
    ("statements", "unreadable"),
    [
        (LAB, ("table public.lab",)),
        (f"{LAB} GRANT SELECT ON lab TO PUBLIC", ()),
        (f"{LAB} GRANT SELECT (id) ON lab TO PUBLIC", ("table public.lab",)),
        ("CREATE TABLE lab (id integer) PARTITION BY LIST (id)", ("table public.lab",)),
        (
            "CREATE TABLE lab (id serial); GRANT SELECT ON lab TO PUBLIC",
            ("sequence public.lab_id_seq",),
        ),
        (
            "CREATE SCHEMA hidden; CREATE TABLE hidden.lab (); GRANT SELECT ON hidden.lab TO PUBLIC",
            ("table hidden.lab",),
        ),
        ("SELECT lo_create(4711)", ("large object 4711",)),
        ("SELECT lo_create(4711); GRANT SELECT ON LARGE OBJECT 4711 TO PUBLIC", ()),
        (f"{LAB} GRANT SELECT ON lab TO PUBLIC; ALTER TABLE lab ENABLE ROW LEVEL SECURITY", ()),
    ],
)
def test_what_our_role_may_not_read_is_found_where_a_dump_fails(
    database: PostgresDatabase,
    superuser: Connection,
    others: str,
    tmp_path: Path,
    statements: str,
    unreadable: tuple[str, ...],
) -> None:
    with owned_by(superuser, others):
        place = f"SCHEMA public TO {others}; GRANT CREATE ON DATABASE {superuser.info.dbname} TO {others}"
        superuser.execute(f"GRANT CREATE ON {place}".encode())
        superuser.execute(f"SET ROLE {others}; {statements}; RESET ROLE".encode())

        found = database.obstacles()

        assert found.unreadable == unreadable
        is_hidden = "ROW LEVEL" in statements
        assert found.hidden == ((HiddenRows("public.lab", others, is_forced=False),) if is_hidden else ())
        assert dump_succeeds(database, tmp_path) is not (bool(unreadable) or is_hidden)


def test_objects_of_roles_whose_rights_we_lack_are_counted(
    database: PostgresDatabase, superuser: Connection, others: str
) -> None:
    superuser.execute("CREATE FUNCTION ping() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE PUBLICATION p")
    with owned_by(superuser, others):
        superuser.execute("CREATE TABLE lab (); CREATE VIEW labs AS SELECT FROM lab")
        superuser.execute(f"ALTER TABLE lab OWNER TO {others}; ALTER VIEW labs OWNER TO {others}".encode())

        assert database.obstacles().belongings == (
            Belongings(others, 2, "table public.lab", is_superuser=False),
            Belongings("postgres", 2, "function public.ping()", is_superuser=True),
        )


@pytest.mark.parametrize(
    ("statements", "lost", "unloadable"),
    [
        (
            f"{GUARD}; CREATE EVENT TRIGGER guard ON ddl_command_end EXECUTE FUNCTION guard()",
            ["event trigger guard"],
            [],
        ),
        ("CREATE PUBLICATION everything FOR ALL TABLES", ["publication everything"], []),
        ("CREATE PUBLICATION narrow FOR TABLE patients", [], []),
        (
            "CREATE FUNCTION wait(float8) RETURNS void LANGUAGE internal AS 'pg_sleep'",
            [],
            ["function public.wait(double precision)"],
        ),
        (
            "CREATE FUNCTION one() RETURNS int LANGUAGE sql LEAKPROOF AS 'SELECT 1'",
            [],
            ["function public.one()"],
        ),
        ("CREATE CAST (integer AS xid) WITHOUT FUNCTION", [], ["cast (integer AS pg_catalog.xid)"]),
        (
            "CREATE FOREIGN DATA WRAPPER away",
            [],
            ["foreign-data wrapper away"],
        ),
        (
            "CREATE OPERATOR FAMILY fam USING btree",
            [],
            ["operator family public.fam USING btree"],
        ),
        ("CREATE TEXT SEARCH TEMPLATE tmpl (LEXIZE = dsimple_lexize)", [], ["text search template public.tmpl"]),
        ("CREATE ACCESS METHOD heap_too TYPE TABLE HANDLER heap_tableam_handler", [], ["access method heap_too"]),
        ("CREATE TYPE mood AS ENUM ('a'); CREATE TYPE pair AS (a int); CREATE DOMAIN short AS text", [], []),
    ],
)
def test_what_only_a_superuser_can_make_again_is_named(
    database: PostgresDatabase, superuser: Connection, statements: str, lost: list[str], unloadable: list[str]
) -> None:
    superuser.execute(statements.encode())

    found = database.obstacles()

    assert (list(found.lost), list(found.unloadable)) == (lost, unloadable)


def test_a_publication_of_a_whole_schema_is_a_superuser_s(database: PostgresDatabase, superuser: Connection) -> None:
    if superuser.info.server_version < 150000:
        pytest.skip("PostgreSQL 14 has no such publications")
    superuser.execute("CREATE PUBLICATION schemas FOR TABLES IN SCHEMA public")

    assert database.obstacles().lost == ("publication schemas",)


def test_extensions_that_new_databases_lack_are_named_by_themselves(
    database: PostgresDatabase, superuser: Connection, clone: Clone, tools: PgTools
) -> None:
    superuser.execute("CREATE EXTENSION citext; CREATE EXTENSION amcheck")
    equipped = Server(clone.bot_dsn, TRACKING, TIMING, tools, SystemClock(), template=clone.name)

    found = database.obstacles()

    assert (found.extensions, found.unloadable, found.belongings) == (("amcheck",), (), ())
    assert PostgresDatabase(equipped).obstacles().extensions == ()


def test_a_subscription_is_seen_also_while_the_database_is_closed(
    database: PostgresDatabase, superuser: Connection, server: Connection, clone: Clone
) -> None:
    superuser.execute(
        "CREATE SUBSCRIPTION inbox CONNECTION 'dbname=nowhere' PUBLICATION p WITH (connect = false, slot_name = NONE)"
    )
    try:
        wanted = (Subscription("inbox", "postgres", is_enabled=False, is_superusers=True),)
        assert database.obstacles().subscriptions == wanted
        server.execute(f"ALTER DATABASE {clone.name} ALLOW_CONNECTIONS false".encode())
        assert database.obstacles() == Obstacles(subscriptions=wanted)
    finally:
        server.execute(f"ALTER DATABASE {clone.name} ALLOW_CONNECTIONS true".encode())
        superuser.execute("DROP SUBSCRIPTION inbox")


def test_a_subscription_of_another_database_is_not_ours(database: PostgresDatabase, server: Connection) -> None:
    server.execute(
        "CREATE SUBSCRIPTION inbox CONNECTION 'dbname=nowhere' PUBLICATION p WITH (connect = false, slot_name = NONE)"
    )
    try:
        assert database.obstacles().subscriptions == ()
    finally:
        server.execute("DROP SUBSCRIPTION inbox")


def test_a_database_that_is_gone_has_none(database: PostgresDatabase, server: Connection, clone: Clone) -> None:
    server.execute(f"DROP DATABASE {clone.name} WITH (FORCE)".encode())

    assert database.obstacles() == Obstacles()


def test_standbys_are_listed_and_what_only_receives_wal_is_not(
    database: PostgresDatabase, clone: Clone, server: Connection
) -> None:
    with follower(clone, "replica one"), follower(clone, "pg_receivewal"):
        wait_for_followers(server, 2)

        assert database.obstacles().standbys == ("replica one at 127.0.0.1",)


@contextmanager
def follower(clone: Clone, name: str) -> Iterator[None]:
    """Do what a standby does: connect for physical replication, and ask for WAL."""
    dsn = psycopg.conninfo.make_conninfo(clone.superuser_dsn, replication="true", application_name=name)
    connection = psycopg.pq.PGconn.connect(dsn.encode())
    try:
        answer = connection.exec_(b"IDENTIFY_SYSTEM")
        assert answer.status == psycopg.pq.ExecStatus.TUPLES_OK, connection.error_message
        position = answer.get_value(0, 2) or b""
        connection.send_query(b"START_REPLICATION PHYSICAL " + position)
        yield
    finally:
        connection.finish()


def wait_for_followers(server: Connection, count: int) -> None:
    query = "SELECT count(*) FROM pg_stat_replication"
    for _ in range(1000):
        if server.execute(query).fetchall()[0][0] == count:
            return
    pytest.fail("the followers did not connect")


def test_a_server_without_room_for_a_dump_is_found_where_a_dump_fails(tmp_path: Path, tools: PgTools) -> None:
    settings = ("max_locks_per_transaction = 10", "max_connections = 20", "max_worker_processes = 2")
    with PostgresServer(tmp_path / "small") as small:
        with psycopg.connect(small.superuser_dsn, autocommit=True) as conn:
            for setting in settings:
                conn.execute(f"ALTER SYSTEM SET {setting}".encode())
        small.restart()
        database = PostgresDatabase(Server(small.superuser_dsn, TRACKING, TIMING, tools, SystemClock()))
        with psycopg.connect(small.superuser_dsn, autocommit=True) as conn:
            for batch in range(24):
                tables = (f"CREATE TABLE t{batch}_{number} ()" for number in range(50))
                conn.execute("; ".join(tables).encode())

        found = database.obstacles()

        assert found.dump_tables == 1200
        with pytest.raises(PermanentError, match="too-many-locks"):
            check_dump("prod", "backstop", found)
        with pytest.raises(PermanentError, match="too-many-locks"):
            database.dump(tmp_path / "dump", unheard)
