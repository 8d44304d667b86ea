import hashlib
from pathlib import Path

import pytest

from bot.adapters.migration_files.files import ScriptFiles
from bot.domain.migrations import DownScript, Effect, Statement
from bot.errors import PermanentError

DOWN_DIR = Path(__file__).parents[3] / "sql" / "down"
HEADER = """-- migration: 027_flags
-- adds: flags
-- impact: None.
-- data-loss: flags, public.log
-- verify: SELECT to_regclass('flags') IS NULL
-- verify: to_regclass('log') IS NULL
"""
FIRST_LINE = 7


def load(directory: Path, body: str, name: str = "027_flags.sql", header: str = HEADER) -> DownScript:
    (directory / name).write_text(header + body, encoding="utf-8")
    (script,) = ScriptFiles(directory, "schema_migrations").load().values()
    return script


def fault(directory: Path, body: str, name: str = "027_flags.sql", header: str = HEADER) -> PermanentError:
    with pytest.raises(PermanentError, match="invalid-script") as caught:
        load(directory, body, name, header)
    assert caught.value.hint
    return caught.value


def test_physioflow_s_scripts() -> None:
    scripts = ScriptFiles(DOWN_DIR, "schema_migrations").load()

    assert list(scripts) == list(range(18, 28))
    assert [statement.sql for statement in scripts[26].statements] == [
        "ALTER TABLE schema_migrations DROP COLUMN IF EXISTS version"
    ]
    assert scripts[27].data_loss == ("feature_flags", "feature_flag_audit_log")
    assert scripts[25].data_loss == ()
    assert scripts[24].statements[0] == Statement(
        "DROP TABLE IF EXISTS special_test_results CASCADE", 8, Effect.DROPS, (), ("special_test_results",)
    )
    assert scripts[18].sha256 == hashlib.sha256((DOWN_DIR / "018_rom_mmt.sql").read_bytes()).hexdigest()


def test_a_whole_script(tmp_path: Path) -> None:
    script = load(tmp_path, "\nDROP TABLE flags;\n/* ; */ DROP TABLE log -- the last; has no semicolon\n")

    assert (script.version, script.name, script.adds, script.impact) == (27, "027_flags", "flags", "None.")
    assert script.data_loss == ("flags", "public.log")
    assert script.verify == ("SELECT to_regclass('flags') IS NULL", "to_regclass('log') IS NULL")
    assert [(statement.sql.split(" --")[0], statement.line) for statement in script.statements] == [
        ("DROP TABLE flags", 8),
        ("DROP TABLE log", 9),
    ]


def test_lines_are_right_after_other_alphabets(tmp_path: Path) -> None:
    script = load(tmp_path, "-- Bệnh nhân Nguyễn\nSELECT 'đã xoá';\nDROP TABLE log;")

    assert [(statement.line, statement.sql) for statement in script.statements] == [
        (8, "SELECT 'đã xoá'"),
        (9, "DROP TABLE log"),
    ]


