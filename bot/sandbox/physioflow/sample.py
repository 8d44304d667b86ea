"""Creates the sample's databases: roles, grants, settings, schema and data, for each environment.

What a careless restore would lose is here on purpose: an ACL without PUBLIC, settings of the database and of roles in
it, a connection limit, a comment, default privileges.
"""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import psycopg
from psycopg import sql

from bot.adapters.journal.roles import Login, initialise
from bot.sandbox.physioflow.schema import migrate
from bot.sandbox.postgres import PostgresServer

DATA_DIR = Path(__file__).parent / "data"
APP_ROLE = "physioflow_app"
STATE_ROLE, STATE_OWNER = "backstop", "backstop_owner"
STATE_DATABASE = "backstop_state"

# Each environment's share of the scale asked for; 1.0 makes a database of about 30 MB.
ENVIRONMENTS: Mapping[str, float] = MappingProxyType({"dev": 0.1, "staging": 0.3, "prod": 1.0})

# The bot's role, word for word as docs/operations.md has it: no owner, but a member of the owner.
BOT_ROLE = (
    "CREATE ROLE {bot} LOGIN CREATEDB PASSWORD {password}",
    "GRANT pg_signal_backend TO {bot}",
    "GRANT pg_monitor TO {bot}",
    "GRANT {owner} TO {bot}",
    "GRANT EXECUTE ON FUNCTION pg_create_restore_point(text) TO {bot}",
    "GRANT {app} TO {bot}",
)
PARAMETER_RIGHT = "GRANT SET ON PARAMETER physioflow.environment TO {bot}"
PARAMETERS_ARE_GRANTED_SINCE = 150000

# As docs/operations.md has them: what loads bundles can log in, and nothing else.
LOADER_RIGHTS = (
    "CREATE ROLE {loader} LOGIN CONNECTION LIMIT 20 PASSWORD {password}",
    "GRANT {loader} TO {bot}",
)

DATABASE_PROPERTIES = """
REVOKE ALL ON DATABASE {database} FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE {database} TO {app};
ALTER DATABASE {database} CONNECTION LIMIT 150;
ALTER DATABASE {database} SET timezone = 'Asia/Ho_Chi_Minh';
ALTER DATABASE {database} SET idle_in_transaction_session_timeout = '5min';
ALTER DATABASE {database} SET physioflow.environment = {environment};
ALTER ROLE {owner} IN DATABASE {database} SET work_mem = '16MB';
ALTER ROLE {app} IN DATABASE {database} SET statement_timeout = '30s';
COMMENT ON DATABASE {database} IS {comment};
"""

APP_GRANTS = """
GRANT USAGE ON SCHEMA public TO {app};
ALTER DEFAULT PRIVILEGES GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {app};
ALTER DEFAULT PRIVILEGES GRANT USAGE ON SEQUENCES TO {app};
"""


@dataclass(frozen=True)
class Sample:
    """DSNs of what ``seed`` made, and each loader's name; the mappings are keyed by environment.

    Attributes:
        bot_dsns: as the bot connects.
        owner_dsns: as the migrations and the database's administrators do.
        app_dsns: as PhysioFlow does.
        state_dsn: of the bot's own database.
        superuser_dsn: of the maintenance database.
    """

    bot_dsns: Mapping[str, str]
    owner_dsns: Mapping[str, str]
    app_dsns: Mapping[str, str]
    state_dsn: str
    superuser_dsn: str
    loaders: Mapping[str, str]
    loader_password: str


def seed(server: PostgresServer, scale: float = 1.0, environments: Iterable[str] = tuple(ENVIRONMENTS)) -> Sample:
    """Make the state database and each environment's database at migration 027, with data.

    Args:
        server: a running server without these databases.
        scale: 1.0 makes about 30 MB in prod, and ``ENVIRONMENTS``' share of that elsewhere.
        environments: any of ``ENVIRONMENTS``.

    """
    names = tuple(environments)
    with psycopg.connect(server.superuser_dsn, autocommit=True) as conn:
        _create_role(conn, server, APP_ROLE)
        for name in names:
            create_environment(conn, server, name)
    logins = (Login(STATE_OWNER, server.password), Login(STATE_ROLE, server.password))
    initialise(server.superuser_dsn, STATE_DATABASE, *logins)
    with ThreadPoolExecutor(max_workers=2) as pool:
        loads = [pool.submit(fill, owner_dsn(server, name), scale * ENVIRONMENTS[name]) for name in names]
        for load in loads:
            load.result()
    return Sample(
        bot_dsns={name: server.dsn(bot_role(name), database_name(name)) for name in names},
        owner_dsns={name: owner_dsn(server, name) for name in names},
        app_dsns={name: server.dsn(APP_ROLE, database_name(name)) for name in names},
        state_dsn=server.dsn(STATE_ROLE, STATE_DATABASE),
        superuser_dsn=server.superuser_dsn,
        loaders={name: loader_name(name) for name in names},
        loader_password=server.password,
    )


