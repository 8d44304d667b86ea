"""Rows come back, each where it was, to the last digit; damaged ones are refused."""

from dataclasses import replace

import psycopg
import pytest

from bot.adapters.database.connections import Connection
from bot.domain.migrations import Effect, Statement
from bot.errors import PermanentError
from bot.sandbox.physioflow.clones import Clone
from tests.adapters.database.scripting import script
from tests.adapters.database.undo_rollback.undoing import Undoing, agree, observe, prepare, undo


def test_rows_written_since_are_kept_and_sequences_never_go_back(
    undoing: Undoing, superuser: Connection, clone: Clone
) -> None:
    superuser.close()
    undone = undoing.roll_back(27, 26, 25, 24)
    with psycopg.connect(clone.owner_dsn, autocommit=True) as owner:
        owner.execute("INSERT INTO clinics (code, name) VALUES ('ZZ99', 'Newly opened')")
    session = undoing.take_access()

    outcome = session.recreate(undone.bundle, undone.order, undone.saved, agree)

    undoing.open(session)
    with psycopg.connect(clone.owner_dsn, autocommit=True) as owner:
        assert owner.execute("SELECT name FROM clinics WHERE code = 'ZZ99'").fetchall() == [("Newly opened",)]
        assert owner.execute("SELECT count(*) FROM schema_migrations").fetchall() == [(27,)]
        assert owner.execute("SELECT version FROM schema_migrations WHERE name LIKE '024%'").fetchall() == [("024",)]
    assert outcome.rows["public.schema_migrations"] == 23, "the others come back with their own rows"


def test_values_come_back_to_the_last_digit_whatever_the_database_s_settings(
    undoing: Undoing, superuser: Connection, clone: Clone
) -> None:
    with psycopg.connect(clone.owner_dsn, autocommit=True) as owner:
        owner.execute("ALTER TABLE feature_flags ADD share float8 DEFAULT 0.1::float8 + 0.2, ADD due date")
        owner.execute("ALTER TABLE feature_flags ADD every interval DEFAULT '-1 day -2:03:04'")
        owner.execute("UPDATE feature_flags SET due = date '2026-03-04'")
    loose = {"extra_float_digits": "0", "datestyle": "SQL, DMY", "intervalstyle": "sql_standard"}
    for name, value in loose.items():
        superuser.execute(f"ALTER DATABASE {clone.name} SET {name} = '{value}'".encode())
    before = observe(superuser)
    superuser.close()
    undone = undoing.roll_back(27)
    session = undoing.take_access()

    session.recreate(undone.bundle, undone.order, undone.saved, agree)

    undoing.open(session)
    with psycopg.connect(clone.superuser_dsn, autocommit=True) as conn:
        assert observe(conn) == before


def test_rows_that_were_cut_on_their_way_are_refused(undoing: Undoing, superuser: Connection) -> None:
    superuser.close()
    undone = undoing.roll_back(27)
    content = undone.saved.content["public.feature_flag_audit_log"]
    undone.saved.content["public.feature_flag_audit_log"] = content[: content[:-1].rindex(b"\n") + 1]
    session = undoing.take_access()

    with pytest.raises(PermanentError, match=r"undo-failed: public\.feature_flag_audit_log has 39 rows again"):
        session.recreate(undone.bundle, undone.order, undone.saved, agree)

    undoing.open(session)
    assert undoing.database.inspect().schema == 26


def test_values_that_were_changed_on_their_way_are_refused(undoing: Undoing, superuser: Connection) -> None:
    superuser.close()
    undone = undoing.roll_back(27)
    content = undone.saved.content["public.feature_flags"]
    undone.saved.content["public.feature_flags"] = content.replace(b",t,", b",f,", 1)
    session = undoing.take_access()

    with pytest.raises(PermanentError, match=r"undo-failed: public\.feature_flags has its 12 rows again, with other"):
        session.recreate(undone.bundle, undone.order, undone.saved, agree)

    undoing.open(session)
    assert undoing.database.inspect().schema == 26


