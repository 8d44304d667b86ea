import psycopg
import pytest

from bot.adapters.clock import SystemClock
from bot.adapters.database import PostgresDatabase, Server, Tracking
from bot.adapters.database.connections import Connection
from bot.adapters.pgclient.tools import PgTools
from bot.domain.versions import UNKNOWN_SCHEMA
from bot.errors import PermanentError, TemporaryError
from bot.sandbox.physioflow.clones import Clone
from bot.sandbox.postgres import free_port
from tests.adapters.database.conftest import TIMING, TRACKING


def test_facts_of_the_sample(database: PostgresDatabase, clone: Clone) -> None:
    facts = database.inspect()

    assert (facts.name, facts.schema, len(facts.applied)) == (clone.name, 27, 27)
    assert facts.applied[-1].name == "027_feature_flags"
    assert facts.server_version >= 180000
    assert facts.size_bytes > 1_000_000
    assert (facts.sessions, facts.prepared) == ((), ())
    assert facts.can_take_exclusive_access
    assert facts.can_create
    assert facts.accepts_connections


def test_others_sessions_are_seen_without_their_queries(
    database: PostgresDatabase, owner: Connection, superuser: Connection
) -> None:
    owner.execute("SELECT 'Nguyen Van A'")
    superuser.execute("SELECT 1")

    seen = {session.application: session for session in database.inspect().sessions}

    assert set(seen) == {"owner at work", "superuser at work"}
    assert seen["superuser at work"].superuser
    assert not seen["owner at work"].superuser
    assert seen["owner at work"].pid == owner.info.backend_pid
    assert "Nguyen" not in repr(seen)


def test_a_null_version_falls_back_to_the_name(database: PostgresDatabase, owner: Connection) -> None:
    owner.execute("ALTER TABLE schema_migrations ALTER version DROP NOT NULL")
    owner.execute("UPDATE schema_migrations SET version = NULL WHERE name = '025_reporting_views'")

    assert [migration.version for migration in database.inspect().applied] == list(range(1, 28))


def test_without_the_version_column_the_name_tells(database: PostgresDatabase, owner: Connection) -> None:
    owner.execute("ALTER TABLE schema_migrations DROP COLUMN version")

    assert database.inspect().schema == 27


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("DROP TABLE schema_migrations", "There is no table schema_migrations."),
        ("INSERT INTO schema_migrations VALUES ('baseline', now(), 'x')", "1 rows of public.schema_migrations name no"),
        (
            "INSERT INTO schema_migrations VALUES ('027_again', now(), '27')",
            "public.schema_migrations names 027 twice.",
        ),
        (
            "ALTER TABLE schema_migrations RENAME name TO a; ALTER TABLE schema_migrations RENAME version TO b",
            "public.schema_migrations has none of the columns version, name.",
        ),
    ],
)
def test_a_tracking_table_that_cannot_be_read(
    database: PostgresDatabase, owner: Connection, damage: str, message: str
) -> None:
    owner.execute(damage.encode())

    facts = database.inspect()
    assert (facts.applied, facts.schema) == ((), UNKNOWN_SCHEMA)
    with pytest.raises(PermanentError, match="tracking-table-unreadable") as caught:
        facts.require_read()

    assert caught.value.message.startswith(message)


def test_a_closed_database_is_seen_from_beside_it(database: PostgresDatabase, server: Connection, clone: Clone) -> None:
    server.execute(f"ALTER DATABASE {clone.name} ALLOW_CONNECTIONS false".encode())

    facts = database.inspect()

    assert (facts.accepts_connections, facts.applied) == (False, ())


def test_a_locked_tracking_table_names_the_session(database: PostgresDatabase, owner: Connection) -> None:
    with owner.transaction():
        owner.execute("LOCK TABLE schema_migrations")

        with pytest.raises(TemporaryError, match="table-locked") as caught:
            database.inspect()

    assert f"pid {owner.info.backend_pid} (owner at work, physioflow_prod, idle in transaction" in caught.value.message
    assert "LOCK TABLE" not in str(caught.value)