def database_name(environment: str) -> str:
    """Return the name of an environment's database, which is its owner role's name too."""
    return f"physioflow_{environment}"


def bot_role(environment: str) -> str:
    """Return the name of the role as which the bot connects to an environment's database."""
    return f"backstop_{environment}"


def owner_dsn(server: PostgresServer, environment: str) -> str:
    """Return the DSN of an environment's database as its owner."""
    name = database_name(environment)
    return server.dsn(name, name)


def loader_name(environment: str) -> str:
    """Return the name of the role that loads an environment's bundles."""
    return f"{database_name(environment)}_loader"


def create_loader(conn: psycopg.Connection[Any], server: PostgresServer, environment: str, bot: str) -> None:
    """Make the role that loads an environment's bundles, for the bot's role; ``conn`` is a superuser's."""
    names = {"loader": sql.Identifier(loader_name(environment)), "bot": sql.Identifier(bot)}
    for statement in LOADER_RIGHTS:
        conn.execute(sql.SQL(statement).format(**names, password=sql.Literal(server.password)))


def create_environment(conn: psycopg.Connection[Any], server: PostgresServer, environment: str) -> None:
    """Make an environment's owner role, the bot's and the empty database; ``conn`` is a superuser's, in autocommit."""
    name = database_name(environment)
    _create_role(conn, server, name)
    _create_database(conn, name, name)
    create_bot_role(conn, {"bot": bot_role(environment), "owner": name, "app": APP_ROLE}, server.password)
    grant_parameter(conn, bot_role(environment))
    set_properties(conn, name, environment)
    create_loader(conn, server, environment, bot_role(environment))


def create_bot_role(conn: psycopg.Connection[Any], roles: Mapping[str, str], password: str) -> None:
    """Make the bot's role as the documentation has it.

    Args:
        conn: a superuser's, to the maintenance database.
        roles: names of the `bot`'s role, of the `owner`'s and the `app`'s, which there are.
        password: of the bot's role.
    """
    names = {key: sql.Identifier(role) for key, role in roles.items()}
    for statement in BOT_ROLE:
        conn.execute(sql.SQL(statement).format(**names, password=sql.Literal(password)))


def grant_parameter(conn: psycopg.Connection[Any], bot: str) -> None:
    """Let the bot copy the app's own setting; before PostgreSQL 15 only a superuser may."""
    if conn.info.server_version >= PARAMETERS_ARE_GRANTED_SINCE:
        conn.execute(sql.SQL(PARAMETER_RIGHT).format(bot=sql.Identifier(bot)))


def set_properties(conn: psycopg.Connection[Any], database: str, environment: str) -> None:
    """Give a database the ACL, settings, connection limit and comment of an environment's."""
    names = {"database": database, "app": APP_ROLE, "owner": database_name(environment)}
    values = {"environment": environment, "comment": f"PhysioFlow, {environment}: patient records"}
    conn.execute(
        sql.SQL(DATABASE_PROPERTIES).format(
            **{key: sql.Identifier(name) for key, name in names.items()},
            **{key: sql.Literal(value) for key, value in values.items()},
        )
    )


def fill(dsn: str, scale: float) -> None:
    """Bring an empty database to migration 027 and load the data, as the owner; the same scale makes the same rows."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute(sql.SQL(APP_GRANTS).format(app=sql.Identifier(APP_ROLE)))
        migrate(conn)
        with conn.transaction():
            conn.execute("SELECT set_config('sample.scale', %s, true)", (str(scale),))
            conn.execute("SET LOCAL timezone = 'Asia/Ho_Chi_Minh'")
            for script in sorted(DATA_DIR.glob("*.sql")):
                conn.execute(script.read_bytes())
        conn.execute("REVOKE INSERT, UPDATE, DELETE ON schema_migrations FROM physioflow_app")
        conn.execute("ANALYZE")


def _create_role(conn: psycopg.Connection[Any], server: PostgresServer, name: str) -> None:
    statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
    conn.execute(statement.format(sql.Identifier(name), sql.Literal(server.password)))


def _create_database(conn: psycopg.Connection[Any], name: str, owner: str) -> None:
    conn.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(owner)))
