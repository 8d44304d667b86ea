import re
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from bot.adapters.clock import SystemClock
from bot.adapters.database import PostgresDatabase, Server
from bot.adapters.database.connections import Connection, Connections
from bot.adapters.database.execution import PostgresShadow
from bot.adapters.database.shadow import ShadowMaker
from bot.adapters.database.shadow_load import load_schema
from bot.adapters.pgclient.tools import PgTools, ToolFailedError
from bot.domain.catalogue import LockTaken
from bot.domain.migrations import DownScript, Effect, Statement
from bot.errors import PermanentError, TemporaryError
from bot.planning import impact
from bot.planning.facts import Evidence
from bot.sandbox.physioflow.clones import Clone
from bot.sandbox.postgres import find_bin_dir
from tests.adapters.database.conftest import REMAINING, TIMING, TRACKING
from tests.adapters.database.relay import Relay
from tests.adapters.database.scripting import script
from tests.adapters.samples import StoppedClock

Chain = tuple[DownScript, ...]
TO_26 = frozenset(range(1, 27))


@pytest.fixture(scope="module")
def shadow(shared_clone: Clone) -> Iterator[PostgresShadow]:
    """One shadow for all: a rehearsal leaves it as it was."""
    tools = PgTools(find_bin_dir())
    database = PostgresDatabase(Server(shared_clone.bot_dsn, TRACKING, TIMING, tools, SystemClock()))
    with database.shadow("rshared") as made:
        yield made


def test_the_chain_is_rehearsed_in_spite_of_026(shadow: PostgresShadow, chain: Chain) -> None:
    rehearsal = shadow.rehearse(chain, REMAINING)

    assert rehearsal.outcome.removed == (27, 26, 25, 24)
    assert [result.tag for result in rehearsal.outcome.statements if result.version == 26] == ["ALTER TABLE"]
    lost = {item.identity for item in rehearsal.before.lost_in(rehearsal.after) if not item.part_of}
    assert {"public.feature_flags", "public.mv_treatment_outcomes", "public.special_test_results"} <= lost


def test_views_that_cascade_takes_are_found(shadow: PostgresShadow, chain: Chain) -> None:
    rehearsal = shadow.rehearse(chain, REMAINING)

    views = {item.identity for item in rehearsal.before.lost_in(rehearsal.after) if item.kind == "view"}
    assert views == {"public.v_patient_special_test_summary", "public.v_clinic_special_test_rate"}


def test_functions_that_name_what_goes_are_found(shadow: PostgresShadow, chain: Chain) -> None:
    rehearsal = shadow.rehearse(chain, REMAINING)

    assert rehearsal.mentions == ("public.count_positive_special_tests(bigint)",)


def test_a_longer_word_is_no_mention(database: PostgresDatabase, owner: Connection) -> None:
    owner.execute("CREATE TABLE note (id integer); CREATE TABLE loose (label text, id integer)")
    for name, body in {"a": "notebook", "b": "NOTE.id", "c": "$note", "d": "label", "e": "public.note"}.items():
        owner.execute(
            f"CREATE FUNCTION f_{name}() RETURNS void LANGUAGE plpgsql AS $f$ BEGIN PERFORM '{body}'; END $f$".encode()
        )
    drop = script(27, "DROP TABLE note", "ALTER TABLE loose DROP COLUMN label")

    with database.shadow("rtest1") as shadow:
        rehearsal = shadow.rehearse((drop,), TO_26)

    assert rehearsal.mentions == ("public.f_b()", "public.f_d()", "public.f_e()")


def test_locks_on_what_stays_are_reported(shadow: PostgresShadow, chain: Chain) -> None:
    rehearsal = shadow.rehearse(chain, REMAINING)

    locked = {"public.patients", "public.schema_migrations", "public.therapists", "public.users"}
    assert set(rehearsal.outcome.locks) == {LockTaken(name, "AccessExclusiveLock") for name in locked}


