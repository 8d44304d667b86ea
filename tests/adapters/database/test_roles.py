"""As which role a chain runs: as the migrations' usual one, in the rehearsal as in the live database."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from bot.adapters.database import PostgresDatabase
from bot.adapters.database.connections import Connection, Connections
from bot.adapters.database.exclusive_access import PostgresExclusiveAccess
from bot.adapters.database.roles import Roles, read_roles
from bot.errors import PermanentError
from bot.sandbox.physioflow.clones import Clone
from tests.adapters.database.conftest import TRACKING
from tests.adapters.database.scripting import script

TO_26 = frozenset(range(1, 27))
TakeAccess = Callable[[], PostgresExclusiveAccess]
ROLES = ("lab", "pharmacy", "archive", "migrator")
LANDSCAPE = """
CREATE SCHEMA lab AUTHORIZATION lab;
CREATE SCHEMA archive AUTHORIZATION archive;
GRANT USAGE, CREATE ON SCHEMA public TO lab, archive, migrator;
SET ROLE lab;
CREATE TABLE lab.results (id int PRIMARY KEY);
CREATE TABLE public.samples (id serial PRIMARY KEY, patient int);
CREATE FUNCTION public.is_fine(int) RETURNS bool LANGUAGE sql AS 'SELECT true';
CREATE TYPE public.tube AS ENUM ('red', 'blue');
CREATE VIEW public.sample_count AS SELECT count(*) FROM public.samples;
GRANT SELECT ON public.samples TO physioflow_app WITH GRANT OPTION;
SET ROLE physioflow_app;
GRANT SELECT ON public.samples TO migrator;
SET ROLE archive;
GRANT USAGE ON SCHEMA archive TO PUBLIC;
CREATE TABLE archive.kept (id int, note text);
CREATE TABLE public.archived (id int);
CREATE VIEW archive.kept_notes AS SELECT note FROM archive.kept;
GRANT SELECT, TRUNCATE ON archive.kept TO physioflow_prod;
RESET ROLE;
CREATE TABLE public.watch (id int);
CREATE SCHEMA dba;
CREATE TABLE dba.notes (id int);
GRANT USAGE ON SCHEMA dba TO backstop_prod;
GRANT SELECT ON archive.kept, public.archived, public.watch, dba.notes TO backstop_prod
"""


class Administrator:
    """A superuser, in the database for a moment at a time: a session of theirs would keep it from being closed."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self._dsn, autocommit=True) as conn:
            cursor = conn.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def owners(self, *names: str) -> list[str]:
        query = "SELECT relowner::regrole::text FROM pg_class WHERE oid = '{}'::regclass"
        return [str(self.execute(query.format(name))[0][0]) for name in names]


@pytest.fixture
def superuser(clone: Clone) -> Administrator:
    return Administrator(clone.superuser_dsn)


@pytest.fixture
def landscape(superuser: Administrator, server: Connection) -> Iterator[None]:
    """Objects of several owners: the bot is a member of `lab` and `pharmacy`, not of `archive`, nor a superuser."""
    for role in ROLES:
        server.execute(f"CREATE ROLE {role}".encode())
    server.execute("GRANT lab, pharmacy TO backstop_prod")
    superuser.execute(LANDSCAPE)
    yield
    roles = ", ".join(ROLES)
    superuser.execute(f"DROP OWNED BY {roles} CASCADE; DROP ROLE {roles}")


def run(database: PostgresDatabase, take_access: TakeAccess, *statements: str) -> None:
    """Rehearse and carry out one script, as migration 027's."""
    chain = (script(27, *statements),)
    with database.shadow("rtest1") as shadow:
        rehearsal = shadow.rehearse(chain, TO_26)
    assert rehearsal.before == database.catalogue()
    take_access().run_chain(chain, TO_26, (), lambda: None)
    database.reopen()
    assert database.catalogue().fingerprint == rehearsal.after.fingerprint


def refused(database: PostgresDatabase, *statements: str) -> PermanentError:
    with database.shadow("rtest1") as shadow, pytest.raises(PermanentError) as caught:
        shadow.rehearse((script(27, *statements),), TO_26)
    return caught.value


