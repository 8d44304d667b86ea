"""The chain of down scripts against the real schema: each does what its header says, together they undo 018 to 027."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from bot.sandbox.physioflow import clones, migrate
from bot.sandbox.postgres import PostgresServer

DOWN_DIR = Path(__file__).parents[2] / "sql" / "down"
CHAIN = sorted(DOWN_DIR.glob("*.sql"), reverse=True)
KEYS = ("migration", "adds", "impact", "data-loss", "verify")
MATERIALIZED = {
    "mv_therapist_productivity",
    "mv_diagnosis_statistics",
    "mv_treatment_outcomes",
    "mv_insurance_claims_summary",
}
CASCADED_VIEWS = {
    24: {"v_patient_special_test_summary", "v_clinic_special_test_rate"},
    22: {"v_reevaluation_progress"},
    21: {"v_bhyt_claim_status"},
    19: {"v_patient_pain_profile"},
}

# What the procedures' scripts leave behind: they drop tables and views, and nothing else.
LEFT_BEHIND = {
    ("column", "public.invoices.bhyt_claim_id"),
    ("function", "public.count_positive_special_tests(bigint)"),
}

CATALOGUE = """
SELECT 'column', attrelid::regclass || '.' || attname || ':' || format_type(atttypid, atttypmod)
FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
WHERE attnum > 0 AND NOT attisdropped AND c.relnamespace = 'public'::regnamespace AND c.relkind <> 'i'
UNION ALL SELECT 'function', oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace
UNION ALL SELECT 'index', indexrelid::regclass::text FROM pg_index JOIN pg_class c ON c.oid = indexrelid
WHERE c.relnamespace = 'public'::regnamespace
UNION ALL SELECT 'constraint', conrelid::regclass || '.' || conname || ':' || pg_get_constraintdef(oid)
FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL SELECT 'trigger', tgrelid::regclass || '.' || tgname FROM pg_trigger WHERE NOT tgisinternal
UNION ALL SELECT 'type', oid::regtype::text FROM pg_type
WHERE typnamespace = 'public'::regnamespace AND typtype = 'e'
"""


def headers(script: Path) -> list[tuple[str, str]]:
    lines = script.read_text().split("\n\n")[0].splitlines()
    return [(key, value) for key, _, value in (line.removeprefix("-- ").partition(": ") for line in lines)]


def header(script: Path, key: str) -> list[str]:
    return [value for name, value in headers(script) if name == key]


def lost_tables(script: Path) -> list[str]:
    (value,) = header(script, "data-loss")
    return [] if value == "none" else value.split(", ")


def verified(conn: psycopg.Connection[Any], script: Path) -> list[bool]:
    return [next(conn.execute(query.encode()))[0] for query in header(script, "verify")]


def untrack(conn: psycopg.Connection[Any], script: Path) -> None:
    """Do the bot's part: forget the migration, by whichever column there is."""
    columns = {column.name for column in conn.execute("SELECT * FROM schema_migrations LIMIT 0").description or ()}
    if "version" in columns:
        gone = conn.execute("DELETE FROM schema_migrations WHERE version = %s", (script.stem[:3],))
    else:
        gone = conn.execute("DELETE FROM schema_migrations WHERE name = %s", (script.stem,))
    assert gone.rowcount == 1


def run_chain(conn: psycopg.Connection[Any], down_to: int) -> None:
    for script in CHAIN:
        if int(script.stem[:3]) >= down_to:
            conn.execute(script.read_bytes())
            untrack(conn, script)


def catalogue(conn: psycopg.Connection[Any]) -> set[tuple[str, str]]:
    conn.execute("SET LOCAL search_path = pg_catalog")
    found = {(kind, name) for kind, name in conn.execute(CATALOGUE)}
    conn.execute("SET LOCAL search_path = DEFAULT")
    return found


def relations(conn: psycopg.Connection[Any]) -> set[str]:
    return {
        name for (name,) in conn.execute("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace")
    }


@pytest.fixture
def owner(sample_database: Callable[[], clones.Clone]) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(sample_database().owner_dsn) as conn:
        yield conn
        conn.rollback()


def test_the_chain_reaches_from_027_to_018_without_a_gap() -> None:
    assert [int(script.stem[:3]) for script in CHAIN] == list(range(27, 17, -1))


@pytest.mark.parametrize("script", CHAIN, ids=lambda script: script.stem)
def test_header_is_well_formed(script: Path) -> None:
    keys = [key for key, _ in headers(script)]
    assert keys[:4] == list(KEYS[:4])
    assert set(keys[4:]) == {"verify"}
    assert header(script, "migration") == [script.stem]
    assert all(value.strip() == value and value for _, value in headers(script))
    assert all(query.startswith("SELECT ") and not query.endswith(";") for query in header(script, "verify"))