def test_a_superuser_s_lock_is_named(database: PostgresDatabase, superuser: Connection) -> None:
    with superuser.transaction():
        superuser.execute("LOCK TABLE schema_migrations")

        with pytest.raises(TemporaryError, match="table-locked") as caught:
            database.inspect()

    assert "(superuser at work, postgres, idle in transaction" in caught.value.message


def test_a_prepared_transaction_s_lock_is_named(database: PostgresDatabase, owner: Connection) -> None:
    owner.execute("BEGIN; LOCK TABLE schema_migrations; PREPARE TRANSACTION 'forgotten'")
    try:
        with pytest.raises(TemporaryError, match="prepared transaction 'forgotten'"):
            database.inspect()
    finally:
        owner.execute("ROLLBACK PREPARED 'forgotten'")


def test_prepared_transactions_are_listed(database: PostgresDatabase, owner: Connection) -> None:
    owner.execute("BEGIN; DELETE FROM feature_flag_audit_log; PREPARE TRANSACTION 'half done'")
    try:
        assert database.inspect().prepared == ("half done",)
    finally:
        owner.execute("ROLLBACK PREPARED 'half done'")


def test_a_role_without_rights_learns_so(clone: Clone, superuser: Connection, tools: PgTools) -> None:
    superuser.execute("GRANT SELECT ON schema_migrations TO physioflow_app")
    facts = PostgresDatabase(Server(clone.app_dsn, TRACKING, TIMING, tools, SystemClock())).inspect()

    assert (facts.can_take_exclusive_access, facts.can_create) == (False, False)


def test_a_tracking_table_in_another_schema(clone: Clone, owner: Connection, tools: PgTools) -> None:
    owner.execute("CREATE SCHEMA ops; CREATE TABLE ops.done (id integer); INSERT INTO ops.done VALUES (3), (4)")

    facts = PostgresDatabase(
        Server(clone.bot_dsn, Tracking("ops.done", ("id",)), TIMING, tools, SystemClock())
    ).inspect()

    assert [(migration.version, migration.name) for migration in facts.applied] == [(3, ""), (4, "")]


@pytest.mark.parametrize(
    ("dsn", "kind", "message"),
    [
        ("postgresql://u:s3cret@127.0.0.1:{port}/db", TemporaryError, "there is no connection"),
        ("{wrong}", PermanentError, "password authentication failed"),
        ("postgresql://u:s3cret@[/db", PermanentError, "cannot be read"),
    ],
)
def test_no_way_in_and_no_secret_out(
    clone: Clone, tools: PgTools, dsn: str, kind: type[Exception], message: str
) -> None:
    wrong = clone.bot_dsn.replace(str(psycopg.conninfo.conninfo_to_dict(clone.bot_dsn)["password"]), "s3cret")
    with pytest.raises(kind, match=message) as caught:
        PostgresDatabase(
            Server(dsn.format(port=free_port(), wrong=wrong), TRACKING, TIMING, tools, SystemClock())
        ).inspect()

    assert "s3cret" not in str(caught.value)
    assert "127.0.0.1" not in str(caught.value)


def test_logical_slots_are_listed(database: PostgresDatabase, clone: Clone) -> None:
    assert database.inspect().slots == ()
    with psycopg.connect(clone.superuser_dsn, autocommit=True) as conn:
        conn.execute("SELECT pg_create_logical_replication_slot('inspected', 'test_decoding')")
        try:
            assert database.inspect().slots == ("inspected",)
        finally:
            conn.execute("SELECT pg_drop_replication_slot('inspected')")


def test_whether_our_role_is_a_superuser(database: PostgresDatabase, clone: Clone, tools: PgTools) -> None:
    assert not database.inspect().is_superuser
    as_superuser = PostgresDatabase(Server(clone.superuser_dsn, TRACKING, TIMING, tools, SystemClock()))
    assert as_superuser.inspect().is_superuser
