"""A statement's effects: objects, rows, functions, lines."""

from pathlib import Path

import pytest

from bot.domain.migrations import Effect
from tests.adapters.migration_files.script import FIRST_LINE, load


def test_lines_are_right_after_other_alphabets(tmp_path: Path) -> None:
    script = load(tmp_path, "-- Bệnh nhân Nguyễn\nSELECT 'đã xoá';\nDROP TABLE log;")

    assert [(statement.line, statement.sql) for statement in script.statements] == [
        (8, "SELECT 'đã xoá'"),
        (9, "DROP TABLE log"),
    ]


@pytest.mark.parametrize(
    ("sql", "effect", "relations", "names"),
    [
        ("DROP TABLE a, s.b CASCADE", Effect.DROPS, (), ("a", "s.b")),
        ("DROP VIEW IF EXISTS v", Effect.DROPS, (), ("v",)),
        ("DROP TRIGGER t ON s.a", Effect.DROPS, (), ("t on s.a",)),
        ("DROP POLICY p ON a", Effect.DROPS, (), ("p on a",)),
        ("DROP FUNCTION s.f(integer, text), g()", Effect.DROPS, (), ("s.f", "g")),
        ("DROP TYPE s.t", Effect.DROPS, (), ("s.t",)),
        ("DROP SCHEMA s", Effect.DROPS, (), ("s",)),
        ("DROP EXTENSION hstore", Effect.DROPS, (), ("hstore",)),
        ("ALTER TABLE a DROP COLUMN b", Effect.DROPS, (), ("a", "b on a")),
        ("ALTER TABLE s.a DROP CONSTRAINT c, ADD d int", Effect.DROPS, (), ("s.a", "c on s.a")),
        ("ALTER TABLE s.a ADD COLUMN b integer", Effect.ALTERS, (), ("s.a",)),
        ("ALTER TABLE a RENAME TO b", Effect.ALTERS, (), ("a",)),
        ("ALTER FUNCTION f(integer) OWNER TO x", Effect.ALTERS, (), ("f",)),
        ("CREATE TABLE a (id integer)", Effect.ALTERS, (), ("a",)),
        ("CREATE INDEX ON a (id)", Effect.ALTERS, (), ("a",)),
        ("GRANT SELECT ON a TO x", Effect.ALTERS, (), ("a",)),
        ("COMMENT ON TABLE s.a IS 'x'", Effect.ALTERS, (), ("s.a",)),
        ("DELETE FROM s.a WHERE id = 1", Effect.CHANGES_ROWS, ("s.a",), ()),
        ("UPDATE a SET b = 1", Effect.CHANGES_ROWS, ("a",), ()),
        ("INSERT INTO a SELECT * FROM b", Effect.CHANGES_ROWS, ("a",), ()),
        ("TRUNCATE a, s.b", Effect.CHANGES_ROWS, ("a", "s.b"), ()),
        ("MERGE INTO a USING b ON true WHEN MATCHED THEN DELETE", Effect.CHANGES_ROWS, ("a",), ()),
        ("WITH d AS (DELETE FROM a RETURNING *) INSERT INTO b SELECT * FROM d", Effect.CHANGES_ROWS, ("a", "b"), ()),
        ("WITH d AS (DELETE FROM a RETURNING 1) SELECT * FROM d", Effect.CHANGES_ROWS, ("a",), ()),
        ("SELECT count(*) FROM a", Effect.READS, (), ()),
        ("LOCK TABLE a IN SHARE MODE", Effect.READS, (), ()),
        ("SET LOCAL lock_timeout = '1s'", Effect.READS, (), ()),
        ("SET CONSTRAINTS ALL DEFERRED", Effect.READS, (), ()),
        ("DO $$ BEGIN DROP TABLE a; DELETE FROM b; EXECUTE 'DROP VIEW v'; END $$", Effect.DROPS, ("b",), ("a", "v")),
        ("DO $$ BEGIN PERFORM 1; END $$", Effect.ALTERS, (), ()),
    ],
)
def test_effects(tmp_path: Path, sql: str, effect: Effect, relations: tuple[str, ...], names: tuple[str, ...]) -> None:
    (statement,) = load(tmp_path, sql + ";").statements

    assert (statement.sql, statement.line, statement.effect) == (sql, FIRST_LINE, effect)
    assert (statement.relations, statement.names) == (relations, names)


@pytest.mark.parametrize(
    ("sql", "deletes", "sets"),
    [
        ("DELETE FROM s.a WHERE id = 1", ("s.a",), ()),
        ("TRUNCATE a, s.b", ("a", "s.b"), ()),
        ("UPDATE a SET b = 1, c = 2", (), (("a", "b"), ("a", "c"))),
        ("INSERT INTO a SELECT * FROM b", (), ()),
        ("INSERT INTO a VALUES (1) ON CONFLICT (id) DO UPDATE SET b = 1", (), (("a", "b"),)),
        ("MERGE INTO a USING b ON true WHEN MATCHED THEN DELETE", ("a",), ()),
        ("MERGE INTO a USING b ON true WHEN MATCHED THEN UPDATE SET c = 1", (), (("a", "c"),)),
        ("MERGE INTO a USING b ON true WHEN NOT MATCHED THEN INSERT VALUES (1)", (), ()),
        ("WITH d AS (DELETE FROM a RETURNING *) INSERT INTO b SELECT * FROM d", ("a",), ()),
        ("DO $$ BEGIN DELETE FROM a; UPDATE b SET c = 1; END $$", ("a",), (("b", "c"),)),
    ],
)
def test_what_becomes_of_rows(
    tmp_path: Path, sql: str, deletes: tuple[str, ...], sets: tuple[tuple[str, str], ...]
) -> None:
    (statement,) = load(tmp_path, sql + ";").statements

    assert (statement.deletes, statement.sets) == (deletes, sets)


@pytest.mark.parametrize(
    ("sql", "calls"),
    [
        ("SELECT s.purge(1), now()", ("s.purge", "now")),
        ("CALL tidy()", ("tidy",)),
        ("UPDATE a SET b = f(b)", ("f",)),
        (
            "DO $$ DECLARE x int := f(1); BEGIN PERFORM g(); x := h(2); IF i() THEN CALL j(); END IF; END $$",
            tuple("fghij"),
        ),
        ("CREATE VIEW v AS SELECT f()", ()),
        ("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT g()'", ()),
        ("DROP TABLE a", ()),
    ],
)
def test_functions_that_are_called(tmp_path: Path, sql: str, calls: tuple[str, ...]) -> None:
    (statement,) = load(tmp_path, sql + ";").statements

    assert sorted(statement.calls) == sorted(calls)
