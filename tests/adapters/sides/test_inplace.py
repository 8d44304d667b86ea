"""A restore in place: the same database afterwards, or every byte as it was."""

import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from bot.adapters.clock import SystemClock
from bot.adapters.database import PostgresDatabase
from bot.adapters.database.connections import Connection
from bot.adapters.database.inplace.obstacles import QUERIES as OBSTACLE_QUERIES
from bot.adapters.database.inplace.replacing import Guard
from bot.adapters.pgtools import PgTools
from bot.domain.backups import BundleKind, TableContent
from bot.domain.runs import Progress
from bot.errors import BotError, PermanentError, TemporaryError
from bot.ports import Dump, FetchedBundle, Replaced, ReplacementOrder, Supervision
from tests.adapters.database.relay import Relay
from tests.adapters.sides.conftest import TIMING, TRACKING, Nasty, ignore
from tests.adapters.sides.test_equivalence import QUERIES, schema_text, state

LATER = """
UPDATE patients SET name = 'later' WHERE id = 1000;
DELETE FROM visits WHERE id > 20;
DROP VIEW sad;
DROP TABLE "we""ird
schema – ünï"."ta""ble
with; lines";
ALTER TABLE clinic.notes ADD COLUMN late text;
CREATE SCHEMA late AUTHORIZATION nasty_clinic;
CREATE TABLE late.things (id serial PRIMARY KEY, at timestamptz DEFAULT now());
INSERT INTO late.things DEFAULT VALUES;
GRANT ALL ON late.things TO nasty_reader;
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT EXECUTE ON FUNCTIONS TO nasty_app;
ALTER DEFAULT PRIVILEGES FOR ROLE nasty_clinic GRANT EXECUTE ON FUNCTIONS TO PUBLIC;
GRANT CREATE ON SCHEMA public TO PUBLIC;
COMMENT ON SCHEMA public IS NULL;
CREATE EXTENSION intarray SCHEMA late;
DROP EXTENSION hstore CASCADE;
CREATE PUBLICATION later FOR TABLE late.things;
SELECT lo_unlink(70001), lo_from_bytea(80001, 'late'), setval('tickets', 1), nextval('untouched');
CREATE FUNCTION late.atom(x int) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT CASE WHEN x > 0 THEN 1 ELSE 2 END; END
"""


@dataclass
class Watched:
    """What was asked while it went on; `stop_at` names the question that is answered with an error."""

    stop_at: str = ""
    transactions: list[str] = field(default_factory=list)
    judged: list[tuple[Sequence[TableContent], int]] = field(default_factory=list)
    on: Mapping[str, Callable[[], object]] = field(default_factory=dict)
    lacking: list[str] = field(default_factory=list)

    def supervision(self) -> Supervision:
        may_commit = partial(self._asked, "may_commit")
        return Supervision(self._began, self._judge, self._report, may_commit, self.lacking.extend)

    def _began(self, transaction: str) -> None:
        self.transactions.append(transaction)
        self._asked("began")

    def _judge(self, tables: Sequence[TableContent], version: int) -> None:
        self.judged.append((tables, version))
        self._asked("judge")

    def _report(self, progress: Progress) -> None:
        assert progress.unit == "bytes"
        self._asked("report")

    def _asked(self, question: str) -> None:
        self.on.get(question, lambda: None)()
        if question == self.stop_at:
            raise PermanentError("stopped", f"Stopped at {question}.")


@dataclass(frozen=True)
class Taken:
    """A dump on disk and what is in it."""

    bundle: FetchedBundle
    dump: Dump
    uncounted: str


def take(nasty: Nasty, path: Path) -> Taken:
    """Back it up, as the emergency backup's step does."""
    uncounted = nasty.database.uncounted()
    dump = nasty.database.dump(path, ignore)
    return Taken(FetchedBundle(BundleKind.DIRECTORY, path, None, 1), dump, uncounted)


def order_of(nasty: Nasty, saved: Taken) -> ReplacementOrder:
    return ReplacementOrder(tuple(saved.dump.tables), saved.uncounted, nasty.database.catalogue().fingerprint)


