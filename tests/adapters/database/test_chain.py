import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from bot.adapters.clock import SystemClock
from bot.adapters.database import PostgresDatabase, Server
from bot.adapters.database.chain import ChainRun
from bot.adapters.database.connections import Connection
from bot.adapters.database.exclusive_access import PostgresExclusiveAccess
from bot.adapters.database.execution import commit
from bot.adapters.pgclient.tools import PgTools
from bot.domain.backups import TableContent
from bot.domain.catalogue import ChainOutcome, LockTaken
from bot.domain.effects import PlannedEffect
from bot.domain.migrations import DownScript
from bot.errors import PermanentError, TemporaryError
from bot.sandbox.physioflow.clones import Clone
from tests.adapters.database.conftest import REMAINING, TIMING, TRACKING
from tests.adapters.database.relay import Relay
from tests.adapters.database.scripting import script
from tests.adapters.database.test_export import MemorySink, ignore

Chain = tuple[DownScript, ...]
TakeAccess = Callable[[], PostgresExclusiveAccess]
TO_26 = frozenset(range(1, 27))


def agree() -> None:
    """May commit."""


def applied(database: PostgresDatabase) -> frozenset[int]:
    return frozenset(migration.version for migration in database.inspect().applied)


def planned(database: PostgresDatabase, chain: Chain) -> PlannedEffect:
    """What a chain that drops objects will do, as its rehearsal has shown."""
    with database.shadow("rtest1") as shadow:
        rehearsal = shadow.rehearse(chain, TO_26)
    gone = rehearsal.before.lost_in(rehearsal.after)
    drops = frozenset((item.kind, item.identity) for item in gone)
    return PlannedEffect(rehearsal.before.fingerprint, rehearsal.after.fingerprint, drops, {}, frozenset())


@contextmanager
def opened(database: PostgresDatabase, access: PostgresExclusiveAccess) -> Iterator[None]:
    """Let others in beside our session, as when somebody slipped through."""
    database.reopen()
    yield
    access.close()


def test_the_chain_runs_in_spite_of_026(
    database: PostgresDatabase, take_access: TakeAccess, chain: Chain, owner: Connection
) -> None:
    (flags,) = owner.execute("SELECT count(*) FROM feature_flags").fetchall()[0]
    session = take_access()

    outcome = session.run_chain(chain, REMAINING, [TableContent("public.feature_flags", flags)], agree)

    session.close()
    database.reopen()
    assert outcome.removed == (27, 26, 25, 24)
    assert (outcome.attempts, outcome.lsn.count("/")) == (1, 1)
    assert [(result.version, result.line, result.tag) for result in outcome.statements][:5] == [
        (27, 9, "DROP TRIGGER"),
        (27, 10, "DROP FUNCTION"),
        (27, 11, "DROP TABLE"),
        (27, 12, "DROP TABLE"),
        (26, 7, "ALTER TABLE"),
    ]
    assert LockTaken("public.patients", "AccessExclusiveLock") in outcome.locks
    assert applied(database) == REMAINING
    assert all(result.ok for result in database.check([query for each in chain for query in each.verify]))


def test_the_catalogue_afterwards_is_the_rehearsed_one(
    database: PostgresDatabase, take_access: TakeAccess, chain: Chain
) -> None:
    with database.shadow("rtest1") as shadow:
        rehearsal = shadow.rehearse(chain, REMAINING)
    session = take_access()

    outcome = session.run_chain(chain, REMAINING, (), agree)

    session.close()
    database.reopen()
    assert database.catalogue().fingerprint == rehearsal.after.fingerprint
    assert outcome.locks == rehearsal.outcome.locks


def test_repeated_it_finds_nothing_to_do(take_access: TakeAccess, chain: Chain) -> None:
    session = take_access()
    session.run_chain(chain, REMAINING, (), agree)

    assert session.run_chain(chain, REMAINING, (), agree) == ChainOutcome((), (), ())


def test_a_failing_script_changes_nothing(database: PostgresDatabase, take_access: TakeAccess, chain: Chain) -> None:
    before = database.catalogue()
    broken = script(25, "DROP MATERIALIZED VIEW mv_diagnosis_statistics", "DROP TABLE users", name="025_broken")
    session = take_access()

    with pytest.raises(PermanentError, match=r"chain-failed: 025_broken.sql line 2 failed: cannot drop table users"):
        session.run_chain((*chain[:2], broken), TO_26 - {25, 26}, (), agree)

    session.close()
    database.reopen()
    assert database.catalogue() == before
    assert applied(database) == TO_26 | {27}