def test_what_a_script_creates_is_the_app_s_to_use(
    database: PostgresDatabase, take_access: TakeAccess, superuser: Administrator, clone: Clone
) -> None:
    run(database, take_access, "CREATE TABLE flags (name text)", "CREATE SCHEMA extra", "CREATE TABLE extra.t ()")

    assert superuser.owners("flags", "extra.t") == ["physioflow_prod"] * 2
    with psycopg.connect(clone.app_dsn) as app:
        app.execute("INSERT INTO flags VALUES ('x')")
        assert app.execute("SELECT name FROM flags").fetchall() == [("x",)]


@pytest.mark.usefixtures("landscape")
def test_others_objects_stand_in_nobody_s_way(
    database: PostgresDatabase, take_access: TakeAccess, superuser: Administrator
) -> None:
    """The shadow's catalogue is the live one's, and what a chain does not touch stays whose it is."""
    run(
        database,
        take_access,
        "DROP TABLE feature_flag_audit_log",
        "CREATE TABLE later (id int)",
        "TRUNCATE archive.kept",
    )

    assert superuser.owners("lab.results", "samples", "archive.kept", "watch", "later") == [
        "lab",
        "lab",
        "archive",
        "postgres",
        "physioflow_prod",
    ]


@pytest.mark.usefixtures("landscape")
def test_a_name_means_the_same_to_every_owner(database: PostgresDatabase, superuser: Administrator) -> None:
    """To `lab`, "$user" in the search path would be another schema, in which it may create."""
    superuser.execute("CREATE VIEW notes AS SELECT * FROM dba.notes")
    error = refused(database, "CREATE OR REPLACE VIEW notes AS SELECT id FROM archive.kept")

    assert error.reference == "missing-rights"
    assert "must be owner of view notes" in error.message


@pytest.mark.usefixtures("landscape")
@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE samples CASCADE",
        "DROP SCHEMA lab CASCADE",
        "DROP FUNCTION is_fine(int)",
        "ALTER TYPE tube RENAME TO tubes",
        "ALTER TABLE samples ADD COLUMN x int",
        "INSERT INTO samples (patient) VALUES (1)",
        "CREATE TABLE lab.more (id int)",
        "CREATE OR REPLACE VIEW sample_count AS SELECT count(*) FROM samples WHERE true",
        "GRANT SELECT ON lab.results TO physioflow_prod",
        "DROP TABLE archived",
        "DROP TABLE watch",
    ],
)
def test_what_belongs_to_a_role_that_we_are_a_member_of_may_be_changed(
    database: PostgresDatabase, take_access: TakeAccess, superuser: Administrator, statement: str
) -> None:
    run(database, take_access, "CREATE TABLE before (id int)", statement, "CREATE TABLE after (id int)")

    assert superuser.owners("before", "after") == ["physioflow_prod"] * 2
    ours = "SELECT count(*) FROM pg_shdepend WHERE refobjid = 'backstop_prod'::regrole AND deptype = 'o'"
    assert superuser.execute(ours) == [(0,)]


def test_a_statement_may_need_two_owners(
    database: PostgresDatabase, take_access: TakeAccess, superuser: Administrator, server: Connection
) -> None:
    server.execute("CREATE ROLE lab; GRANT lab TO backstop_prod")
    superuser.execute("CREATE TABLE samples (id int); ALTER TABLE samples OWNER TO lab")
    try:
        run(database, take_access, "DROP TABLE samples, feature_flag_audit_log")
    finally:
        superuser.execute("DROP OWNED BY lab; DROP ROLE lab")