def test_deleted_rows_come_back_where_they_are_missing_and_triggers_stay_quiet(
    undoing: Undoing, superuser: Connection, clone: Clone
) -> None:
    superuser.close()
    deletion = Statement("DELETE FROM clinics WHERE code = 'ZZ99'", 1, Effect.CHANGES_ROWS, ("clinics",))
    with psycopg.connect(clone.owner_dsn, autocommit=True) as owner:
        owner.execute("INSERT INTO clinics (code, name) VALUES ('ZZ99', 'To be closed')")
        owner.execute("INSERT INTO schema_migrations (name, version) VALUES ('028_closing', '028')")
    undoing.add(replace(script(28), statements=(deletion,)))
    undone = undoing.roll_back(28)
    session = undoing.take_access()

    outcome = session.recreate(undone.bundle, undone.order, undone.saved, agree)

    undoing.open(session)
    assert outcome.rows == {"public.clinics": 1}
    with psycopg.connect(clone.owner_dsn, autocommit=True) as owner:
        assert owner.execute("SELECT name FROM clinics WHERE code = 'ZZ99'").fetchall() == [("To be closed",)]


def test_rows_deleted_by_a_foreign_key_come_back_after_those_they_refer_to(
    undoing: Undoing, superuser: Connection, clone: Clone
) -> None:
    superuser.close()
    deletion = Statement("DELETE FROM wards", 1, Effect.CHANGES_ROWS, ("wards",), deletes=("wards",))
    with psycopg.connect(clone.owner_dsn, autocommit=True) as owner:
        owner.execute("CREATE TABLE wards (id integer PRIMARY KEY, over integer REFERENCES wards ON DELETE CASCADE)")
        owner.execute("CREATE TABLE beds (id integer PRIMARY KEY, ward integer REFERENCES wards ON DELETE CASCADE)")
        owner.execute("INSERT INTO wards VALUES (2, 2), (1, 2); INSERT INTO beds VALUES (1, 1), (2, 2)")
        owner.execute("INSERT INTO schema_migrations (name, version) VALUES ('028_closing', '028')")
        before = observe(owner)
    undoing.add(replace(script(28), statements=(deletion,)))
    undone = undoing.roll_back(28)
    session = undoing.take_access()

    outcome = session.recreate(undone.bundle, undone.order, undone.saved, agree)

    undoing.open(session)
    assert outcome.rows == {"public.wards": 2, "public.beds": 2}
    with psycopg.connect(clone.owner_dsn, autocommit=True) as owner:
        assert observe(owner) == before


FAMILY = (
    "CREATE TABLE par (id int PRIMARY KEY, name text, note text)",
    "CREATE TABLE kid (own int, PRIMARY KEY (id)) INHERITS (par)",
    "INSERT INTO par VALUES (1, 'one', 'a'); INSERT INTO kid VALUES (1, 'first', 'b', 10), (2, 'two', 'c', 20)",
)


def test_a_table_and_its_children_come_back_each_with_its_own_rows(undoing: Undoing, clone: Clone) -> None:
    prepare(clone, *FAMILY)

    rows = undo(undoing, clone, script(28, "DROP TABLE par CASCADE"))

    assert (rows["public.par"], rows["public.kid"]) == (1, 2)


def test_rows_deleted_of_a_table_and_its_children_come_back_where_they_were(undoing: Undoing, clone: Clone) -> None:
    prepare(clone, *FAMILY)
    deletion = Statement("DELETE FROM par", 1, Effect.CHANGES_ROWS, ("par",))

    rows = undo(undoing, clone, replace(script(28), statements=(deletion,)))

    assert rows == {"public.par": 1, "public.kid": 2}


def test_a_column_of_a_table_with_children_comes_back_with_each_one_s_values(undoing: Undoing, clone: Clone) -> None:
    prepare(clone, FAMILY[0], "CREATE TABLE kid (PRIMARY KEY (id)) INHERITS (par)")
    with psycopg.connect(clone.owner_dsn, autocommit=True) as owner:
        owner.execute("INSERT INTO par VALUES (1, 'one', 'a'); INSERT INTO kid VALUES (1, 'first', 'b')")

    rows = undo(undoing, clone, script(28, "ALTER TABLE par DROP COLUMN note"))

    assert (rows["public.par"], rows["public.kid"]) == (1, 1)