def test_weaker_locks_keep_their_mode_and_our_own_is_left_out(shadow: PostgresShadow) -> None:
    outcome = shadow.rehearse((script(27, "DELETE FROM feature_flag_audit_log"),), TO_26).outcome

    assert outcome.locks == (LockTaken("public.feature_flag_audit_log", "RowExclusiveLock"),)


def test_a_failing_script_is_named_with_line_and_words(shadow: PostgresShadow, chain: Chain) -> None:
    broken = script(25, "DROP MATERIALIZED VIEW mv_diagnosis_statistics", "DROP TABLE users", name="025_broken")

    with pytest.raises(PermanentError, match="rehearsal-failed") as caught:
        shadow.rehearse((*chain[:2], broken), TO_26 - {26, 25})

    assert caught.value.message == (
        "025_broken.sql line 2 failed in the rehearsal: "
        "cannot drop table users because other objects depend on it (2BP01)."
    )


def test_values_are_kept_out_of_messages(shadow: PostgresShadow) -> None:
    bad = script(27, "SELECT 'Nguyen Van A'::integer")

    with pytest.raises(PermanentError, match="rehearsal-failed") as caught:
        shadow.rehearse((bad,), TO_26)

    assert "Nguyen" not in str(caught.value)
    assert "22P02" in str(caught.value)


def test_an_enum_value_used_where_it_is_new_fails(shadow: PostgresShadow) -> None:
    bad = script(27, "ALTER TYPE patient_sex ADD VALUE 'x'", "SELECT 'x'::patient_sex")

    with pytest.raises(PermanentError, match="55P04"):
        shadow.rehearse((bad,), TO_26)


def test_what_commit_would_refuse_is_refused(database: PostgresDatabase, owner: Connection) -> None:
    owner.execute("CREATE TABLE a (id integer PRIMARY KEY, a integer REFERENCES a DEFERRABLE INITIALLY DEFERRED)")
    with database.shadow("rtest1") as shadow, pytest.raises(PermanentError, match="23503"):
        shadow.rehearse((script(27, "INSERT INTO a VALUES (1, 2)"),), TO_26)


def test_what_reaches_beyond_the_shadow_is_rolled_back(database: PostgresDatabase, clone: Clone) -> None:
    sneaky = script(27, f"DO $$ BEGIN EXECUTE 'COMMENT ON DATABASE {clone.name} IS ''mine now'''; END $$")

    with database.shadow("rtest1") as shadow:
        shadow.rehearse((sneaky,), TO_26)

    comment = "(SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database())"
    assert database.check([f"{comment} LIKE 'PhysioFlow%'"])[0].ok


def test_tracking_rows_are_rehearsed_too(database: PostgresDatabase, owner: Connection, chain: Chain) -> None:
    owner.execute("INSERT INTO schema_migrations (name, version) VALUES ('028_hotfix', '028')")

    with database.shadow("rtest1") as shadow, pytest.raises(PermanentError, match="unexpected-tracking-rows") as caught:
        shadow.rehearse(chain, REMAINING)

    assert "also holds 028" in caught.value.message


def test_the_live_database_is_left_alone_and_the_shadow_goes(
    database: PostgresDatabase, server: Connection, chain: Chain
) -> None:
    before = database.catalogue()

    with database.shadow("rtest1") as shadow:
        assert shadows(server) == ["backstop_shadow_rtest1"]
        shadow.rehearse(chain, REMAINING)

    assert shadows(server) == []
    assert database.catalogue() == before
    assert database.inspect().schema == 27


def test_the_shadow_goes_when_the_rehearsal_fails(database: PostgresDatabase, server: Connection) -> None:
    with pytest.raises(RuntimeError), database.shadow("rtest1"):
        raise RuntimeError

    assert shadows(server) == []


def test_a_shadow_of_the_same_run_is_replaced(database: PostgresDatabase, server: Connection) -> None:
    server.execute("CREATE DATABASE backstop_shadow_rtest1 OWNER backstop_prod")

    with database.shadow("rtest1") as shadow:
        assert shadow.rehearse((), frozenset(range(1, 28))).outcome.removed == ()

    assert shadows(server) == []


