"""Statements that a script must not have, and those that compose SQL."""

from pathlib import Path

import pytest

from bot.adapters.migration_files.files import ScriptFiles
from bot.errors import PermanentError
from tests.adapters.migration_files.script import FIRST_LINE, HEADER, fault, load, only


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


def test_a_tracking_table_in_a_schema(tmp_path: Path) -> None:
    (tmp_path / "027_flags.sql").write_text(HEADER + "DELETE FROM other.done; DROP TABLE x;")
    assert len(ScriptFiles(tmp_path, "ops.done").load()[27].statements) == 2

    (tmp_path / "027_flags.sql").write_text(HEADER + "DELETE FROM ops.done; DROP TABLE x;")
    with pytest.raises(PermanentError, match="the bot owns done"):
        only(ScriptFiles(tmp_path, "ops.done"))