def replace(
    nasty: Nasty,
    bundle: FetchedBundle,
    order: ReplacementOrder,
    watched: Watched,
    database: PostgresDatabase | None = None,
) -> Replaced:
    """Do it, and open the database again whatever came of it."""
    session = (database or nasty.database).fence("r1")
    try:
        return session.replace(bundle, order, watched.supervision())
    finally:
        session.close()
        nasty.database.reopen()


def everything(nasty: Nasty) -> dict[str, Any]:
    """All there is to see, rows included."""
    with psycopg.connect(nasty.superuser_dsn, autocommit=True) as conn:
        query = "SELECT oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'm') AND oid >= 16384 ORDER BY 1"
        tables = [name for (name,) in conn.execute(query) if not name.startswith("pg_toast")]
        populated = [name for name in tables if not name.endswith("never_filled")]
        rows = {
            name: conn.execute(f"SELECT t::text FROM {name} t ORDER BY 1".encode()).fetchall() for name in populated
        }
    return {"schema": schema_text(nasty.superuser_dsn), "rows": rows, "state": state(nasty.superuser_dsn)}


def failing(nasty: Nasty, bundle: FetchedBundle, order: ReplacementOrder, watched: Watched) -> BotError:
    """The error it ends with; everything is as it was, and the server says that it was not committed."""
    before = everything(nasty)
    with pytest.raises(BotError) as caught:
        replace(nasty, bundle, order, watched)
    assert everything(nasty) == before
    assert not any(nasty.database.was_committed(transaction) for transaction in watched.transactions)
    return caught.value


def test_everything_is_as_it_was_and_then_as_it_was_before_that(nasty: Nasty, tmp_path: Path) -> None:
    first = take(nasty, tmp_path / "first")
    assert nasty.database.obstacles(first.bundle) == []
    wanted, was = state(nasty.superuser_dsn), everything(nasty)
    with psycopg.connect(nasty.owner_dsn, autocommit=True) as conn:
        for statement in LATER.replace("BEGIN ATOMIC", "BEGIN_ATOMIC").split(";\n"):
            conn.execute(statement.replace("BEGIN_ATOMIC", "BEGIN ATOMIC").encode())
    later, second = everything(nasty), take(nasty, tmp_path / "second")
    watched = Watched()

    replaced = replace(nasty, first.bundle, order_of(nasty, second), watched)

    assert nasty.database.was_committed(watched.transactions[0])
    assert watched.judged == [(list(first.dump.tables), 1)]
    assert replaced.rows == sum(table.rows for table in first.dump.tables)
    now = state(nasty.superuser_dsn)
    for name in QUERIES:
        assert now[name] == wanted[name], name
    assert everything(nasty) == was

    third = take(nasty, tmp_path / "third")
    replace(nasty, second.bundle, order_of(nasty, third), watched)
    assert watched.judged[1][0] == list(second.dump.tables)
    assert everything(nasty) == later


@pytest.mark.parametrize("question", ["began", "report", "judge", "may_commit"])
def test_stopped_at_any_question_it_changes_nothing(nasty: Nasty, tmp_path: Path, question: str) -> None:
    taken = take(nasty, tmp_path / "dump")
    watched = Watched(stop_at=question)
    assert failing(nasty, taken.bundle, order_of(nasty, taken), watched).reference == "stopped"


@pytest.mark.parametrize("question", ["began", "report", "judge", "may_commit"])
def test_a_session_that_is_ended_changes_nothing(
    nasty: Nasty, tmp_path: Path, server: Connection, question: str
) -> None:
    taken = take(nasty, tmp_path / "dump")

    def end_it() -> None:
        query = "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE datname = %s"
        server.execute(query, (nasty.name,))

    error = failing(nasty, taken.bundle, order_of(nasty, taken), Watched(on={question: end_it}))
    assert isinstance(error, TemporaryError)
    assert error.reference == ("outcome-unknown" if question == "may_commit" else "database-unreachable")