@pytest.mark.usefixtures("landscape")
@pytest.mark.parametrize(
    ("statement", "owner"),
    [
        ("DROP TABLE archive.kept CASCADE", "archive"),
        ("ALTER TABLE archive.kept DROP COLUMN note CASCADE", "archive"),
        ("INSERT INTO archive.kept VALUES (1)", "archive"),
        ("CREATE OR REPLACE VIEW archive.kept_notes AS SELECT note FROM archive.kept", "archive"),
        ("DROP TABLE samples, archive.kept CASCADE", "archive"),
        ("DO $$ BEGIN EXECUTE 'DROP TABLE archive.kept CASCADE'; END $$", "archive"),
        ("ALTER TABLE archived ADD COLUMN x int", "archive"),
        ("DROP SCHEMA archive CASCADE", "archive"),
    ],
)
def test_what_belongs_to_a_stranger_is_refused_in_the_rehearsal(
    database: PostgresDatabase, statement: str, owner: str
) -> None:
    error = refused(database, "DROP TABLE feature_flag_audit_log", statement)

    assert error.reference == "missing-rights"
    assert "027_made_up.sql line 2" in error.message
    assert f"backstop_prod has no rights of {owner}" in error.message
    assert f"GRANT {owner} TO backstop_prod;" in error.hint


@pytest.mark.usefixtures("landscape")
@pytest.mark.parametrize(
    "statement", ["ALTER TABLE watch ADD x int", "DROP SCHEMA dba CASCADE", "DROP EXTENSION hstore"]
)
def test_what_belongs_to_a_superuser_is_refused_in_the_rehearsal(
    database: PostgresDatabase, superuser: Administrator, statement: str
) -> None:
    superuser.execute("CREATE EXTENSION hstore SCHEMA dba")
    error = refused(database, statement)

    assert error.reference == "missing-rights"
    assert "no rights of postgres" in error.message
    assert "GRANT postgres" not in error.hint
    assert "OWNER TO physioflow_prod" in error.hint


@pytest.mark.usefixtures("landscape")
def test_a_table_that_we_may_not_read_is_named(database: PostgresDatabase, superuser: Administrator) -> None:
    """Neither its schema nor its rows can be copied."""
    superuser.execute("REVOKE SELECT ON public.watch, dba.notes FROM backstop_prod")
    with pytest.raises(PermanentError, match="missing-rights") as caught, database.shadow("rtest1"):
        pytest.fail("the schema cannot have been read")

    assert caught.value.hint.startswith(
        "Have a superuser type: GRANT SELECT ON TABLE dba.notes, public.watch TO backstop_prod; "
    )


def test_an_extension_of_the_migrations_own_may_go(
    database: PostgresDatabase, take_access: TakeAccess, owner: Connection
) -> None:
    owner.execute("CREATE EXTENSION hstore; CREATE TABLE pairs (all_of_them hstore)")
    run(database, take_access, "DROP EXTENSION hstore CASCADE")


@pytest.mark.usefixtures("landscape")
def test_the_migrations_role_is_the_tracking_table_s_owner(
    database: PostgresDatabase, take_access: TakeAccess, superuser: Administrator, server: Connection
) -> None:
    """It need not be the database's; and it begins with the settings that it would log in with."""
    server.execute("GRANT migrator TO backstop_prod")
    for table in ("schema_migrations", "feature_flag_audit_log"):
        superuser.execute(f"ALTER TABLE {table} OWNER TO migrator")
    superuser.execute("CREATE SCHEMA app AUTHORIZATION migrator; ALTER ROLE migrator SET search_path = app, public")

    run(database, take_access, "DROP TABLE feature_flag_audit_log", "CREATE TABLE later (id int)")

    assert superuser.owners("app.later") == ["migrator"]


@pytest.mark.usefixtures("landscape")
def test_roles_are_told_apart(clone: Clone) -> None:
    with Connections(clone.bot_dsn, "postgres", 1.0).session() as conn:
        roles = read_roles(conn, TRACKING)
    assert roles == Roles(
        "backstop_prod",
        "physioflow_prod",
        ("lab",),
        ("archive", "postgres"),
        frozenset({"postgres"}),
        [("work_mem", "16MB")],
    )
    assert roles.fallbacks == ("lab",)


def test_the_owner_s_own_login_needs_no_other_role(clone: Clone) -> None:
    with Connections(clone.owner_dsn, "postgres", 1.0).session() as conn:
        roles = read_roles(conn, TRACKING)
    assert (roles.ours, roles.migrator, roles.fallbacks) == ("physioflow_prod", "physioflow_prod", ())