@pytest.mark.parametrize(
    "own",
    [
        "BEGIN",
        "BEGIN ISOLATION LEVEL SERIALIZABLE",
        "START TRANSACTION",
        "COMMIT",
        "END",
        "DELETE FROM schema_migrations WHERE version = '027'",
        "DELETE FROM public.schema_migrations WHERE '027_flags' = name",
        "DELETE FROM schema_migrations WHERE version = 27",
    ],
)
def test_what_the_bot_does_itself_is_taken_out(tmp_path: Path, own: str) -> None:
    script = load(tmp_path, f"{own};\nDROP TABLE flags;\n{own};")

    assert [statement.sql for statement in script.statements] == ["DROP TABLE flags"]


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
    ("block", "composed"),
    [
        ("DO $$ BEGIN EXECUTE format('DELETE FROM %I', 'a'); END $$", True),
        ("DO $$ DECLARE r record; BEGIN FOR r IN EXECUTE 'SELECT ' || 1 LOOP NULL; END LOOP; END $$", True),
        ("DO LANGUAGE plperl $$ 1; $$", True),
        ("DO $$ BEGIN EXECUTE 'DELETE FROM a'; DELETE FROM b; END $$", False),
        ("DELETE FROM a", False),
    ],
)
def test_sql_that_is_put_together(tmp_path: Path, block: str, *, composed: bool) -> None:
    (statement,) = load(tmp_path, block + ";").statements

    assert statement.composes is composed


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


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("ROLLBACK", "the bot owns the transaction"),
        ("SAVEPOINT a", "the bot owns the transaction"),
        ("PREPARE TRANSACTION 'a'", "the bot owns the transaction"),
        ("CREATE DATABASE a", "cannot run in a transaction"),
        ("DROP DATABASE a", "cannot run in a transaction"),
        ("CREATE INDEX CONCURRENTLY i ON a (id)", "cannot run in a transaction"),
        ("DROP INDEX CONCURRENTLY i", "cannot run in a transaction"),
        ("REINDEX TABLE CONCURRENTLY a", "cannot run in a transaction"),
        ("REINDEX (CONCURRENTLY) INDEX i", "cannot run in a transaction"),
        ("REINDEX DATABASE a", "cannot run in a transaction"),
        ("VACUUM a", "cannot run in a transaction"),
        ("VACUUM", "cannot run in a transaction"),
        ("CLUSTER", "cannot run in a transaction"),
        ("ALTER SYSTEM SET a.b = 1", "cannot run in a transaction"),
        ("TRUNCATE a CASCADE", "name every table"),
        ("DO $$ BEGIN TRUNCATE a CASCADE; END $$", "name every table"),
        ("CREATE TABLESPACE a LOCATION '/a'", "cannot run in a transaction"),
        ("DROP SUBSCRIPTION a", "cannot run in a transaction"),
        ("ALTER TABLE a DETACH PARTITION b CONCURRENTLY", "cannot run in a transaction"),
        ("ALTER DATABASE a SET b.c = 1", "reaches beyond this database"),
        ("ALTER DATABASE a RENAME TO b", "reaches beyond this database"),
        ("COMMENT ON DATABASE a IS 'x'", "reaches beyond this database"),
        ("GRANT CONNECT ON DATABASE a TO b", "reaches beyond this database"),
        ("CREATE ROLE a", "reaches beyond this database"),
        ("DROP ROLE a", "reaches beyond this database"),
        ("GRANT a TO b", "reaches beyond this database"),
        ("DROP OWNED BY a", "reaches beyond this database"),
        ("COPY a TO PROGRAM 'cat'", "runs a command that no rollback undoes"),
        ("COPY a FROM '/etc/passwd'", "reads or writes a file of the server's"),
        ("COPY a FROM STDIN", "needs a client that sends rows"),
        ("SELECT setval('s', 1)", r"setval\(\) does what no rollback undoes"),
        ("SELECT pg_catalog.setval('s', 1)", r"setval\(\) does what no rollback undoes"),
        ("SELECT dblink_exec('x', 'y')", r"dblink_exec\(\) does what no rollback undoes"),
        ("SELECT pg_advisory_lock(1)", r"pg_advisory_lock\(\) does what no rollback undoes"),
        ("SELECT set_config('a.b', 'c', false)", r"set_config\(\) does what no rollback undoes"),
        ("SET work_mem = '1MB'", "only SET LOCAL"),
        ("RESET ALL", "only SET LOCAL"),
        ("SET LOCAL search_path = x", "not of .*search_path"),
        ("SET LOCAL ROLE x", "not of role"),
        ("SET TRANSACTION READ ONLY", "only SET LOCAL"),
        ("DISCARD ALL", "belongs to a session"),
        ("LISTEN a", "belongs to a session"),
        ("PREPARE p AS SELECT 1", "belongs to a session"),
        ("DO $$ BEGIN COMMIT; END $$", "the DO block ends the transaction"),
        ("DO $$ BEGIN IF true THEN ROLLBACK; END IF; END $$", "the DO block ends the transaction"),
        ("DO $$ BEGIN DELETE FROM schema_migrations; END $$", "the bot owns schema_migrations"),
        ("DO $$ BEGIN EXECUTE 'DROP ROLE a'; END $$", "reaches beyond this database"),
        ("DELETE FROM schema_migrations", "the bot owns schema_migrations"),
        ("DELETE FROM schema_migrations WHERE version = '026'", "the bot owns schema_migrations"),
        ("DELETE FROM schema_migrations WHERE version >= '027'", "the bot owns schema_migrations"),
        ("DELETE FROM schema_migrations WHERE version = '027' OR true", "the bot owns schema_migrations"),
        ("UPDATE schema_migrations SET version = '1'", "the bot owns schema_migrations"),
        ("INSERT INTO public.schema_migrations VALUES ('1')", "the bot owns schema_migrations"),
        ("TRUNCATE schema_migrations", "the bot owns schema_migrations"),
        ("DROP TABLE schema_migrations", "the bot owns schema_migrations"),
        ("DROP TABLE a, public.schema_migrations", "the bot owns schema_migrations"),
        ("ALTER TABLE schema_migrations RENAME TO x", "the bot owns schema_migrations"),
        ("ALTER TABLE schema_migrations ADD COLUMN x text", "the bot owns schema_migrations"),
        ("SELECT * FROM schema_migrations", "the bot owns schema_migrations"),
        ("LOCK TABLE schema_migrations", "the bot owns schema_migrations"),
        ("\\c other", r"\\c is psql's, not SQL"),
        ("\\i other.sql", r"\\i is psql's, not SQL"),
        ("DROP TABEL a", 'syntax error at or near "TABEL"'),
    ],
)
def test_what_may_not_be_in_a_script(tmp_path: Path, sql: str, words: str) -> None:
    error = fault(tmp_path, f"DROP TABLE flags;\n\n{sql};\n")

    assert error.message.startswith(f"027_flags.sql:{FIRST_LINE + 2}: ")
    with pytest.raises(PermanentError, match=words):
        raise error


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("-- adds: flags\n", "", "027_flags.sql:1: the header lacks adds."),
        ("-- verify: SELECT to_regclass('flags') IS NULL\n-- verify: to_regclass('log') IS NULL\n", "", "lacks verify"),
        ("-- adds: flags\n", "-- adds:\n", "027_flags.sql:2: the header's adds is empty"),
        ("-- adds: flags\n", "-- adds: a\n-- adds: b\n", "027_flags.sql:3: the header's adds is there twice"),
        ("-- adds: flags\n", "-- adds: a\n-- data-los: b\n", "027_flags.sql:3: the header's data-los is unknown"),
        ("027_flags\n", "026_flags\n", "027_flags.sql:1: the header says 026_flags, the file 027_flags"),
        ("to_regclass('log') IS NULL", "DELETE FROM x", "027_flags.sql:6: verify is no SELECT or expression"),
        ("to_regclass('log') IS NULL", "true); DROP TABLE x; SELECT (1", "verify is no SELECT or expression"),
    ],
)
def test_headers(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in HEADER

    assert words in fault(tmp_path, "DROP TABLE flags;", header=HEADER.replace(old, new)).message


def test_a_header_s_end_is_the_first_statement(tmp_path: Path) -> None:
    script = load(tmp_path, "\n-- Notes are allowed, and so is this: one\nDROP TABLE flags;\n-- adds: not any more\n")

    assert script.adds == "flags"


@pytest.mark.parametrize(
    "body", ["", "\n-- nothing to do\n", "BEGIN; COMMIT;", "DELETE FROM schema_migrations WHERE version = '027';"]
)
def test_a_script_that_undoes_nothing(tmp_path: Path, body: str) -> None:
    assert "it would undo nothing" in fault(tmp_path, body).message


def test_two_scripts_of_one_version(tmp_path: Path) -> None:
    load(tmp_path, "DROP TABLE flags;")

    error = fault(tmp_path, "DROP TABLE x;", "027_other.sql", HEADER.replace("027_flags", "027_other"))

    assert error.message == "027_other.sql:1: 027_flags undoes that version too."


@pytest.mark.parametrize("name", ["flags.sql", "027-flags.sql", "27.sql", "v027_flags.sql"])
def test_file_names(tmp_path: Path, name: str) -> None:
    assert fault(tmp_path, "DROP TABLE x;", name).message == f"{name}:1: the name is not NNN_name.sql."


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "README.md").touch()

    assert load(tmp_path, "DROP TABLE flags;").version == 27


