"""Chains undone for real, on PhysioFlow's sample: what was there is there again, to the last row and grant."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pytest

from bot.adapters.clock import SystemClock
from bot.adapters.database import PostgresDatabase, Server
from bot.adapters.database.catalogue import read_catalogue
from bot.adapters.database.connections import Connection, snapshot
from bot.adapters.database.exclusive_access import PostgresExclusiveAccess
from bot.adapters.database.hashing import hash_tables, read_tables
from bot.adapters.dump_statements.toc import read_toc
from bot.adapters.pgclient.tools import PgTools
from bot.domain.backups import BundleKind, Export, SavedTable, TableContent
from bot.domain.catalogue import Rehearsal
from bot.domain.migrations import DownScript, Effect, Statement
from bot.domain.runs import Progress
from bot.errors import PermanentError
from bot.planning import impact
from bot.ports import FetchedBundle, RecreationSpec
from bot.sandbox.physioflow.clones import Clone
from tests.adapters.database.conftest import TIMING, TRACKING
from tests.adapters.database.scripting import script

TakeAccess = Callable[[], PostgresExclusiveAccess]
Scripts = dict[int, DownScript]


def agree() -> None:
    """May commit."""


def unheard(progress: Progress) -> None:
    del progress


class Saved:
    """Rows kept in memory: a `TableSink` and a `RowSource`."""

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}
        self.tables: list[SavedTable] = []

    @contextmanager
    def table(self, name: str, columns: Sequence[str]) -> Iterator[Callable[[bytes], None]]:
        chunks: list[bytes] = []
        yield chunks.append
        content = self.content[name] = b"".join(chunks)
        digest = hashlib.sha256(content).hexdigest()
        self.tables.append(SavedTable(name, name, 0, len(content), digest, tuple(columns)))

    def __call__(self, saved: SavedTable) -> Iterator[bytes]:
        content = self.content[saved.table]
        for begin in range(0, len(content), 1000):
            yield content[begin : begin + 1000]


RENAMED = """
DO $$ DECLARE name text; BEGIN
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'schema_migrations' LOOP
        EXECUTE format('ALTER TABLE %I RENAME TO %I', name, 'other_' || name);
    END LOOP;
