"""Functions in a bundle that do harm while it is loaded, refreshed, analysed or hashed: nothing outside is changed.

Reading cannot stop them: a function's body is text. They run as the loader, which can do nothing.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from bot.adapters.database import LoaderLogin
from bot.adapters.sides import PostgresScriptTests, PostgresSides
from bot.domain.migrations import DownScript, Effect, Statement
from bot.errors import PermanentError
from bot.ports import FetchedBundle
from tests.attacks.conftest import BOT, LIVE, LOADER, OWNER, Attacked, ignore

DEEDS = (
    "PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{owner}'",
    "PERFORM pg_cancel_backend(pid) FROM pg_stat_activity WHERE usename = '{owner}'",
    "EXECUTE 'SET ROLE {owner}'; EXECUTE 'ALTER ROLE {owner} PASSWORD ''known'''",
    "EXECUTE 'SET SESSION AUTHORIZATION {owner}'",
    "EXECUTE 'SET ROLE {bot}'; EXECUTE 'ALTER DATABASE {live} OWNER TO {bot}'",
    "EXECUTE 'GRANT {bot} TO CURRENT_USER'",
    "PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{bot}'",
    "EXECUTE 'RESET ROLE'; EXECUTE 'RESET SESSION AUTHORIZATION'; EXECUTE 'CREATE ROLE attacked_friend SUPERUSER'",
    "EXECUTE 'ALTER ROLE CURRENT_USER SUPERUSER'",
    "EXECUTE 'ALTER ROLE CURRENT_USER CREATEDB CREATEROLE'",
    "EXECUTE 'ALTER ROLE {owner} SET search_path TO public'",
    "EXECUTE 'ALTER ROLE {owner} IN DATABASE {live} SET search_path TO public'",
    "EXECUTE 'ALTER DATABASE {live} SET search_path TO public'",
    "EXECUTE 'ALTER DATABASE {live} ALLOW_CONNECTIONS false'",
    "EXECUTE 'ALTER DATABASE {live} RENAME TO gone'",
    "EXECUTE 'COMMENT ON DATABASE {live} IS ''ours'''",
    "EXECUTE format('COMMENT ON DATABASE %I IS ''ours''', current_database())",
    "EXECUTE 'GRANT CONNECT ON DATABASE {live} TO PUBLIC'",
    "EXECUTE 'GRANT {owner} TO attacked_stranger'",
    "EXECUTE 'GRANT {owner} TO CURRENT_USER'",
    "EXECUTE 'GRANT pg_read_server_files TO CURRENT_USER'",
    "EXECUTE 'DROP OWNED BY {owner} CASCADE'",
    "EXECUTE 'REASSIGN OWNED BY {owner} TO CURRENT_USER'",
    "EXECUTE 'COPY (SELECT 1) TO PROGRAM ''touch /tmp/attacked'''",
    "EXECUTE 'COPY (SELECT 1) TO ''/tmp/attacked'''",
    "PERFORM pg_read_file('/etc/passwd')",
    "PERFORM lo_import('/etc/passwd')",
    "PERFORM lo_export(lo_create(0), '/tmp/attacked')",
    "PERFORM set_config('session_preload_libraries', 'x', false)",
    "PERFORM set_config('role', '{owner}', false)",
    "PERFORM set_config('session_authorization', '{owner}', false)",
    "EXECUTE 'CREATE EXTENSION dblink'",
    "EXECUTE 'CREATE EXTENSION postgres_fdw'",
    "EXECUTE 'CREATE FUNCTION public.shell(text) RETURNS int LANGUAGE c AS ''libc.so.6'', ''system'''",
    "EXECUTE 'CREATE EVENT TRIGGER watching ON ddl_command_start EXECUTE FUNCTION public.watch()'",
    "EXECUTE 'CREATE SUBSCRIPTION feed CONNECTION ''host=elsewhere'' PUBLICATION every WITH (connect = false)'",
    "EXECUTE 'CREATE TABLESPACE elsewhere LOCATION ''/tmp'''",
    "EXECUTE 'CREATE TABLE public.far (id int) TABLESPACE pg_global'",
    "EXECUTE 'LOAD ''auto_explain'''",
    "PERFORM pg_reload_conf()",
    "PERFORM pg_rotate_logfile()",
    "PERFORM pg_switch_wal()",
    "PERFORM pg_stat_reset_shared('bgwriter')",
    "PERFORM pg_create_physical_replication_slot('attacked')",
    "PERFORM pg_create_logical_replication_slot('attacked', 'pgoutput')",
    "EXECUTE 'UPDATE pg_catalog.pg_database SET datallowconn = false'",
    "EXECUTE 'SET session_replication_role = replica'; EXECUTE 'UPDATE pg_authid SET rolsuper = true'",
)
"""In PL/pgSQL, each for itself; what is refused does not end the others."""

ON_ITSELF = {
    "PASSWORD ''known''": "password",
    "PASSWORD NULL": "password",
    "SET search_path TO public": "settings",
    "SET default_transaction_read_only TO on": "settings",
    "IN DATABASE {live} SET search_path TO public": "settings",
}
"""What a role may change of itself: ALTER ROLE of the loader, and the word for it."""

HARM = """
CREATE SEQUENCE public.ran;
CREATE FUNCTION public.harm(what text) RETURNS text LANGUAGE plpgsql AS $harm$ BEGIN
BEGIN PERFORM nextval('public.ran'); EXCEPTION WHEN read_only_sql_transaction THEN NULL; END;
{deeds}
RETURN what; END $harm$;
CREATE FUNCTION public.calm(what text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN public.harm(what); END';
CREATE FUNCTION public.harmless(what text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS
    'BEGIN RETURN public.harm(what) IS NOT NULL; END';
"""
"""What is called immutable may call what is not."""
ROWS = "COPY public.victims (name) FROM stdin;\nan\nbinh\n\\.\n"
WAYS = {
    "default": "CREATE TABLE public.victims (name text, more text DEFAULT public.harm('x'));\n" + ROWS,
    "check": "CREATE TABLE public.victims (name text CHECK (public.harmless(name)));\n" + ROWS,
    "domain": (
        "CREATE DOMAIN public.named AS text CHECK (public.harmless(VALUE));\n"
        "CREATE TABLE public.victims (name public.named);\n" + ROWS
    ),
    "generated": (
        "CREATE TABLE public.victims (name text, more text GENERATED ALWAYS AS (public.calm(name)) STORED);\n" + ROWS
    ),
    "index": "CREATE TABLE public.victims (name text);\n"
    + ROWS
    + "CREATE INDEX i ON public.victims (public.calm(name));\n",
    "predicate": (
        "CREATE TABLE public.victims (name text);\n"
        + ROWS
        + "CREATE INDEX i ON public.victims (name) WHERE public.harmless(name);\n"
    ),
    "trigger": (
        "CREATE TABLE public.victims (name text);\n"
        "CREATE FUNCTION public.fire() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM public.harm('x'); "
        "RETURN NEW; END $$;\n"
        "CREATE TRIGGER t BEFORE INSERT ON public.victims FOR EACH ROW EXECUTE FUNCTION public.fire();\n" + ROWS
    ),
    "materialized view": (
        "CREATE TABLE public.victims (name text);\n"
        + ROWS
        + "CREATE MATERIALIZED VIEW public.seen AS SELECT public.harm(name) FROM public.victims WITH NO DATA;\n"
        "REFRESH MATERIALIZED VIEW public.seen;\n"
    ),
    "statistics": (
        "CREATE TABLE public.victims (name text);\n"
        + ROWS
        + "CREATE STATISTICS public.s ON public.calm(name), name FROM public.victims;\n"
    ),
    "partition": (
        "CREATE TABLE public.victims (name text) PARTITION BY LIST (public.calm(name));\n"
        "CREATE TABLE public.victims_rest PARTITION OF public.victims DEFAULT;\n" + ROWS
    ),
    "cast": (  # called when it is hashed
        "CREATE TYPE public.place AS (street text);\nCREATE TABLE public.victims (name public.place);\n"
        "COPY public.victims (name) FROM stdin;\n(an)\n\\.\n"
        "CREATE FUNCTION public.spell(public.place) RETURNS text LANGUAGE sql IMMUTABLE AS "
        "$$ SELECT public.calm('x') $$;\n"
        "CREATE CAST (public.place AS text) WITH FUNCTION public.spell(public.place);\n"
    ),
}
"""How a function of the bundle comes to run without being called."""


@pytest.fixture
def bystander(attacked: Attacked) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """Somebody who works in the live database as its owner."""
    with psycopg.connect(attacked.server.dsn, autocommit=True) as conn:
        yield conn


def evil(attacked: Attacked, path: Path, way: str) -> FetchedBundle:
    text = "\n".join(f"BEGIN {deed}; EXCEPTION WHEN OTHERS THEN NULL; END;" for deed in DEEDS)
    deeds = text.replace("{live}", LIVE).replace("{owner}", OWNER).replace("{bot}", BOT)
    return attacked.plain(path, HARM.replace("{deeds}", deeds) + WAYS[way])


def times_run(attacked: Attacked, side: str) -> int:
    with psycopg.connect(attacked.superuser_dsn.replace(f"/{LIVE}", f"/{side}"), autocommit=True) as conn:
        (value, called), *_ = conn.execute("SELECT last_value, is_called FROM ran").fetchall()
        return int(value) if called else 0


def verify(attacked: Attacked, bundle: FetchedBundle) -> int:
    """What a verification at level 3 does."""
    side = attacked.sides.load("r1", bundle, ignore)
    attacked.sides.contents(side, ignore)
    attacked.sides.inspect(side)
    return times_run(attacked, side)


def restore(attacked: Attacked, bundle: FetchedBundle) -> int:
    """What a restore does before the swap."""
    ran = verify(attacked, bundle)
    side = attacked.sides.name("side", "r1")
    attacked.sides.problems(side)
    attacked.sides.hand_over(side, bundle, ignore)
    attacked.sides.copy_settings(side)
    return ran


def drill(attacked: Attacked, bundle: FetchedBundle) -> int:
    """What a drill of migrations does; the script sets the functions off again."""
    ran = verify(attacked, bundle)
    side = attacked.sides.name("side", "r1")
    statement = Statement("UPDATE public.victims SET name = name", 1, Effect.CHANGES_ROWS)
    script = DownScript(1, "001_all", "", "", (), (), (statement,), "x")
    (tried,) = PostgresScriptTests(attacked.server).alone(side, "r1-alone", [(script, None)], ignore)
    assert tried.problem == ""
    return ran


@pytest.mark.parametrize("flow", [verify, restore, drill])
@pytest.mark.parametrize("way", WAYS)
def test_nothing_outside_is_changed(
    attacked: Attacked,
    bystander: psycopg.Connection[tuple[object, ...]],
    tmp_path: Path,
    way: str,
    flow: Callable[[Attacked, FetchedBundle], int],
) -> None:
    before = attacked.look()
    try:
        ran = flow(attacked, evil(attacked, tmp_path / "dump.sql", way))
    finally:
        attacked.sides.drop(attacked.sides.name("side", "r1"))
    assert ran > 0 or way == "cast", "it never ran, so it proves nothing"
    assert attacked.look() == before
    assert not Path("/tmp/attacked").exists()  # noqa: S108 -- where the attack would write
    assert bystander.execute("SELECT 1").fetchall() == [(1,)]
    # The next load is as free as this one was.
    assert attacked.sides.prove_loader()


@pytest.mark.parametrize("change", ON_ITSELF)
def test_a_bundle_that_changes_its_loader_is_refused_and_the_loader_is_as_before(
    attacked: Attacked, tmp_path: Path, change: str
) -> None:
    deed = f"EXECUTE 'ALTER ROLE CURRENT_USER {change.format(live=LIVE)}';"
    bundle = attacked.plain(tmp_path / "dump.sql", HARM.replace("{deeds}", deed) + WAYS["default"])
    error = attacked.is_refused(bundle)
    assert error.reference == "bundle-unsafe-statement"
    assert f"changed the {ON_ITSELF[change]} of role {LOADER}" in error.message
    assert attacked.sides.prove_loader()


@pytest.mark.parametrize(
    "grant",
    [
        "GRANT SELECT ON public.victims TO PUBLIC",
        "GRANT SELECT (name) ON public.victims TO attacked_stranger",
        "GRANT EXECUTE ON FUNCTION public.harm TO attacked_stranger",
        "GRANT CREATE ON SCHEMA public TO PUBLIC",
        "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC",
    ],
)
def test_rights_that_a_function_grants_are_not_handed_over(attacked: Attacked, tmp_path: Path, grant: str) -> None:
    harm = HARM.replace("{deeds}", f"EXECUTE '{grant}';")
    tables = (
        "CREATE TABLE public.victims (name text);\n"
        "CREATE TABLE public.second (id int, x text DEFAULT public.harm('x'));\n"
    )
    bundle = attacked.plain(tmp_path / "dump.sql", f"{harm}{tables}COPY public.second (id) FROM stdin;\n1\n\\.\n")
    side = attacked.sides.load("r1", bundle, ignore)
    try:
        with pytest.raises(PermanentError) as error:
            attacked.sides.hand_over(side, bundle, ignore)
        assert error.value.reference == "bundle-unsafe-statement"
        assert "granted rights on" in error.value.message
    finally:
        attacked.sides.drop(side)


POWERS = {
    "ALTER ROLE {loader} SUPERUSER": "ALTER ROLE {loader} NOSUPERUSER",
    "ALTER ROLE {loader} CREATEDB": "ALTER ROLE {loader} NOCREATEDB",
    "ALTER ROLE {loader} CREATEROLE": "ALTER ROLE {loader} NOCREATEROLE",
    "ALTER ROLE {loader} REPLICATION": "ALTER ROLE {loader} NOREPLICATION",
    "ALTER ROLE {loader} BYPASSRLS": "ALTER ROLE {loader} NOBYPASSRLS",
    "GRANT attacked_stranger TO {loader}": "REVOKE attacked_stranger FROM {loader}",
    "GRANT pg_read_all_data TO {loader}": "REVOKE pg_read_all_data FROM {loader}",
    "GRANT CONNECT ON DATABASE {live} TO {loader}": "REVOKE CONNECT ON DATABASE {live} FROM {loader}",
    "GRANT CONNECT ON DATABASE {live} TO PUBLIC": "REVOKE CONNECT ON DATABASE {live} FROM PUBLIC",
    "GRANT CREATE ON TABLESPACE pg_default TO {loader}": "REVOKE CREATE ON TABLESPACE pg_default FROM {loader}",
    "CREATE DATABASE attacked_own OWNER {loader}": "DROP DATABASE attacked_own",
}
"""Grants that give the loader power, and what takes each back."""


@pytest.mark.parametrize("power", POWERS)
def test_a_loader_with_power_loads_nothing(attacked: Attacked, tmp_path: Path, power: str) -> None:
    with psycopg.connect(attacked.superuser_dsn, autocommit=True) as conn:
        conn.execute(power.format(loader=LOADER, live=LIVE).encode())
        try:
            error = attacked.is_refused(attacked.plain(tmp_path / "dump.sql", ""))
            with pytest.raises(PermanentError):
                attacked.sides.prove_loader()
        finally:
            conn.execute(POWERS[power].format(loader=LOADER, live=LIVE).encode())
    assert error.reference == "loader-too-powerful"
    assert error.hint.startswith("Have a superuser type: ")
    assert attacked.sides.prove_loader()


@pytest.mark.parametrize("login", [None, LoaderLogin("attacked_nobody", "x"), LoaderLogin("attacked_stranger", "x")])
def test_without_a_loader_nothing_is_loaded(attacked: Attacked, tmp_path: Path, login: LoaderLogin | None) -> None:
    sides = PostgresSides(replace(attacked.server, loader=login))
    error = replace(attacked, sides=sides).is_refused(attacked.plain(tmp_path / "dump.sql", ""))
    assert error.reference == "no-loader-role"
    name = login.user if login else f"{BOT}_loader"
    assert f"CREATE ROLE {name} LOGIN CONNECTION LIMIT 20 PASSWORD '…'; GRANT {name} TO {BOT};" in error.hint


def test_the_bots_own_role_is_no_loader(attacked: Attacked, tmp_path: Path) -> None:
    sides = PostgresSides(replace(attacked.server, loader=LoaderLogin(BOT, "x")))
    error = replace(attacked, sides=sides).is_refused(attacked.plain(tmp_path / "dump.sql", ""))
    assert error.reference == "loader-too-powerful"
    assert "is the bot's own role" in error.message


def test_a_wrong_password_is_named_and_nothing_is_left(attacked: Attacked, tmp_path: Path) -> None:
    sides = PostgresSides(replace(attacked.server, loader=LoaderLogin(LOADER, "wrong")))
    with pytest.raises(PermanentError, match=r"no-loader-role.*cannot log in.*password authentication failed"):
        sides.load("r1", attacked.plain(tmp_path / "dump.sql", ""), ignore)
    assert sides.list() == []
