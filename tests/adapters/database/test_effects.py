"""The server's own counts tell what one transaction has written, whoever wrote it within."""

from collections.abc import Iterator

import psycopg
import pytest

from bot.adapters.database.connections import Connection
from bot.adapters.database.effects import EffectObserver
from bot.domain.comparison import compare
from bot.domain.effects import TableWrites

TRACKING = "public.schema_migrations"
SETUP = """
CREATE TABLE parents (id int PRIMARY KEY, n int);
CREATE TABLE children (id int PRIMARY KEY, parent int REFERENCES parents ON DELETE CASCADE);
CREATE TABLE loose (id int PRIMARY KEY, parent int REFERENCES parents ON DELETE SET NULL);
CREATE TABLE noted (id int);
CREATE TABLE parted (id int) PARTITION BY RANGE (id);
CREATE TABLE parted_low PARTITION OF parted FOR VALUES FROM (0) TO (10);
SELECT lo_from_bytea(4711, 'x');
INSERT INTO parents SELECT n, n FROM generate_series(1, 4) n;
INSERT INTO children SELECT n, n FROM generate_series(1, 4) n;
INSERT INTO loose SELECT n, n FROM generate_series(1, 4) n;
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO noted VALUES (OLD.id); RETURN OLD; END';
CREATE TRIGGER note AFTER DELETE ON parents FOR EACH ROW EXECUTE FUNCTION note();
"""
MERGE = """
MERGE INTO parents USING (VALUES (1), (9)) AS v (id) ON parents.id = v.id
WHEN MATCHED THEN UPDATE SET n = 0 WHEN NOT MATCHED THEN INSERT VALUES (v.id)
"""
ROLLED_BACK = "DO $$ BEGIN INSERT INTO noted VALUES (1); RAISE 'no'; EXCEPTION WHEN OTHERS THEN NULL; END $$"


@pytest.fixture
def conn(owner: Connection) -> Iterator[Connection]:
    """A session in a transaction."""
    owner.execute(SETUP.encode())
    owner.execute("BEGIN")
    yield owner
    owner.execute("ROLLBACK")


def writes(conn: Connection, *statements: str) -> list[str]:
    """What is seen of these."""
    observer = EffectObserver(conn, TRACKING)
    for statement in statements:
        conn.execute(statement.encode())
    return [str(write) for write in observer.effect().writes]


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("INSERT INTO noted VALUES (1), (2)", ["public.noted: 2 rows inserted"]),
        ("UPDATE parents SET n = 0 WHERE id < 4", ["public.parents: 3 rows updated"]),
        (
            "DELETE FROM parents WHERE id = 1",
            [
                "public.children: 1 row deleted",
                "public.loose: 1 row updated",
                "public.noted: 1 row inserted",
                "public.parents: 1 row deleted",
            ],
        ),
        (
            MERGE,
            ["public.parents: 1 row inserted, 1 row updated"],
        ),
        ("INSERT INTO parted VALUES (1)", ["public.parted_low: 1 row inserted"]),
        ("UPDATE parents SET n = 0 WHERE false", []),
        ("SELECT * FROM parents FOR UPDATE", []),
        (ROLLED_BACK, []),
        ("DELETE FROM schema_migrations WHERE version = '027'", []),
        ("CREATE TABLE new AS SELECT * FROM parents", []),
        ("CREATE TEMPORARY TABLE aside AS SELECT * FROM parents", []),
        ("SELECT lo_from_bytea(0, 'x')", ["large objects: 1 row inserted"]),
        ("SELECT lo_unlink(4711)", ["large objects: 1 row deleted"]),
        ("GRANT SELECT ON LARGE OBJECT 4711 TO PUBLIC", ["large objects: 1 row updated"]),
    ],
)
def test_rows_are_counted_whoever_writes_them(conn: Connection, statement: str, told: list[str]) -> None:
    assert writes(conn, statement) == told


def test_a_renamed_table_has_the_name_that_the_plan_knows(conn: Connection) -> None:
    assert writes(conn, "ALTER TABLE noted RENAME TO told", "INSERT INTO told VALUES (1)") == [
        "public.noted: 1 row inserted"
    ]


def test_what_the_same_session_wrote_before_is_no_effect(conn: Connection) -> None:
    """Also an attempt that was rolled back: the server has not reported its counts yet."""
    conn.execute("INSERT INTO noted VALUES (1); COMMIT; BEGIN; DELETE FROM children; ROLLBACK; BEGIN")
    assert writes(conn) == []
    assert writes(conn, "DELETE FROM children") == ["public.children: 4 rows deleted"]


def test_emptied_tables_are_rewritten_ones(conn: Connection) -> None:
    observer = EffectObserver(conn, TRACKING)
    conn.execute("DELETE FROM noted; TRUNCATE noted, children")
    effect = observer.effect()
    assert compare(effect.before, effect.after).rewritten == {"public.noted", "public.children"}


def test_a_server_that_does_not_count_is_seen_by_its_locks(conn: Connection, superuser: Connection) -> None:
    conn.execute("COMMIT")
    with superuser.transaction(force_rollback=True):
        superuser.execute("SET track_counts = off")
        assert writes(superuser, "DELETE FROM parents WHERE id = 1") == [
            f"public.{table}: rows written, in an unknown number" for table in ("children", "loose", "noted", "parents")
        ]
    conn.execute("BEGIN")


def test_settings_of_a_script_survive_the_look(conn: Connection) -> None:
    observer = EffectObserver(conn, TRACKING)
    conn.execute("SET LOCAL timezone = 'Europe/Berlin'")
    observer.effect()
    assert conn.execute("SHOW timezone").fetchall() == [("Europe/Berlin",)]


def test_numbers_are_told_in_words() -> None:
    assert str(TableWrites("public.t", 1, 2000, 0)) == "public.t: 1 row inserted, 2,000 rows updated"


def test_an_error_leaves_the_transaction_to_its_owner(conn: Connection) -> None:
    observer = EffectObserver(conn, TRACKING)
    with pytest.raises(psycopg.errors.DivisionByZero):
        conn.execute("SELECT 1 / 0")
    with pytest.raises(psycopg.errors.InFailedSqlTransaction):
        observer.effect()