@pytest.mark.parametrize("question", ["began", "report", "judge", "may_commit"])
def test_a_process_that_is_killed_changes_nothing(nasty: Nasty, tmp_path: Path, question: str) -> None:
    taken = take(nasty, tmp_path / "dump")
    order, before, note = order_of(nasty, taken), everything(nasty), tmp_path / "transaction"
    child = os.fork()
    if child == 0:
        watched = Watched()

        def die() -> None:
            note.write_text(watched.transactions[0])
            os.kill(os.getpid(), signal.SIGKILL)

        watched.on = {question: die}
        with suppress(BaseException):
            nasty.database.fence("r1").replace(taken.bundle, order, watched.supervision())
        os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    nasty.database.fence("r1").close()  # a successor ends whatever the dead one has left
    nasty.database.reopen()
    assert not nasty.database.was_committed(note.read_text())
    assert everything(nasty) == before


def test_a_process_that_hangs_is_thrown_out_at_once(nasty: Nasty, tmp_path: Path) -> None:
    taken = take(nasty, tmp_path / "dump")
    order, before, reached = order_of(nasty, taken), everything(nasty), tmp_path / "reached"
    child = os.fork()
    if child == 0:
        watched = Watched()

        def hang() -> None:
            reached.with_suffix(".new").write_text(watched.transactions[0])
            reached.with_suffix(".new").rename(reached)
            time.sleep(60)

        watched.on = {"may_commit": hang}
        with suppress(BaseException):
            nasty.database.fence("r1").replace(taken.bundle, order, watched.supervision())
        os._exit(7)
    try:
        deadline = time.monotonic() + 60
        while not reached.exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        started = time.monotonic()
        nasty.database.fence("r1").close()
        nasty.database.reopen()
        assert time.monotonic() - started < 5, "nothing waits for the transaction that is under way"
        assert not nasty.database.was_committed(reached.read_text())
        assert everything(nasty) == before
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


@pytest.mark.parametrize("deliver", [True, False], ids=["committed", "not committed"])
def test_a_connection_lost_during_commit_is_found_out(
    nasty: Nasty, tmp_path: Path, tools: PgTools, *, deliver: bool
) -> None:
    taken = take(nasty, tmp_path / "dump")
    order, watched = order_of(nasty, taken), Watched()
    port = int(str(conninfo_to_dict(nasty.owner_dsn)["port"]))
    with Relay(port, b"COMMIT\0", deliver=deliver) as relay:
        through = nasty.owner_dsn.replace(f":{port}/", f":{relay.port}/")
        database = PostgresDatabase(through, TRACKING, TIMING, tools, SystemClock())
        with pytest.raises(TemporaryError, match="outcome-unknown"):
            replace(nasty, taken.bundle, order, watched, database)
    nasty.database.fence("r1").close()
    nasty.database.reopen()
    assert nasty.database.was_committed(watched.transactions[0]) is deliver


def test_a_transaction_the_server_does_not_remember(nasty: Nasty) -> None:
    for number in ("3", "999999999999"):
        with suppress(PermanentError):
            assert nasty.database.was_committed(number) is True  # the first ones are always committed
    with pytest.raises(PermanentError, match="outcome-unknown"):
        nasty.database.was_committed("999999999999")


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE patients SET name = 'x' WHERE id = 1000", "public.patients"),
        ("SELECT nextval('untouched')", "sequences or large objects"),
        ("SELECT lo_put(70003, 4000, 'changed')", "sequences or large objects"),
        ("SELECT lo_from_bytea(70004, 'new')", "sequences or large objects"),
        ("CREATE VIEW hasty AS SELECT 1", "the schema"),
        ("CREATE TABLE hasty AS SELECT 1 AS one", "public.hasty"),
    ],
)
def test_what_was_written_since_the_emergency_backup_is_not_dropped(
    nasty: Nasty, tmp_path: Path, statement: str, named: str
) -> None:
    taken = take(nasty, tmp_path / "dump")
    order = order_of(nasty, taken)
    with psycopg.connect(nasty.owner_dsn, autocommit=True) as conn:
        conn.execute(statement.encode())
    error = failing(nasty, taken.bundle, order, Watched())
    assert (error.reference, named in error.message) == ("changed-since-backup", True)


