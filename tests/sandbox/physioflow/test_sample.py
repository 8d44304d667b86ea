import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from bot.sandbox.physioflow import Sample, seed
from bot.sandbox.physioflow.sample import BOT_ROLE, PARAMETER_RIGHT
from bot.sandbox.physioflow.schema import UP_DIR
from bot.sandbox.postgres import PostgresServer

SCALE = 0.05
ENVIRONMENTS = ("dev", "staging", "prod")
BROKEN_REFERENCES = """
SELECT format('SELECT count(*) FROM %s child WHERE %s IS NOT NULL AND NOT EXISTS (SELECT FROM %s parent WHERE %s)',
              conrelid::regclass, 'child.' || quote_ident(a.attname), confrelid::regclass,
              format('parent.%I = child.%I', f.attname, a.attname))
FROM pg_constraint
JOIN pg_attribute a ON a.attrelid = conrelid AND a.attnum = conkey[1]
JOIN pg_attribute f ON f.attrelid = confrelid AND f.attnum = confkey[1]
WHERE contype = 'f' AND conparentid = 0
"""
SEQUENCES_BEHIND = """
SELECT format('SELECT %L, max(%I) > coalesce(pg_sequence_last_value(%L::regclass), 0) FROM %s',
              s.relname, a.attname, s.oid::regclass, a.attrelid::regclass)
FROM pg_class s
JOIN pg_depend d ON d.objid = s.oid AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE s.relkind = 'S' AND a.atttypid::regtype::text IN ('integer', 'bigint', 'smallint')
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    with PostgresServer(tmp_path_factory.mktemp("sample") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def sample(server: PostgresServer) -> Sample:
    return seed(server, SCALE)


def rows(dsn: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn) as conn:
        return list(conn.execute(query.encode()))


def tables(dsn: str) -> list[str]:
    return [name for (name,) in rows(dsn, "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")]


def content(dsn: str) -> dict[str, str]:
    """A digest of every table's rows."""
    found = {}
    with psycopg.connect(dsn) as conn:
        for table in tables(dsn):
            query = sql.SQL("SELECT coalesce(string_agg(t::text, chr(10) ORDER BY t::text), '') FROM {} t")
            (text,) = next(conn.execute(query.format(sql.Identifier(table))))
            found[table] = hashlib.sha256(text.encode()).hexdigest()
    return found


def test_there_are_27_migrations_named_in_a_row() -> None:
    numbers = [int(path.stem[:3]) for path in sorted(UP_DIR.glob("*.sql"))]
    assert numbers == list(range(1, 28))


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_environment_is_at_027_with_back_filled_versions(sample: Sample, environment: str) -> None:
    tracked = rows(sample.owner_dsns[environment], "SELECT version, name FROM schema_migrations ORDER BY name")
    assert tracked == [(path.stem[:3], path.stem) for path in sorted(UP_DIR.glob("*.sql"))]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_no_reference_is_broken_and_no_sequence_is_behind(sample: Sample, environment: str) -> None:
    dsn = sample.owner_dsns[environment]
    for (query,) in rows(dsn, BROKEN_REFERENCES):
        assert rows(dsn, query) == [(0,)], query
    behind = [rows(dsn, query)[0] for (query,) in rows(dsn, SEQUENCES_BEHIND)]
    assert len(behind) > 20
    assert [name for name, is_behind in behind if is_behind] == []


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_table_holds_rows(sample: Sample, environment: str) -> None:
    dsn = sample.owner_dsns[environment]
    empty = [table for table in tables(dsn) if rows(dsn, f"SELECT count(*) FROM {table}") == [(0,)]]
    assert empty == ["audit_log_default"]  # the partition for the unforeseen


def test_environments_differ_in_size(sample: Sample) -> None:
    patients = [rows(sample.owner_dsns[name], "SELECT count(*) FROM patients")[0][0] for name in ENVIRONMENTS]
    assert patients == [40, 60, 200]


def test_the_same_scale_makes_the_same_rows(sample: Sample, tmp_path: Path) -> None:
    with PostgresServer(tmp_path / "data") as other:
        again = seed(other, SCALE, environments=("prod",))
        assert content(again.owner_dsns["prod"]) == content(sample.owner_dsns["prod"])
        assert set(again.bot_dsns) == set(again.owner_dsns) == set(again.app_dsns) == {"prod"}