@pytest.mark.parametrize("count", [11, 13])
def test_rows_that_changed_since_the_export_stop_it(
    database: PostgresDatabase, take_access: TakeAccess, chain: Chain, count: int
) -> None:
    with pytest.raises(PermanentError, match=f"rows-changed-since-export: .*feature_flags: {count} saved, 12 now"):
        take_access().run_chain(chain, REMAINING, [TableContent("public.feature_flags", count)], agree)

    database.reopen()
    assert applied(database) == TO_26 | {27}


@pytest.mark.parametrize(
    "change", ["UPDATE feature_flags SET description = 'Another'", "UPDATE feature_flags SET enabled = NOT enabled"]
)
def test_values_that_changed_in_as_many_rows_stop_it(
    database: PostgresDatabase, take_access: TakeAccess, chain: Chain, clone: Clone, change: str
) -> None:
    """Another process takes over by closing it again, and somebody slips through the open door."""
    session = take_access()
    _, saved = session.export(["public.feature_flags"], MemorySink(), ignore)
    with opened(database, session), psycopg.connect(clone.owner_dsn, autocommit=True) as guest:
        guest.execute(change.encode())

    with pytest.raises(PermanentError, match=r"rows-changed-since-export: .*12 saved, as many now, with other values"):
        take_access().run_chain(chain, REMAINING, saved, agree)

    database.reopen()
    assert applied(database) == TO_26 | {27}


def test_rows_that_are_as_saved_let_it_run_in_the_settings_of_the_role(take_access: TakeAccess) -> None:
    tables = ["public.feature_flags", "public.mv_diagnosis_statistics"]
    finds = script(27, "SELECT 1 / (SELECT count(*) FROM feature_flags)", "DROP TABLE feature_flags CASCADE")
    session = take_access()
    _, saved = session.export(tables, MemorySink(), ignore)

    outcome = session.run_chain((finds,), TO_26, saved, agree)

    assert outcome.removed == (27,)
    assert [bool(content.content_hash) for content in saved] == [True, False], "a view's rows are others'"


def test_whatever_has_come_to_hang_on_it_since_the_rehearsal_does_not_go(
    database: PostgresDatabase, take_access: TakeAccess, owner: Connection
) -> None:
    drop = (script(27, "DROP TABLE feature_flags CASCADE"),)
    rehearsed = planned(database, drop)
    owner.execute("CREATE MATERIALIZED VIEW latecomer AS SELECT key FROM feature_flags")

    with pytest.raises(PermanentError, match="schema-changed-since-plan"):
        take_access().run_chain(drop, TO_26, (), agree, rehearsed)

    database.reopen()
    assert "public.latecomer" in database.catalogue().relations(["materialized view"])
    seen = planned(database, drop)
    outcome = take_access().run_chain(drop, TO_26, (), agree, seen)
    assert outcome.removed == (27,)


def test_a_saved_relation_that_is_gone_stops_it(take_access: TakeAccess, chain: Chain) -> None:
    with pytest.raises(PermanentError, match=r"rows-changed-since-export: .*public.nothing: 3 saved, gone now"):
        take_access().run_chain(
            chain,
            REMAINING,
            [TableContent("public.nothing", 3), TableContent("public.mv_diagnosis_statistics", 12)],
            agree,
        )


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("INSERT INTO schema_migrations (name, version) VALUES ('028_x', '028')", "also holds 028"),
        ("DELETE FROM schema_migrations WHERE version = '003'", "lacks 003"),
    ],
)
def test_unexpected_tracking_rows_stop_it(
    take_access: TakeAccess, owner: Connection, chain: Chain, damage: str, message: str
) -> None:
    owner.execute(damage.encode())

    with pytest.raises(PermanentError, match=f"unexpected-tracking-rows: public.schema_migrations {message}"):
        take_access().run_chain(chain, REMAINING, (), agree)