@pytest.mark.parametrize("script", CHAIN, ids=lambda script: script.stem)
def test_script_leaves_transactions_and_tracking_rows_to_the_bot(script: Path) -> None:
    code = re.sub(r"--.*", "", script.read_text()).upper()
    assert not re.search(r"\b(BEGIN|COMMIT|ROLLBACK|START|SAVEPOINT|DELETE|INSERT|UPDATE)\b", code)


@pytest.mark.parametrize("script", CHAIN, ids=lambda script: script.stem)
def test_every_dropped_table_holds_rows(script: Path, owner: psycopg.Connection[Any]) -> None:
    dropped = set(re.findall(r"DROP TABLE IF EXISTS (\w+)", script.read_text()))
    assert dropped == set(lost_tables(script))
    for table in dropped | (MATERIALIZED if script.stem.startswith("025") else set()):
        (count,) = next(owner.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))))
        assert count > 0, table


def test_each_verify_query_is_false_before_its_script_and_true_after(owner: psycopg.Connection[Any]) -> None:
    for script in CHAIN:
        assert not any(verified(owner, script)), script.stem
        owner.execute(script.read_bytes())
        untrack(owner, script)
        assert all(verified(owner, script)), script.stem
    left = [name for (name,) in owner.execute("SELECT name FROM schema_migrations ORDER BY name")]
    assert [int(name[:3]) for name in left] == list(range(1, 18))


def test_chain_in_one_transaction_is_wholly_undone_by_rollback(owner: psycopg.Connection[Any]) -> None:
    before = catalogue(owner)
    run_chain(owner, 18)
    assert catalogue(owner) != before
    owner.rollback()
    assert catalogue(owner) == before


def test_cascade_drops_views_that_no_script_names(owner: psycopg.Connection[Any]) -> None:
    for script in CHAIN:
        before = relations(owner)
        owner.execute(script.read_bytes())
        views = {name for name in before - relations(owner) if name.startswith("v_")}
        assert views == CASCADED_VIEWS.get(int(script.stem[:3]), set())
        assert not any(view in script.read_text() for view in views)


def test_021_takes_the_foreign_key_off_a_table_that_stays(owner: psycopg.Connection[Any]) -> None:
    (script,) = (script for script in CHAIN if script.stem.startswith("021"))
    run_chain(owner, 22)
    before = catalogue(owner)
    owner.execute(script.read_bytes())
    gone = {name.partition(":")[0] for kind, name in before - catalogue(owner) if kind == "constraint"}
    assert "public.invoices.invoices_bhyt_claim_id_fkey" in gone
    (dangling,) = next(owner.execute("SELECT count(bhyt_claim_id) FROM invoices"))
    assert dangling > 0


@pytest.mark.parametrize("down_to", range(27, 17, -1))
def test_schema_after_the_chain_is_the_schema_before_the_migration(
    down_to: int, owner: psycopg.Connection[Any], schema_at: Callable[[int], set[tuple[str, str]]]
) -> None:
    run_chain(owner, down_to)
    surplus = catalogue(owner) - schema_at(down_to - 1)
    missing = schema_at(down_to - 1) - catalogue(owner)
    assert missing == set()
    assert {(kind, name.partition(":")[0]) for kind, name in surplus} <= LEFT_BEHIND


@pytest.fixture(scope="module")
def schema_at(postgres: PostgresServer) -> Iterator[Callable[[int], set[tuple[str, str]]]]:
    """The catalogue as migrating up from nothing to a number leaves it."""
    with psycopg.connect(postgres.superuser_dsn, autocommit=True) as admin:
        admin.execute("CREATE DATABASE empty_schema")
    found: dict[int, set[tuple[str, str]]] = {}
    with psycopg.connect(postgres.dsn("postgres", "empty_schema"), autocommit=True) as conn:
        for to in range(17, 28):
            migrate(conn, to)
            with conn.transaction():
                found[to] = catalogue(conn)
    yield found.__getitem__
    clones.drop(postgres, "empty_schema")


def test_what_was_undone_can_be_migrated_again(owner: psycopg.Connection[Any]) -> None:
    before = catalogue(owner)
    run_chain(owner, 18)
    owner.execute("UPDATE invoices SET bhyt_claim_id = NULL")
    migrate(owner)
    assert catalogue(owner) == before
