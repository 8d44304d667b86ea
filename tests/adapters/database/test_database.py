"""Counts and checks: a database is asked and not changed."""

import pytest

from bot.adapters.clock import SystemClock
from bot.adapters.database import PostgresDatabase, Server
from bot.adapters.database.connections import Connection
from bot.adapters.pgclient.tools import PgTools
from bot.domain.catalogue import CheckResult
from bot.errors import PermanentError, TemporaryError
from bot.sandbox.physioflow.clones import Clone
from tests.adapters.database.conftest import TIMING, TRACKING


def test_rows_are_counted_exactly(database: PostgresDatabase, owner: Connection) -> None:
    owner.execute("DELETE FROM feature_flag_audit_log WHERE id <= 3")
    (left,) = owner.execute("SELECT count(*) FROM feature_flag_audit_log").fetchall()[0]

    sizes = database.measure(
        ["public.feature_flags", "public.feature_flag_audit_log", "public.mv_diagnosis_statistics"]
    )

    assert [(size.table, size.rows) for size in sizes][:2] == [
        ("public.feature_flags", 12),
        ("public.feature_flag_audit_log", left),
    ]
    assert all(size.size_bytes >= 8192 for size in sizes)


def test_partitions_and_views_nobody_refreshed(database: PostgresDatabase, owner: Connection) -> None:
    owner.execute("CREATE TABLE p (at date) PARTITION BY RANGE (at); CREATE TABLE p1 PARTITION OF p DEFAULT")
    owner.execute("INSERT INTO p SELECT '2026-01-01' FROM generate_series(1, 5)")
    owner.execute("REFRESH MATERIALIZED VIEW mv_diagnosis_statistics WITH NO DATA")

    sizes = database.measure(["public.p", "public.mv_diagnosis_statistics"])

    assert [size.rows for size in sizes] == [5, 0]
    assert sizes[0].size_bytes >= 8192


def test_values_of_a_column(database: PostgresDatabase, owner: Connection) -> None:
    owner.execute('ALTER TABLE feature_flags ADD COLUMN "Odd one" text')
    owner.execute("""UPDATE feature_flags SET "Odd one" = 'abc' WHERE id <= 5""")

    sizes = database.count_values([("public.feature_flags", '"Odd one"'), ("public.schema_migrations", "version")])

    assert [(size.table, size.rows) for size in sizes] == [
        ('public.feature_flags."Odd one"', 5),
        ("public.schema_migrations.version", 27),
    ]
    assert sizes[0].size_bytes == 5 * 4


def test_a_locked_table_is_not_waited_for(database: PostgresDatabase, owner: Connection) -> None:
    with owner.transaction():
        owner.execute("LOCK TABLE feature_flags")

        with pytest.raises(TemporaryError, match=r"table-locked: Counting rows waits .*owner at work"):
            database.measure(["public.feature_flags"])


def test_counting_what_is_gone(database: PostgresDatabase) -> None:
    with pytest.raises(PermanentError, match="relation-missing"):
        database.measure(["public.nothing"])
    assert database.measure([]) == []


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("SELECT count(*) > 0 FROM patients", ""),
        ("to_regclass('patients') IS NOT NULL;", ""),
        ("(SELECT count(*) FROM feature_flags) = 12", ""),
        ("WITH x AS (SELECT true AS t) SELECT t FROM x", ""),
        ("'a%' LIKE 'a%%'", ""),
        ("false", "it is not true"),
        ("NULL::boolean", "it is not true"),
        ("SELECT 1", "it is not true"),
        ("SELECT 'true'", "it is not true"),
        ("SELECT true FROM patients", "it does not give exactly one value"),
        ("SELECT true WHERE false", "it does not give exactly one value"),
        ("SELECT true, true", "it does not give exactly one value"),
        ("SELECT nope", 'column "nope" does not exist (42703)'),
        (
            "SELECT full_name::integer > 0 FROM patients",
            "invalid text representation; the server's log has its words (22P02)",
        ),
        ("SELECT true; COMMIT", "cannot insert multiple commands into a prepared statement (42601)"),
        ("SELECT nextval('feature_flags_id_seq') > 0", "cannot execute nextval() in a read-only transaction (25006)"),
        ("WITH d AS (DELETE FROM patients RETURNING 1) SELECT count(*) > 0 FROM d", "cannot execute"),
    ],
)
def test_checks(shared_clone: Clone, tools: PgTools, query: str, problem: str) -> None:
    database = PostgresDatabase(Server(shared_clone.bot_dsn, TRACKING, TIMING, tools, SystemClock()))

    (result,) = database.check([query])

    assert (result.sql, result.ok) == (query, problem == "")
    assert result.problem.startswith(problem)


def test_a_failed_check_does_not_disturb_the_next(database: PostgresDatabase) -> None:
    assert database.check(["SELECT nope", "true"])[1] == CheckResult("true", ok=True)
    assert database.check([]) == []