def test_no_scripts_at_all(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="invalid-script: There is no down script in "):
        ScriptFiles(tmp_path / "nowhere", "schema_migrations").load()


def test_not_utf_8(tmp_path: Path) -> None:
    (tmp_path / "027_flags.sql").write_bytes(HEADER.encode() + b"SELECT '\xff';")

    with pytest.raises(PermanentError, match=r"invalid-script: 027_flags\.sql:1: it is not UTF-8"):
        ScriptFiles(tmp_path, "schema_migrations").load()


def test_edits_are_seen_at_once(tmp_path: Path) -> None:
    before = load(tmp_path, "DROP TABLE flags;")
    after = load(tmp_path, "DROP TABLE flags CASCADE;")

    assert before.sha256 != after.sha256


def test_a_tracking_table_in_a_schema(tmp_path: Path) -> None:
    (tmp_path / "027_flags.sql").write_text(HEADER + "DELETE FROM other.done; DROP TABLE x;")
    assert len(ScriptFiles(tmp_path, "ops.done").load()[27].statements) == 2

    (tmp_path / "027_flags.sql").write_text(HEADER + "DELETE FROM ops.done; DROP TABLE x;")
    with pytest.raises(PermanentError, match="the bot owns done"):
        ScriptFiles(tmp_path, "ops.done").load()