def test_a_script_that_changes_the_tracking_table_is_found_out(
    take_access: TakeAccess, database: PostgresDatabase
) -> None:
    thief = script(27, "DELETE FROM schema_migrations WHERE version < '003'")

    with pytest.raises(PermanentError, match=r"unexpected-tracking-rows: .*lacks 001, 002"):
        take_access().run_chain((thief,), TO_26, (), agree)

    database.reopen()
    assert applied(database) == TO_26 | {27}


def test_a_script_that_removes_its_own_row_is_found_out(take_access: TakeAccess) -> None:
    thief = script(27, "DELETE FROM schema_migrations WHERE version = '027'")

    with pytest.raises(PermanentError, match=r"unexpected-tracking-rows: .*had 0 rows for 027"):
        take_access().run_chain((thief,), TO_26, (), agree)


def test_a_process_that_no_longer_owns_the_run_does_not_commit(
    database: PostgresDatabase, take_access: TakeAccess, chain: Chain
) -> None:
    def refuse() -> None:
        raise PermanentError("fenced-off", "Another process has taken the run over.")

    session = take_access()
    with pytest.raises(PermanentError, match="fenced-off"):
        session.run_chain(chain, REMAINING, (), refuse)

    database.reopen()
    assert applied(database) == TO_26 | {27}


def test_a_deferred_constraint_is_found_before_may_commit(take_access: TakeAccess, owner: Connection) -> None:
    owner.execute("CREATE TABLE a (id integer PRIMARY KEY, a integer REFERENCES a DEFERRABLE INITIALLY DEFERRED)")

    with pytest.raises(PermanentError, match=r"chain-failed: a deferred constraint failed: .*23503"):
        take_access().run_chain((script(27, "INSERT INTO a VALUES (1, 2)"),), TO_26, (), pytest.fail)


def test_a_search_path_of_one_script_is_not_the_next_one_s(take_access: TakeAccess) -> None:
    scripts = (script(27, "SET LOCAL lock_timeout = 0"), script(26, "SELECT set_config('a.b', 'c', true)"))

    outcome = take_access().run_chain(scripts, TO_26 - {26}, (), agree)

    assert outcome.removed == (27, 26)


def test_commit_of_an_aborted_transaction_is_not_believed(owner: Connection) -> None:
    owner.execute("BEGIN")
    with pytest.raises(psycopg.errors.DivisionByZero):
        owner.execute("SELECT 1 / 0")

    with pytest.raises(PermanentError, match="chain-failed: The server answered COMMIT with ROLLBACK"):
        commit(owner)


def test_a_locked_table_names_who_holds_it_after_all_attempts(
    database: PostgresDatabase, take_access: TakeAccess, chain: Chain, clone: Clone
) -> None:
    session = take_access()
    with opened(database, session), psycopg.connect(clone.superuser_dsn, application_name="late guest") as guest:
        guest.execute("SELECT count(*) FROM patients")

        with pytest.raises(
            TemporaryError, match=r"table-locked: The chain, in 2 attempts, .*late guest, postgres, idle in"
        ):
            session.run_chain(chain, REMAINING, (), agree)

    assert applied(database) == TO_26 | {27}


def test_a_prepared_transaction_s_lock_is_named(
    database: PostgresDatabase, take_access: TakeAccess, chain: Chain, clone: Clone
) -> None:
    session = take_access()
    with opened(database, session), psycopg.connect(clone.owner_dsn, autocommit=True) as guest:
        guest.execute("BEGIN; LOCK TABLE patients IN SHARE MODE; PREPARE TRANSACTION 'forgotten'")
        try:
            with pytest.raises(TemporaryError, match=r"table-locked: .*prepared transaction 'forgotten'"):
                session.run_chain(chain, REMAINING, (), agree)
        finally:
            guest.execute("ROLLBACK PREPARED 'forgotten'")


class Intermission(SystemClock):
    """What happens between two attempts."""

    def __init__(self, happens: Callable[[], None]) -> None:
        self._happens = happens

    def sleep(self, seconds: float) -> None:
        del seconds
        self._happens()


def test_a_lock_that_goes_in_time_costs_one_more_attempt(
    database: PostgresDatabase, chain: Chain, clone: Clone, tools: PgTools
) -> None:
    with psycopg.connect(clone.owner_dsn) as guest:
        guest.execute("SELECT count(*) FROM patients")
        server = Server(clone.bot_dsn, TRACKING, TIMING, tools, Intermission(guest.rollback))

        with server.connections.session() as conn:
            outcome = ChainRun(server, chain, REMAINING, (), agree).run(conn)

    assert outcome.attempts == 2
    assert applied(database) == REMAINING