def test_old_leftovers_are_dropped_and_no_others(clone: Clone, tools: PgTools, server: Connection) -> None:
    clock = StoppedClock()
    maker = ShadowMaker(Server(clone.bot_dsn, TRACKING, TIMING, tools, clock))
    made = {"rold": timedelta(hours=1), "ralive": timedelta(hours=1), "ryoung": timedelta(minutes=1)}
    for run_id, age in made.items():
        server.execute(f"CREATE DATABASE backstop_shadow_{run_id} OWNER backstop_prod".encode())
        stamp = int((clock.now() - age).timestamp())
        server.execute(f"COMMENT ON DATABASE backstop_shadow_{run_id} IS 'made at {stamp}'".encode())
    try:
        assert maker.drop_leftovers({"ralive"}) == ["backstop_shadow_rold"]
        assert shadows(server) == ["backstop_shadow_ralive", "backstop_shadow_ryoung"]
    finally:
        for name in shadows(server):
            server.execute(f"DROP DATABASE {name}".encode())


def test_a_locked_table_names_who_holds_it(database: PostgresDatabase, owner: Connection, server: Connection) -> None:
    with owner.transaction():
        owner.execute("LOCK TABLE feature_flags")

        with (
            pytest.raises(TemporaryError, match=r"table-locked: Copying the schema .*owner at work"),
            database.shadow("rtest1"),
        ):
            pytest.fail("the schema cannot have been read")

    assert shadows(server) == []


@pytest.fixture
def checks(superuser: Connection) -> None:
    """A view on a superuser's extension, and one on that."""
    superuser.execute("CREATE EXTENSION amcheck")
    superuser.execute("SET ROLE physioflow_prod; CREATE TABLE watched (name text, other int); RESET ROLE")
    superuser.execute("CREATE VIEW checks AS SELECT v.* FROM watched, verify_heapam(watched.name::regclass) v")
    superuser.execute("COMMENT ON VIEW checks IS 'seen'; GRANT SELECT ON checks TO physioflow_app")
    superuser.execute("CREATE VIEW check_count AS SELECT count(*) FROM checks")
    for view in ("checks", "check_count"):
        superuser.execute(f"ALTER VIEW {view} OWNER TO physioflow_prod".encode())


@pytest.mark.usefixtures("checks")
def test_what_hangs_on_a_superuser_s_extension_is_in_no_way(database: PostgresDatabase) -> None:
    """Neither the extension nor what hangs on it is on the shadow; chains that touch neither can be rehearsed."""
    with database.shadow("rtest1") as shadow:
        rehearsal = shadow.rehearse((script(27, "DROP TABLE feature_flag_audit_log"),), TO_26)

    assert rehearsal.before == database.catalogue()
    assert {item.identity for item in rehearsal.before.lost_in(rehearsal.after) if not item.part_of} == {
        "public.feature_flag_audit_log"
    }


@pytest.mark.usefixtures("checks")
@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("DROP VIEW IF EXISTS checks CASCADE", "view public.checks .* 027_test names it"),
        ("SELECT * FROM public.check_count", "view public.check_count .* 027_test names it"),
        ("DROP TABLE watched CASCADE", "the chain changes .* public.watched"),
        ("ALTER TABLE watched ALTER COLUMN name TYPE varchar(9)", "the chain changes table column public.watched.name"),
    ],
)
def test_a_chain_that_touches_it_is_refused(database: PostgresDatabase, statement: str, why: str) -> None:
    with database.shadow("rtest1") as shadow, pytest.raises(PermanentError, match="shadow-failed") as caught:
        shadow.rehearse((script(27, statement, name="027_test"),), TO_26)

    assert "the extension amcheck, which only a superuser can create" in caught.value.message
    assert re.search(why, caught.value.message)
    assert "shadow_template" in caught.value.hint


