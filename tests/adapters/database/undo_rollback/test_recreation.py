"""Chains undone for real, on PhysioFlow's sample: what was there is there again, to the last row and grant."""

from collections.abc import Callable
from dataclasses import replace

import psycopg
import pytest

from bot.adapters.clock import SystemClock
from bot.adapters.database import PostgresDatabase, Server
from bot.adapters.database.connections import Connection
from bot.adapters.dump_statements.toc import read_toc
from bot.adapters.pgclient.tools import PgTools
from bot.domain.backups import BundleKind
from bot.errors import PermanentError
from bot.sandbox.physioflow.clones import Clone
from tests.adapters.database.conftest import TIMING, TRACKING
from tests.adapters.database.scripting import script
from tests.adapters.database.undo_rollback.undoing import Undoing, agree, observe, prepare, undo

RENAMED = """
DO $$ DECLARE name text; BEGIN
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'schema_migrations' LOOP
        EXECUTE format('ALTER TABLE %I RENAME TO %I', name, 'other_' || name);
    END LOOP;
END $$
"""


@pytest.mark.parametrize("oldest", [27, 24, 18])
def test_a_chain_undone_leaves_what_was_there_before(
    undoing: Undoing, superuser: Connection, clone: Clone, oldest: int
) -> None:
    before = observe(superuser)
    superuser.close()
    undone = undoing.roll_back(*range(27, oldest - 1, -1))
    undoing.database.rehearse_recreation("rtest2", undone.bundle, undone.order, undone.saved)
    session = undoing.take_access()

    outcome = session.recreate(undone.bundle, undone.order, undone.saved, agree)

    again = session.recreate(undone.bundle, undone.order, undone.saved, agree)
    undoing.open(session)
    with psycopg.connect(clone.superuser_dsn, autocommit=True) as conn:
        assert observe(conn) == before
    assert outcome.statements > 5
    assert again.statements == 0


def test_an_owner_that_may_not_commit_changes_nothing(undoing: Undoing, superuser: Connection) -> None:
    superuser.close()
    undone = undoing.roll_back(27)
    session = undoing.take_access()

    def refuse() -> None:
        raise PermanentError("fenced-off", "Another process has the run.")

    with pytest.raises(PermanentError, match="fenced-off"):
        session.recreate(undone.bundle, undone.order, undone.saved, refuse)

    undoing.open(session)
    assert undoing.database.inspect().schema == 26
    assert "public.feature_flags" not in undoing.database.catalogue().relations(["table"])


def test_what_contradicts_newer_rows_is_refused_as_a_whole(
    undoing: Undoing, superuser: Connection, clone: Clone
) -> None:
    """021's chain leaves invoices.bhyt_claim_id without its foreign key: somebody writes a claim that never was."""
    superuser.close()
    undone = undoing.roll_back(*range(27, 20, -1))
    with psycopg.connect(clone.owner_dsn, autocommit=True) as owner:
        owner.execute("UPDATE invoices SET bhyt_claim_id = 987654 WHERE id = (SELECT min(id) FROM invoices)")
    before = undoing.database.catalogue().fingerprint
    session = undoing.take_access()

    with pytest.raises(PermanentError, match=r"undo-failed.*invoices_bhyt_claim_id_fkey"):
        session.recreate(undone.bundle, undone.order, undone.saved, agree)

    undoing.open(session)
    assert undoing.database.catalogue().fingerprint == before
    assert undoing.database.inspect().schema == 20


def test_a_schema_changed_since_is_not_led_back_to_something_else(
    undoing: Undoing, superuser: Connection, clone: Clone
) -> None:
    superuser.close()
    undone = undoing.roll_back(27)
    with psycopg.connect(clone.owner_dsn, autocommit=True) as owner:
        owner.execute("CREATE TABLE newcomers (id int)")

    with pytest.raises(PermanentError, match=r"undo-not-exact.*what went is there again.*changed since"):
        undoing.database.rehearse_recreation("rtest2", undone.bundle, undone.order, undone.saved)


def test_a_bundle_of_another_database_is_refused(
    undoing: Undoing, superuser: Connection, sample_database: Callable[[], Clone], tools: PgTools, clock: SystemClock
) -> None:
    superuser.close()
    undone = undoing.roll_back(27)
    other = sample_database()
    with psycopg.connect(other.owner_dsn, autocommit=True) as owner:
        owner.execute(RENAMED)  # as it happens that other tables have the same OIDs
    elsewhere = PostgresDatabase(Server(other.bot_dsn, TRACKING, TIMING, tools, clock))

    with pytest.raises(PermanentError, match="database-replaced"):
        elsewhere.rehearse_recreation("rtest2", undone.bundle, undone.order, undone.saved)