def test_two_processes_never_run_a_chain_at_once(
    database: PostgresDatabase, clone: Clone, chain: Chain, tools: PgTools
) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        inside.set()
        assert go_on.wait(60)

    server = Server(clone.bot_dsn, TRACKING, replace(TIMING, lock_timeout_s=60.0), tools, SystemClock())
    first = ChainRun(server, chain, REMAINING, (), hold)
    second = replace(first, may_commit=pytest.fail)
    outcomes: list[ChainOutcome] = []

    def run(work: ChainRun) -> None:
        with server.connections.session() as conn:
            outcomes.append(work.run(conn))

    threads = [threading.Thread(target=run, args=(work,)) for work in (first, second)]
    threads[0].start()
    assert inside.wait(60)
    threads[1].start()
    threads[1].join(0.3)
    assert threads[1].is_alive(), "it waits for the first"
    go_on.set()
    for thread in threads:
        thread.join(60)

    assert [outcome.removed for outcome in outcomes] == [(27, 26, 25, 24), ()]
    assert applied(database) == REMAINING


def test_a_second_chain_does_not_wait_for_ever(clone: Clone, chain: Chain, owner: Connection, tools: PgTools) -> None:
    server = Server(clone.bot_dsn, TRACKING, TIMING, tools, SystemClock())
    work = ChainRun(server, chain, REMAINING, (), agree)
    with owner.transaction(), server.connections.session() as conn:
        owner.execute("SELECT pg_advisory_xact_lock(%s, %s)", (0x4261636B, 0x73746F70))

        with pytest.raises(TemporaryError, match="chain-running"):
            work.run(conn)


@pytest.mark.parametrize(("deliver", "left"), [(True, REMAINING), (False, TO_26 | {27})])
def test_a_connection_lost_during_commit_leaves_the_outcome_unknown(
    database: PostgresDatabase, clone: Clone, chain: Chain, tools: PgTools, *, deliver: bool, left: frozenset[int]
) -> None:
    port = int(str(conninfo_to_dict(clone.owner_dsn)["port"]))
    with Relay(port, b"COMMIT\0", deliver=deliver) as relay:
        through = clone.bot_dsn.replace(f":{port}/", f":{relay.port}/")
        session = PostgresDatabase(Server(through, TRACKING, TIMING, tools, SystemClock())).take_exclusive_access(
            "rtest1"
        )
        with pytest.raises(TemporaryError, match="outcome-unknown"):
            session.run_chain(chain, REMAINING, (), agree)
        session.close()

    again = database.take_exclusive_access("rtest1")
    outcome = again.run_chain(chain, REMAINING, (), agree)
    again.close()
    database.reopen()
    assert outcome.removed == (() if left == REMAINING else (27, 26, 25, 24))
    assert applied(database) == REMAINING


def test_a_connection_lost_before_commit_changes_nothing(
    database: PostgresDatabase, take_access: TakeAccess, chain: Chain, server: Connection
) -> None:
    session = take_access()

    def kill() -> None:
        server.execute("SELECT pg_terminate_backend(%s, 5000)", (session._conn.info.backend_pid,))

    with pytest.raises(TemporaryError):
        session.run_chain(chain, REMAINING, (), kill)

    database.reopen()
    assert applied(database) == TO_26 | {27}


def test_a_connection_lost_in_a_statement_changes_nothing(
    database: PostgresDatabase, take_access: TakeAccess, server: Connection
) -> None:
    session = take_access()
    slow = script(27, "DROP TABLE feature_flag_audit_log", "SELECT pg_sleep(60)")
    killer = threading.Thread(target=end_sleep, args=(server,))
    killer.start()

    with pytest.raises(TemporaryError, match=r"database-unreachable: The chain, at 027_made_up.sql line 2, failed"):
        session.run_chain((slow,), TO_26, (), agree)

    killer.join()
    database.reopen()
    assert applied(database) == TO_26 | {27}


def end_sleep(server: Connection) -> None:
    """End the session that sleeps, once there is one."""
    query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'"
    while not server.execute(query).fetchall():
        time.sleep(0.01)