@pytest.mark.usefixtures("checks")
def test_a_template_with_the_extension_has_it_all(
    clone: Clone, tools: PgTools, server: Connection, database: PostgresDatabase
) -> None:
    server.execute("CREATE DATABASE with_amcheck IS_TEMPLATE true TEMPLATE template0")
    with_extension = clone.superuser_dsn.replace(clone.name, "with_amcheck")
    with Connections(with_extension, "postgres", 1.0).session() as template:
        template.execute("CREATE EXTENSION amcheck")
    maker = ShadowMaker(Server(clone.bot_dsn, TRACKING, TIMING, tools, StoppedClock(), template="with_amcheck"))
    with maker.shadow("rtest2") as shadow:
        rehearsal = shadow.rehearse((script(27, "DROP VIEW checks CASCADE"),), TO_26)
    server.execute("ALTER DATABASE with_amcheck IS_TEMPLATE false")
    server.execute("DROP DATABASE with_amcheck")

    assert rehearsal.before == database.catalogue()
    assert "public.check_count" in {item.identity for item in rehearsal.before.lost_in(rehearsal.after)}


@pytest.mark.parametrize("extension", ["pg_stat_statements", "pg_buffercache", "pageinspect, pg_visibility"])
def test_an_extension_s_own_views_hang_on_nothing(
    database: PostgresDatabase, superuser: Connection, extension: str
) -> None:
    """A view of an extension is its member; the view's rule is marked as none."""
    for name in extension.split(", "):
        superuser.execute(f"CREATE EXTENSION {name}".encode())

    with database.shadow("rtest1") as shadow:
        assert shadow.rehearse((script(27, "DROP TABLE feature_flags CASCADE"),), TO_26).before == database.catalogue()


def test_the_database_s_settings_hold_in_the_shadow(
    database: PostgresDatabase, owner: Connection, clone: Clone
) -> None:
    owner.execute("CREATE SCHEMA app; CREATE TABLE app.only_here (id integer)")
    owner.execute(f"ALTER DATABASE {clone.name} SET search_path = public, app".encode())

    with database.shadow("rtest1") as shadow:
        rehearsal = shadow.rehearse((script(27, "DROP TABLE only_here"),), TO_26)

    assert "app.only_here" in {item.identity for item in rehearsal.before.lost_in(rehearsal.after)}


def shadows(server: Connection) -> list[str]:
    query = """SELECT datname FROM pg_database
               WHERE starts_with(datname, 'backstop_shadow_') AND datname <> 'backstop_shadow_rshared' ORDER BY 1"""
    return [name for (name,) in server.execute(query)]


@pytest.mark.parametrize(
    "word", [b"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", b"CREATE TABLE public.feature_flags"]
)
def test_a_connection_lost_meanwhile_may_be_tried_again(
    clone: Clone, tools: PgTools, server: Connection, word: bytes
) -> None:
    """pg_dump's, and pg_restore's: an approved plan is not void for that."""
    port = int(str(conninfo_to_dict(clone.bot_dsn)["port"]))
    with Relay(port, word, deliver=False) as relay:
        through = clone.bot_dsn.replace(f":{port}/", f":{relay.port}/")
        database = PostgresDatabase(Server(through, TRACKING, TIMING, tools, SystemClock()))
        with (
            pytest.raises(TemporaryError, match=r"database-unreachable: Copying the schema was cut off"),
            database.shadow("rtest1"),
        ):
            pytest.fail("the schema cannot have been copied")

    assert shadows(server) == []