def toc_patched(taken: Taken, before: bytes, after: bytes) -> FetchedBundle:
    """The dump with other SQL of the same length in its list of contents."""
    toc = taken.bundle.path / "toc.dat"
    content = toc.read_bytes()
    assert before in content
    toc.write_bytes(content.replace(before, after.ljust(len(before))))
    return taken.bundle


COMMENT = b"COMMENT ON TABLE public.patients IS 'people';"


@pytest.mark.parametrize(
    "hostile",
    [
        b"COMMIT AND CHAIN; DROP TABLE visits;",
        b"COMMIT; SELECT broken;",
        b"ROLLBACK; CREATE TABLE bad ();",
        b"SELECT 1; /**/ COMMIT;",
        b"SELECT broken;",
        b"PREPARE TRANSACTION 'x';",
        b"SELECT 'cut short",
    ],
)
def test_sql_that_ends_the_transaction_or_fails_changes_nothing(nasty: Nasty, tmp_path: Path, hostile: bytes) -> None:
    taken = take(nasty, tmp_path / "dump")
    order = order_of(nasty, taken)
    error = failing(nasty, toc_patched(taken, COMMENT, hostile), order, Watched())
    assert error.reference == "load-failed"


def test_nobody_but_us_can_commit(nasty: Nasty) -> None:
    with psycopg.connect(nasty.owner_dsn, autocommit=True) as conn:
        conn.execute("BEGIN")
        Guard(conn)
        conn.execute("DROP TABLE visits")
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            conn.execute("COMMIT")
        assert conn.execute("SELECT count(*) FROM visits").fetchall() == [(40,)]
        conn.execute("BEGIN")
        guard = Guard(conn)
        conn.execute("DROP TABLE visits")
        guard.lower()
        conn.execute("COMMIT")
        assert conn.execute("SELECT to_regclass('visits')").fetchall() == [(None,)]