def test_the_bot_has_the_role_that_the_documentation_describes(sample: Sample) -> None:
    """Word for word, so that nothing here works which would not at a user's."""
    text = " ".join((Path(__file__).parents[3] / "docs" / "operations.md").read_text().split())
    names = {"bot": "backstop_prod", "owner": "physioflow_owner", "app": "physioflow_app", "password": "'…'"}
    for statement in (*BOT_ROLE, PARAMETER_RIGHT):
        assert f"{statement.format(**names)};" in text
    memberships = """
        SELECT array_agg(b.rolname::text ORDER BY 1)
        FROM pg_auth_members m JOIN pg_roles a ON a.oid = m.member JOIN pg_roles b ON b.oid = m.roleid
        WHERE a.rolname = 'backstop_prod'"""
    assert rows(sample.superuser_dsn, memberships) == [
        (["pg_monitor", "pg_signal_backend", "physioflow_app", "physioflow_prod", "physioflow_prod_loader"],)
    ]
    attributes = "rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls, rolcanlogin"
    assert rows(sample.bot_dsns["prod"], f"SELECT {attributes} FROM pg_roles WHERE rolname = current_user") == [
        (False, True, False, False, False, True)
    ]


def test_the_bot_owns_nothing(sample: Sample) -> None:
    dsn = sample.bot_dsns["prod"]
    assert rows(dsn, "SELECT count(*) FROM pg_class WHERE relowner = current_user::regrole") == [(0,)]
    owner = "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    assert rows(dsn, owner) == [("physioflow_prod",)]
    datdba = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
    assert rows(dsn, datdba) == [("physioflow_prod",)]


def test_owner_of_one_environment_cannot_enter_another(server: PostgresServer, sample: Sample) -> None:
    assert set(sample.owner_dsns) == set(ENVIRONMENTS)
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(server.dsn("physioflow_dev", "physioflow_prod"))


def test_app_reads_and_writes_data_but_neither_schema_nor_tracking(sample: Sample) -> None:
    with psycopg.connect(sample.app_dsns["prod"], autocommit=True) as conn:
        conn.execute("UPDATE feature_flags SET enabled = enabled WHERE key = 'telerehab'")
        conn.execute("INSERT INTO audit_log (action, entity) VALUES ('view', 'patients')")
        conn.execute("DELETE FROM audit_log WHERE user_id IS NULL")
        conn.execute("SELECT name FROM schema_migrations")
        conn.execute("SELECT * FROM v_clinic_special_test_rate")
        for refused in ("DELETE FROM schema_migrations", "DROP TABLE feature_flags", "CREATE TABLE mine ()"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute(refused.encode())


def test_database_has_the_state_that_a_plain_restore_loses(sample: Sample) -> None:
    dsn = sample.owner_dsns["prod"]
    properties = (
        "datconnlimit, shobj_description(oid, 'pg_database'), has_database_privilege('backstop', oid, 'CONNECT')"
    )
    assert rows(dsn, f"SELECT {properties} FROM pg_database WHERE datname = current_database()") == [
        (150, "PhysioFlow, prod: patient records", False)
    ]
    assert rows(dsn, "SHOW timezone") == [("Asia/Ho_Chi_Minh",)]
    assert rows(dsn, "SHOW physioflow.environment") == [("prod",)]
    assert rows(dsn, "SHOW work_mem") == [("16MB",)]
    assert rows(sample.app_dsns["prod"], "SHOW statement_timeout") == [("30s",)]
    assert rows(dsn, "SHOW statement_timeout") == [("0",)]


def test_feature_flag_trigger_moves_updated_at(sample: Sample) -> None:
    moved = "UPDATE feature_flags SET enabled = enabled WHERE key = 'dark_theme' RETURNING updated_at = now()"
    assert rows(sample.owner_dsns["staging"], moved) == [(True,)]


def test_the_bot_may_make_nothing_in_its_state_database(sample: Sample) -> None:
    """Its owner made the tables; the bot's role only works with them."""
    assert rows(sample.state_dsn, "SELECT current_user::text, current_database()::text") == [
        ("backstop", "backstop_state")
    ]
    with psycopg.connect(sample.state_dsn) as conn, pytest.raises(psycopg.errors.InsufficientPrivilege):
        conn.execute("CREATE TABLE journal ()")


def test_seeding_twice_is_refused(sample: Sample, server: PostgresServer) -> None:
    assert sample.superuser_dsn == server.superuser_dsn
    with pytest.raises(psycopg.errors.DuplicateObject):
        seed(server, SCALE)