END $$
"""


@dataclass(frozen=True)
class World:
    """All that must be as before."""

    fingerprint: str
    tables: list[TableContent]
    sequences: dict[str, int]
    populated: dict[str, bool]


def observe(conn: Connection) -> World:
    sequences = "SELECT format('%I.%I', schemaname, sequencename), coalesce(last_value, 0) FROM pg_sequences"
    views = "SELECT matviewname, ispopulated FROM pg_matviews"
    catalogue = read_catalogue(conn)
    with snapshot(conn):
        tables = hash_tables(conn, read_tables(conn))
    return World(catalogue.fingerprint, tables, dict(conn.execute(sequences)), dict(conn.execute(views)))


@dataclass
class Undone:
    """A chain that has run, and what is needed to take it back."""

    bundle: FetchedBundle
    order: RecreationSpec
    saved: Saved


class Undoing:
    """Runs chains as a run does: backup, rehearsal, export, chain."""

    def __init__(self, database: PostgresDatabase, take_access: TakeAccess, scripts: Scripts, directory: Path) -> None:
        self.database = database
        self.take_access = take_access
        self._scripts = scripts
        self._directory = directory

    def roll_back(self, *versions: int) -> Undone:
        chain = tuple(self._scripts[version] for version in versions)
        expected = frozenset(range(1, min(versions)))
        fingerprint = self.database.catalogue().fingerprint
        self.database.dump(self._directory / "dump", unheard)
        with self.database.shadow("rtest1") as shadow:
            rehearsal = shadow.rehearse(chain, expected)
        columns, changed = impact.dropped_columns(rehearsal), impact.changed_relations(rehearsal, chain)
        relations = {*impact.dropped_relations(rehearsal), *changed, *(table for table, _ in columns)}
        saved, session = Saved(), self.take_access()
        sequences, contents = session.export(sorted(relations), saved, unheard)
        session.run_chain(chain, expected, contents, agree)
        held = {content.table: content for content in contents}
        self.open(session)
        tables = tuple(
            replace(table, rows=held[table.table].rows, content_hash=held[table.table].content_hash)
            for table in saved.tables
        )
        order = RecreationSpec(
            versions=frozenset(versions),
            expected=frozenset(range(1, max(versions) + 1)),
            export=Export("rtest1", "", tables, tuple(sequences)),
            reloaded=frozenset(impact.dropped_relations(rehearsal)),
            refilled=frozenset(columns),
            completed=frozenset(changed),
            constraints=frozenset(_constraints(rehearsal)),
            objects=frozenset((item.kind, item.identity) for item in rehearsal.before.lost_in(rehearsal.after)),
            fingerprint=fingerprint,
        )
        bundle = FetchedBundle(BundleKind.DIRECTORY, self._directory / "dump", None, 0)
        return Undone(bundle, order, saved)

    def add(self, extra: DownScript) -> None:
        """Have another down script."""
        self._scripts = {**self._scripts, extra.version: extra}

    def open(self, session: PostgresExclusiveAccess) -> None:
        session.close()
        self.database.reopen()


def _constraints(rehearsal: Rehearsal) -> list[tuple[str, str]]:
    gone = rehearsal.before.lost_in(rehearsal.after)
    names = {item.identity for item in gone}
    return [
        (item.part_of, item.identity.removesuffix(f" on {item.part_of}"))
        for item in gone
        if item.kind == "table constraint" and item.part_of not in names
    ]


@pytest.fixture
def undoing(database: PostgresDatabase, take_access: TakeAccess, scripts: Scripts, tmp_path: Path) -> Undoing:
    return Undoing(database, take_access, scripts, tmp_path)


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
    elsewhere = PostgresDatabase(Server(other.owner_dsn, TRACKING, TIMING, tools, clock))

    with pytest.raises(PermanentError, match="database-replaced"):
        elsewhere.rehearse_recreation("rtest2", undone.bundle, undone.order, undone.saved)


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


def prepare(clone: Clone, *statements: str) -> None:
    """Migration 028, as its down script will find it."""
    with psycopg.connect(clone.owner_dsn, autocommit=True) as owner:
        for statement in statements:
            owner.execute(statement.encode())
        owner.execute("INSERT INTO schema_migrations (name, version) VALUES ('028_more', '028')")


def undo(undoing: Undoing, clone: Clone, down: DownScript) -> dict[str, int]:
    """Run a down script and its undo; whatever there was is there again."""
    undoing.add(down)
    with psycopg.connect(clone.superuser_dsn, autocommit=True) as conn:
        before = observe(conn)
    undone = undoing.roll_back(28)
    undoing.database.rehearse_recreation("rtest2", undone.bundle, undone.order, undone.saved)
    session = undoing.take_access()
    outcome = session.recreate(undone.bundle, undone.order, undone.saved, agree)
    undoing.open(session)
    with psycopg.connect(clone.superuser_dsn, autocommit=True) as conn:
        assert observe(conn) == before
    return dict(outcome.rows)


FAMILY = (
    "CREATE TABLE par (id int PRIMARY KEY, name text, note text)",
    "CREATE TABLE kid (own int, PRIMARY KEY (id)) INHERITS (par)",
    "INSERT INTO par VALUES (1, 'one', 'a'); INSERT INTO kid VALUES (1, 'first', 'b', 10), (2, 'two', 'c', 20)",
)


def test_a_table_and_its_heirs_come_back_each_with_its_own_rows(undoing: Undoing, clone: Clone) -> None:
    prepare(clone, *FAMILY)

    rows = undo(undoing, clone, script(28, "DROP TABLE par CASCADE"))

    assert (rows["public.par"], rows["public.kid"]) == (1, 2)


def test_rows_deleted_of_a_table_and_its_heirs_come_back_where_they_were(undoing: Undoing, clone: Clone) -> None:
    prepare(clone, *FAMILY)
    deletion = Statement("DELETE FROM par", 1, Effect.CHANGES_ROWS, ("par",))

    rows = undo(undoing, clone, replace(script(28), statements=(deletion,)))

    assert rows == {"public.par": 1, "public.kid": 2}


def test_a_column_of_a_table_with_heirs_comes_back_with_each_one_s_values(undoing: Undoing, clone: Clone) -> None:
    prepare(clone, FAMILY[0], "CREATE TABLE kid (PRIMARY KEY (id)) INHERITS (par)")
    with psycopg.connect(clone.owner_dsn, autocommit=True) as owner:
        owner.execute("INSERT INTO par VALUES (1, 'one', 'a'); INSERT INTO kid VALUES (1, 'first', 'b')")

    rows = undo(undoing, clone, script(28, "ALTER TABLE par DROP COLUMN note"))

    assert (rows["public.par"], rows["public.kid"]) == (1, 1)


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
