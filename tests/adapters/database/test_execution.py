"""What a publication forbids live, the rehearsal forbids beforehand."""

import pytest

from bot.adapters.database import PostgresDatabase
from bot.adapters.database.connections import Connection
from bot.errors import PermanentError
from tests.adapters.database.scripting import script

TO_26 = frozenset(range(1, 27))
FOR_NOTES = "CREATE PUBLICATION cdc FOR TABLE notes WITH (publish = 'update, delete')"
FOR_ALL = "CREATE PUBLICATION cdc FOR ALL TABLES"


def refusal(database: PostgresDatabase, *statements: str) -> str:
    with database.shadow("rtest1") as shadow:
        try:
            shadow.rehearse((script(27, *statements),), TO_26)
        except PermanentError as error:
            return str(error)
    return ""


@pytest.fixture
def notes(owner: Connection) -> None:
    owner.execute("CREATE TABLE notes (id integer); CREATE UNLOGGED TABLE scratch (id integer)")


@pytest.mark.parametrize("publication", [FOR_NOTES, FOR_ALL])
@pytest.mark.parametrize("statement", ["DELETE FROM notes", "UPDATE notes SET id = 1"])
def test_rows_that_cannot_be_told_apart_elsewhere_are_refused(
    database: PostgresDatabase, superuser: Connection, notes: None, publication: str, statement: str
) -> None:
    del notes
    superuser.execute(publication.encode())

    told = refusal(database, statement)

    assert told.startswith("no-replica-identity: 027_made_up.sql line 1 would fail: cannot ")
    assert "55000" in told


def test_what_the_server_would_let_pass_passes(database: PostgresDatabase, superuser: Connection, notes: None) -> None:
    del notes
    superuser.execute("CREATE PUBLICATION cdc FOR TABLE notes WITH (publish = 'insert, delete')")

    assert refusal(database, "UPDATE notes SET id = 1", "INSERT INTO notes VALUES (1)", "TRUNCATE notes") == ""
    assert refusal(database, "ALTER TABLE notes REPLICA IDENTITY FULL", "DELETE FROM notes") == ""
    assert refusal(database, "ALTER TABLE notes ADD PRIMARY KEY (id)", "DELETE FROM notes") == ""
    assert refusal(database, "DROP TABLE notes", "DELETE FROM clinics WHERE false") == ""


def test_the_tracking_table_s_own_row_counts(database: PostgresDatabase, superuser: Connection) -> None:
    superuser.execute(FOR_ALL.encode())

    told = refusal(database, "ALTER TABLE schema_migrations DROP COLUMN name")

    assert told.startswith("no-replica-identity: Taking a migration's row out of the tracking table would fail:")


def test_the_copy_s_fingerprint_and_locks_are_as_ever(
    database: PostgresDatabase, superuser: Connection, notes: None
) -> None:
    del notes
    superuser.execute(FOR_ALL.encode())

    with database.shadow("rtest1") as shadow:
        rehearsal = shadow.rehearse((script(27, "INSERT INTO notes VALUES (1)"),), TO_26)

    assert rehearsal.before.fingerprint == database.catalogue().fingerprint
    assert [lock.relation for lock in rehearsal.outcome.locks] == ["public.notes"]
    assert rehearsal.outcome.written == ("public.notes",)