def test_grants_tighter_than_the_default_and_generated_columns_come_back(
    undoing: Undoing, superuser: Connection, clone: Clone
) -> None:
    superuser.close()
    with psycopg.connect(clone.owner_dsn, autocommit=True) as owner:
        owner.execute("ALTER TABLE feature_flags ADD COLUMN loud text GENERATED ALWAYS AS (upper(key)) STORED")
        owner.execute("REVOKE ALL ON feature_flags FROM physioflow_app")
        owner.execute("GRANT SELECT (key) ON feature_flags TO physioflow_app")
        owner.execute("ALTER TABLE feature_flags ENABLE ROW LEVEL SECURITY")
        owner.execute("CREATE POLICY some_flags ON feature_flags USING (enabled)")
        before = observe(owner)
    undone = undoing.roll_back(27)
    session = undoing.take_access()

    session.recreate(undone.bundle, undone.order, undone.saved, agree)

    undoing.open(session)
    with psycopg.connect(clone.owner_dsn, autocommit=True) as owner:
        assert observe(owner) == before


def test_a_column_that_cannot_come_back_in_its_place_is_refused(
    undoing: Undoing, superuser: Connection, clone: Clone
) -> None:
    """The second of three columns: added again it would be the last."""
    superuser.close()
    with psycopg.connect(clone.owner_dsn, autocommit=True) as owner:
        owner.execute("INSERT INTO schema_migrations (name, version) VALUES ('028_phones', '028')")
    undoing.add(script(28, "ALTER TABLE clinics DROP COLUMN phone"))
    undone = undoing.roll_back(28)
    session = undoing.take_access()

    with pytest.raises(PermanentError, match="undo-not-exact"):
        session.recreate(undone.bundle, undone.order, undone.saved, agree)

    undoing.open(session)
    assert undoing.database.inspect().schema == 27


def test_what_would_be_missing_is_named(undoing: Undoing, superuser: Connection) -> None:
    superuser.close()
    undone = undoing.roll_back(27)
    ghost = ("view", "public.ghost")
    order = replace(undone.order, fingerprint="0" * 64, objects=undone.order.objects | {ghost})

    with pytest.raises(PermanentError, match=r"undo-not-exact.*: view public\.ghost would be missing"):
        undoing.database.rehearse_recreation("rtest2", undone.bundle, order, undone.saved)


@pytest.mark.parametrize("generated", ["ALWAYS", "BY DEFAULT"])
def test_an_identity_column_comes_back(undoing: Undoing, clone: Clone, generated: str) -> None:
    prepare(
        clone,
        f"CREATE TABLE counted (id int PRIMARY KEY, number bigint GENERATED {generated} AS IDENTITY (START 100))",
        "INSERT INTO counted (id) VALUES (1), (2)",
    )

    undo(undoing, clone, script(28, "ALTER TABLE counted DROP COLUMN number"))

    with psycopg.connect(clone.owner_dsn, autocommit=True) as owner:
        owner.execute("INSERT INTO counted (id) VALUES (3)")
        assert owner.execute("SELECT number FROM counted ORDER BY id").fetchall() == [(100,), (101,), (102,)]


def test_a_table_renamed_is_no_sign_of_another_database(undoing: Undoing, clone: Clone) -> None:
    prepare(clone)
    undoing.add(script(28, "ALTER TABLE clinics RENAME TO branches", "DROP TABLE feature_flag_audit_log"))
    undone = undoing.roll_back(28)

    with pytest.raises(PermanentError, match=r"undo-not-exact"):
        undoing.database.rehearse_recreation("rtest2", undone.bundle, undone.order, undone.saved)


def test_a_bundle_with_a_strange_statement_is_refused_before_any_of_it_runs(
    undoing: Undoing, superuser: Connection, clone: Clone
) -> None:
    """An undo runs the bundle's statements in the live database."""
    superuser.close()
    undone = undoing.roll_back(27)
    toc = undone.bundle.path / "toc.dat"
    (definition,) = (
        entry.definition
        for entry in read_toc(undone.bundle.path, BundleKind.DIRECTORY)
        if (entry.kind, entry.tag) == ("TABLE", "feature_flags")
    )
    evil = f"DROP DATABASE {clone.name} WITH (FORCE);".encode()
    toc.write_bytes(toc.read_bytes().replace(definition, evil.ljust(len(definition)), 1))
    with psycopg.connect(clone.superuser_dsn, autocommit=True) as conn:
        before = observe(conn)

    with pytest.raises(PermanentError, match=r"bundle-unsafe-statement.*DROP DATABASE.*feature_flags"):
        undoing.database.rehearse_recreation("rtest2", undone.bundle, undone.order, undone.saved)
    session = undoing.take_access()
    with pytest.raises(PermanentError, match=r"bundle-unsafe-statement.*DROP DATABASE.*feature_flags"):
        session.recreate(undone.bundle, undone.order, undone.saved, agree)
    undoing.open(session)
    with psycopg.connect(clone.superuser_dsn, autocommit=True) as conn:
        assert observe(conn) == before


def test_what_the_live_database_has_is_known_while_it_is_closed(undoing: Undoing, superuser: Connection) -> None:
    superuser.execute("CREATE FUNCTION public.watch() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'")
    superuser.execute("CREATE EVENT TRIGGER watching ON sql_drop EXECUTE FUNCTION public.watch()")
    superuser.close()
    undone = undoing.roll_back(27)
    undoing.database.rehearse_recreation("rtest2", undone.bundle, undone.order, undone.saved)
    session = undoing.take_access()
    assert session.recreate(undone.bundle, undone.order, undone.saved, agree).statements > 0
    undoing.open(session)