def test_the_dsn_s_own_options_hold_for_the_shadow_s_load_too(clone: Clone, tools: PgTools, server: Connection) -> None:
    """A login that becomes the bot's role by its DSN's options."""
    password = str(conninfo_to_dict(clone.bot_dsn)["password"])
    statement = "CREATE ROLE backstop_login LOGIN PASSWORD {} NOINHERIT IN ROLE backstop_prod"
    server.execute(sql.SQL(statement).format(sql.Literal(password)))
    server.execute(f"GRANT CONNECT ON DATABASE {clone.name} TO backstop_login".encode())
    try:
        dsn = clone.bot_dsn.replace("backstop_prod:", "backstop_login:") + "?options=-c%20role%3Dbackstop_prod"
        with ShadowMaker(Server(dsn, TRACKING, TIMING, tools, StoppedClock())).shadow("rtest1") as shadow:
            rehearsal = shadow.rehearse((), frozenset(range(1, 28)))
    finally:
        server.execute(f"REVOKE CONNECT ON DATABASE {clone.name} FROM backstop_login".encode())
        server.execute("DROP ROLE backstop_login")

    assert (
        rehearsal.before == PostgresDatabase(Server(clone.bot_dsn, TRACKING, TIMING, tools, SystemClock())).catalogue()
    )


SAID = "pg_restore: error: could not execute query: ERROR:  "
UNKNOWN_SETTING = f'{SAID}unrecognized configuration parameter "transaction_timeout"\n'
NO_OWNER = f'{SAID}must be able to SET ROLE "somebody"\n'


@pytest.mark.parametrize(
    ("stderr", "lenient", "fails"),
    [
        (UNKNOWN_SETTING, True, False),
        (UNKNOWN_SETTING, False, True),
        (UNKNOWN_SETTING + NO_OWNER, True, True),
        ("pg_restore: error: something else", True, True),
    ],
)
def test_an_older_server_does_not_know_what_newer_tools_set(
    tmp_path: Path, stderr: str, *, lenient: bool, fails: bool
) -> None:
    (tmp_path / "stderr").write_text(stderr)
    pretended = tmp_path / "pg_restore"
    pretended.write_text(
        "#!/bin/sh\n[ \"$1\" = --version ] && echo 'pg_restore (PostgreSQL) 18.1' && exit\n"
        f'echo "$@" > {tmp_path}/arguments\ncat {tmp_path}/stderr >&2\nexit 1\n'
    )
    pretended.chmod(0o755)

    with pytest.raises(ToolFailedError) if fails else nullcontext():
        load_schema(PgTools(tmp_path), {"PGDATABASE": "d"}, tmp_path / "dump", ["1; 2 3"], role="o", lenient=lenient)

    arguments = (tmp_path / "arguments").read_text()
    assert ("--exit-on-error" in arguments, "--transaction-size" in arguments) == (not lenient, not lenient)


def test_publications_are_there_to_be_changed(database: PostgresDatabase, superuser: Connection) -> None:
    superuser.execute(
        "SET ROLE physioflow_prod; CREATE PUBLICATION ours FOR TABLE patients, clinics WITH (publish = 'insert');"
        "RESET ROLE; CREATE PUBLICATION theirs FOR ALL TABLES; CREATE PUBLICATION whole FOR TABLES IN SCHEMA public;"
        'CREATE PUBLICATION "given.away" FOR ALL TABLES; CREATE PUBLICATION nothing'
    )
    superuser.execute("ALTER PUBLICATION nothing OWNER TO physioflow_prod")
    statements = "ALTER PUBLICATION ours DROP TABLE clinics", "DROP PUBLICATION IF EXISTS nothing, theirs"

    with database.shadow("rpubs1") as shadow:
        rehearsal = shadow.rehearse([script(27, *statements)], TO_26)
        with pytest.raises(PermanentError, match=r'rehearsal-failed: .*"theirs" does not exist'):
            shadow.rehearse([script(27, "DROP PUBLICATION theirs")], TO_26)

    evidence = Evidence(database.catalogue(), rehearsal, (), ())
    chain = [script(27, *statements)]
    named = Statement(statements[1], 2, Effect.DROPS, names=("nothing", "theirs"))
    chain = [replace(chain[0], statements=(chain[0].statements[0], named))]
    drops = {(drop.kind, drop.identity) for drop in impact.dropped_objects(evidence, chain)}
    assert drops == {
        ("publication relation", "public.clinics in publication ours"),
        ("publication", "nothing"),
        ("publication", "theirs"),
    }
    assert [item.owner for item in impact.unrehearsed_drops(evidence, chain)] == ["postgres"]