def test_rows_that_are_cut_short_change_nothing(nasty: Nasty, tmp_path: Path) -> None:
    taken = take(nasty, tmp_path / "dump")
    biggest = max(taken.bundle.path.glob("*.dat.gz"), key=lambda path: path.stat().st_size)
    biggest.write_bytes(biggest.read_bytes()[: biggest.stat().st_size // 2])
    error = failing(nasty, taken.bundle, order_of(nasty, taken), Watched())
    assert error.reference == "load-failed"


WATCHING = """
CREATE FUNCTION watch() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
ALTER FUNCTION watch() OWNER TO nasty_owner;
CREATE EVENT TRIGGER watching ON sql_drop EXECUTE FUNCTION watch()
"""
LEAKPROOF = """
CREATE FUNCTION tight(int) RETURNS int LANGUAGE sql LEAKPROOF AS 'SELECT 1';
ALTER FUNCTION tight OWNER TO nasty_owner
"""
OBSTACLES = [
    (LEAKPROOF, "function public.tight(integer), which only a superuser can make"),
    (
        WATCHING,
        "event trigger watching, which only a superuser can make",
    ),
    (
        "CREATE TABLE strange (id int); ALTER TABLE strange OWNER TO nasty_stranger",
        "table public.strange of nasty_stranger",
    ),
    ("CREATE TABLE theirs (id int)", "table public.theirs of postgres"),
    ("CREATE SCHEMA strange AUTHORIZATION nasty_stranger", "schema strange of nasty_stranger"),
    ("CREATE PUBLICATION theirs FOR TABLE patients", "publication theirs of postgres"),
    (
        "ALTER DEFAULT PRIVILEGES FOR ROLE nasty_stranger GRANT SELECT ON TABLES TO PUBLIC",
        "privileges of nasty_stranger",
    ),
    ("SELECT lo_create(90001)", "1 large objects of postgres"),
    ("CREATE SUBSCRIPTION feed CONNECTION 'dbname=x' PUBLICATION y WITH (connect = false)", "subscription feed"),
]


@pytest.mark.parametrize(("statement", "named"), OBSTACLES)
def test_what_could_not_be_made_again_is_named(nasty: Nasty, tmp_path: Path, statement: str, named: str) -> None:
    taken = take(nasty, tmp_path / "dump")
    with psycopg.connect(nasty.superuser_dsn, autocommit=True) as conn:
        conn.execute(statement.encode())
    try:
        found = nasty.database.obstacles()
        assert len(found) == 1
        assert named in found[0]
        error = failing(nasty, taken.bundle, order_of(nasty, taken), Watched())
        assert (error.reference, named in error.message) == ("cannot-replace-in-place", True)
    finally:
        if "SUBSCRIPTION" in statement:
            with psycopg.connect(nasty.superuser_dsn, autocommit=True) as conn:
                conn.execute("ALTER SUBSCRIPTION feed DISABLE")
                conn.execute("ALTER SUBSCRIPTION feed SET (slot_name = NONE)")
                conn.execute("DROP SUBSCRIPTION feed")


def test_the_locks_it_will_take_are_not_guessed_too_low(nasty: Nasty, tmp_path: Path, server: Connection) -> None:
    with psycopg.connect(nasty.owner_dsn, autocommit=True) as conn:
        guessed, room = conn.execute(OBSTACLE_QUERIES["locks"]).fetchall()[0]
    taken, seen = take(nasty, tmp_path / "dump"), list[int]()

    def count() -> None:
        query = """SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
                   WHERE a.datname = %s AND l.locktype IN ('relation', 'object')"""
        seen.append(server.execute(query, (nasty.name,)).fetchall()[0][0])

    replace(nasty, taken.bundle, order_of(nasty, taken), Watched(on={"may_commit": count}))

    assert seen[0] <= guessed <= 2 * seen[0]
    assert guessed < room


def test_what_a_bundle_needs_and_cannot_have_is_named(nasty: Nasty, tmp_path: Path) -> None:
    with psycopg.connect(nasty.superuser_dsn, autocommit=True) as conn:
        conn.execute("CREATE EXTENSION pageinspect")
        conn.execute("CREATE TABLE strange (id int)")
        conn.execute("ALTER TABLE strange OWNER TO nasty_stranger")
        conn.execute("GRANT SELECT ON strange TO nasty_owner")
        taken = take(nasty, tmp_path / "dump")
        conn.execute("DROP TABLE strange")
        conn.execute("DROP EXTENSION pageinspect")
    assert nasty.database.obstacles() == []
    assert nasty.database.obstacles(taken.bundle) == [
        "the bundle needs the extension pageinspect, which only a superuser can make",
        "the bundle has objects of nasty_stranger",
    ]
    other = FetchedBundle(BundleKind.PLAIN, tmp_path / "dump.sql", None, 1)
    assert nasty.database.obstacles(other) == ["the bundle is not of Backstop's own making"]


def test_a_superusers_extension_and_publication_stay(nasty: Nasty, tmp_path: Path) -> None:
    with psycopg.connect(nasty.superuser_dsn, autocommit=True) as conn:
        conn.execute("CREATE EXTENSION pageinspect")
        conn.execute("CREATE SCHEMA tools AUTHORIZATION nasty_owner")
        conn.execute("CREATE EXTENSION pgstattuple SCHEMA tools")
        conn.execute("CREATE PUBLICATION everything FOR ALL TABLES")
        conn.execute("COMMENT ON EXTENSION pageinspect IS 'theirs'")
    with psycopg.connect(nasty.owner_dsn, autocommit=True) as conn:
        conn.execute("CREATE TABLE tools.own AS SELECT 1 AS id")
        conn.execute("GRANT USAGE ON SCHEMA tools TO nasty_app")
    taken = take(nasty, tmp_path / "dump")
    before = everything(nasty)
    with psycopg.connect(nasty.owner_dsn, autocommit=True) as conn:
        conn.execute("GRANT CREATE ON SCHEMA tools TO nasty_reader")
        conn.execute("CREATE VIEW tools.late AS SELECT * FROM tools.own")
    assert nasty.database.obstacles(taken.bundle) == []

    replace(nasty, taken.bundle, order_of(nasty, take(nasty, tmp_path / "now")), Watched())

    assert everything(nasty) == before


def test_grants_to_roles_that_are_gone_are_told_and_everything_else_is_there(
    nasty: Nasty, tmp_path: Path, server: Connection
) -> None:
    server.execute("CREATE ROLE nasty_leaver")
    server.execute("CREATE ROLE nasty_grantor")
    try:
        rows = everything(nasty)["rows"]
        with psycopg.connect(nasty.superuser_dsn, autocommit=True) as conn:
            conn.execute("GRANT SELECT ON patients TO nasty_leaver")
            conn.execute("GRANT SELECT ON visits TO nasty_grantor WITH GRANT OPTION")
            conn.execute("SET ROLE nasty_grantor")
            conn.execute("GRANT SELECT ON visits TO nasty_reader")
            conn.execute("RESET ROLE")
            taken = take(nasty, tmp_path / "dump")
            conn.execute("REVOKE ALL ON patients FROM nasty_leaver")
            conn.execute("REVOKE ALL ON visits FROM nasty_grantor CASCADE")
        server.execute("DROP ROLE nasty_leaver")
        assert nasty.database.obstacles(taken.bundle) == []
        watched = Watched()

        replace(nasty, taken.bundle, order_of(nasty, take(nasty, tmp_path / "now")), watched)

        told = "\n".join(watched.lacking)
        assert 'GRANT SELECT ON TABLE public.patients TO nasty_leaver: role "nasty_leaver" does not exist' in told
        assert "SET ROLE nasty_grantor: " in told
        assert everything(nasty)["rows"] == rows
    finally:
        with psycopg.connect(nasty.superuser_dsn, autocommit=True) as conn:
            conn.execute("REVOKE ALL ON visits FROM nasty_grantor CASCADE")
        server.execute("DROP ROLE IF EXISTS nasty_leaver, nasty_grantor")


def test_routines_whose_identity_does_not_say_all(nasty: Nasty, tmp_path: Path) -> None:
    with psycopg.connect(nasty.owner_dsn, autocommit=True) as conn:
        conn.execute("CREATE AGGREGATE mycount(*) (sfunc = int8inc, stype = int8, initcond = '0')")
        conn.execute("CREATE FUNCTION step(int, int) RETURNS int LANGUAGE sql AS 'SELECT 1'")
        conn.execute("CREATE AGGREGATE mypart(ORDER BY int) (sfunc = step, stype = int)")
        conn.execute("CREATE PROCEDURE noted(INOUT x int) LANGUAGE sql AS 'SELECT 1'")
    taken, before = take(nasty, tmp_path / "dump"), everything(nasty)
    replace(nasty, taken.bundle, order_of(nasty, taken), Watched())
    assert everything(nasty) == before


def test_a_public_schema_from_before_postgresql_15_stays_its_owners(nasty: Nasty, tmp_path: Path) -> None:
    with psycopg.connect(nasty.superuser_dsn, autocommit=True) as conn:
        conn.execute("ALTER SCHEMA public OWNER TO postgres")
        conn.execute("GRANT ALL ON SCHEMA public TO PUBLIC")
    taken = take(nasty, tmp_path / "dump")
    before = everything(nasty)
    assert nasty.database.obstacles(taken.bundle) == []

    replace(nasty, taken.bundle, order_of(nasty, taken), Watched())

    assert everything(nasty) == before


def test_a_database_without_its_public_schema(nasty: Nasty, tmp_path: Path) -> None:
    taken = take(nasty, tmp_path / "dump")
    before = everything(nasty)
    with psycopg.connect(nasty.owner_dsn, autocommit=True) as conn:
        conn.execute("ALTER TABLE schema_migrations SET SCHEMA clinic")
        conn.execute("ALTER ROLE nasty_owner IN DATABASE " + nasty.name + " SET search_path TO clinic")
        conn.execute("DROP SCHEMA public CASCADE")
        conn.execute("ALTER ROLE nasty_owner IN DATABASE " + nasty.name + " RESET search_path")
    emergency = take(nasty, tmp_path / "now")
    replace(nasty, taken.bundle, order_of(nasty, emergency), Watched())
    assert everything(nasty) == before
