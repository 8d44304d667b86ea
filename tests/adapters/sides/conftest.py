"""A nasty database and its owner, who is no superuser; the adapters on it."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from bot.adapters.clock import SystemClock
from bot.adapters.database import LoaderLogin, PostgresDatabase, Server, Tracking
from bot.adapters.database.connections import Connection
from bot.adapters.pgclient.tools import PgTools
from bot.adapters.sides import PostgresSides
from bot.domain.backups import BundleKind
from bot.domain.environments import Timing
from bot.domain.runs import Progress
from bot.ports import FetchedBundle
from bot.sandbox.physioflow.sample import create_bot_role
from bot.sandbox.postgres import PostgresServer, find_bin_dir

TRACKING = Tracking("schema_migrations", ("version", "name"))
TIMING = Timing(lock_timeout_s=1.0, stall_s=30.0)
NASTY = Path(__file__).with_name("nasty.sql")
ODD_ROLE = 'nasty "odd" role'

ROLES = """
CREATE ROLE nasty_owner LOGIN PASSWORD {password};
CREATE ROLE nasty_clinic;
CREATE ROLE nasty_app LOGIN PASSWORD {password};
CREATE ROLE nasty_reader;
CREATE ROLE "nasty ""odd"" role";
CREATE ROLE nasty_stranger;
GRANT nasty_clinic, nasty_app TO nasty_owner;
CREATE ROLE nasty_owner_loader LOGIN CONNECTION LIMIT 20 PASSWORD {password}
"""
# As docs/operations.md says: what the databases need beside the bot's role.
BOT_RIGHTS = """
GRANT nasty_clinic, nasty_owner_loader TO nasty_bot;
GRANT SET ON PARAMETER nasty.tenant, log_min_duration_statement TO nasty_bot
"""

PROPERTIES = """
ALTER DATABASE {name} SET nasty.tenant TO 'it''s, "quoted"';
ALTER DATABASE {name} SET search_path TO "$user", public, "we""ird";
ALTER DATABASE {name} SET work_mem TO '7MB';
ALTER DATABASE {name} SET log_min_duration_statement TO '5s';
ALTER ROLE nasty_owner IN DATABASE {name} SET timezone TO 'Asia/Ho_Chi_Minh';
ALTER ROLE nasty_app IN DATABASE {name} SET statement_timeout TO '30s';
COMMENT ON DATABASE {name} IS 'It''s ours – «nasty»';
ALTER DATABASE {name} CONNECTION LIMIT 77;
REVOKE ALL ON DATABASE {name} FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE {name} TO nasty_app WITH GRANT OPTION;
GRANT CREATE ON DATABASE {name} TO nasty_clinic;
SET ROLE nasty_app;
GRANT CONNECT ON DATABASE {name} TO nasty_reader;
RESET ROLE
"""

_numbers = itertools.count(1)


def ignore(progress: Progress) -> None:
    """A report nobody reads."""


def loader_login(postgres: PostgresServer) -> LoaderLogin:
    return LoaderLogin("nasty_owner_loader", postgres.password)


@dataclass(frozen=True)
class Nasty:
    """A database, DSNs by who connects, and the bot's adapters."""

    name: str
    bot_dsn: str
    owner_dsn: str
    app_dsn: str
    superuser_dsn: str
    maintenance_dsn: str
    sides: PostgresSides
    database: PostgresDatabase


@pytest.fixture(scope="session")
def tools() -> PgTools:
    return PgTools(find_bin_dir())


@pytest.fixture(scope="session")
def nasty_template(postgres: PostgresServer) -> str:
    """Nobody is connected to it; copies of it are cheap. Other folders' tests use it, too, so it may be there."""
    with psycopg.connect(postgres.superuser_dsn, autocommit=True) as conn:
        if conn.execute("SELECT FROM pg_database WHERE datname = 'nasty_template'").fetchone() is not None:
            return "nasty_template"
        conn.execute(sql.SQL(ROLES).format(password=sql.Literal(postgres.password)))
        create_bot_role(conn, {"bot": "nasty_bot", "owner": "nasty_owner", "app": "nasty_app"}, postgres.password)
        conn.execute(BOT_RIGHTS)
        conn.execute("CREATE DATABASE nasty_template OWNER nasty_owner TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'")
    with psycopg.connect(postgres.dsn("nasty_owner", "nasty_template"), autocommit=True) as conn:
        for batch in NASTY.read_text().split("\n\n"):
            conn.execute(batch.encode())
    return "nasty_template"


@pytest.fixture
def make_nasty(postgres: PostgresServer, nasty_template: str, tools: PgTools) -> Iterator[Callable[[], Nasty]]:
    """Makes copies, dropped after the test along with what was made beside them."""
    made: list[str] = []

    def make() -> Nasty:
        name = f"nasty_{next(_numbers)}"
        made.append(name)
        with psycopg.connect(postgres.superuser_dsn, autocommit=True) as conn:
            create = sql.SQL("CREATE DATABASE {} OWNER nasty_owner TEMPLATE {}")
            conn.execute(create.format(sql.Identifier(name), sql.Identifier(nasty_template)))
            conn.execute(sql.SQL(PROPERTIES).format(name=sql.Identifier(name)))
        bot_dsn = postgres.dsn("nasty_bot", name)
        on = Server(bot_dsn, TRACKING, TIMING, tools, SystemClock(), loader=loader_login(postgres))
        return Nasty(
            name,
            bot_dsn,
            postgres.dsn("nasty_owner", name),
            postgres.dsn("nasty_app", name),
            postgres.dsn("postgres", name),
            postgres.superuser_dsn,
            PostgresSides(on),
            PostgresDatabase(on),
        )

    yield make
    with psycopg.connect(postgres.superuser_dsn, autocommit=True) as conn:
        for name in made:
            query = "SELECT datname FROM pg_database WHERE datname = %s OR starts_with(datname, %s)"
            for (each,) in conn.execute(query, (name, f"{name}_backstop_")).fetchall():
                conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(each)))


@pytest.fixture
def nasty(make_nasty: Callable[[], Nasty]) -> Nasty:
    return make_nasty()


@pytest.fixture
def server(postgres: PostgresServer) -> Iterator[Connection]:
    """A superuser beside the databases."""
    with psycopg.connect(postgres.superuser_dsn, autocommit=True) as conn:
        yield conn


def dump_directory(nasty: Nasty, tmp_path: Path) -> FetchedBundle:
    """A bundle of ours, as it is on disk when it has been fetched."""
    path = tmp_path / "dump"
    nasty.database.dump(path, ignore)
    return FetchedBundle(BundleKind.DIRECTORY, path, None, sum(file.stat().st_size for file in path.iterdir()))


def restore_aside(nasty: Nasty, bundle: FetchedBundle) -> str:
    """Load a bundle and hand it over; the name of the database."""
    side = nasty.sides.load("r1", bundle, ignore)
    nasty.sides.hand_over(side, bundle, ignore)
    return side


@pytest.fixture
def pair(nasty: Nasty, server: Connection) -> tuple[str, str]:
    """A side database, and the name of the one to be kept."""
    side, kept = nasty.sides.name("side", "r1"), nasty.sides.name("kept", "r1")
    statement = sql.SQL("CREATE DATABASE {} OWNER nasty_owner TEMPLATE nasty_template")
    server.execute(statement.format(sql.Identifier(side)))
    with psycopg.connect(nasty.owner_dsn.replace(nasty.name, side), autocommit=True) as conn:
        conn.execute("CREATE TABLE loaded ()")
    return side, kept
