"""Copies a sample database: one is built, the others are file copies of it, in about 0.1 s each."""

from dataclasses import dataclass

import psycopg
from psycopg import sql

from bot.sandbox.physioflow.sample import APP_ROLE, bot_role, database_name, seed, set_properties
from bot.sandbox.postgres import PostgresServer

ENVIRONMENT = "prod"


@dataclass(frozen=True)
class Clone:
    """A copy of the template with an environment's ACL and settings; DSNs by who connects."""

    name: str
    bot_dsn: str
    owner_dsn: str
    app_dsn: str
    superuser_dsn: str


def build_template(server: PostgresServer, name: str, scale: float) -> str:
    """Make the sample's roles, its state database and one template database at 027; return the template's name."""
    seed(server, scale, environments=(ENVIRONMENT,))
    with psycopg.connect(server.superuser_dsn, autocommit=True) as conn:
        built = sql.Identifier(database_name(ENVIRONMENT))
        conn.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(built, sql.Identifier(name)))
        conn.execute(sql.SQL("ALTER DATABASE {} IS_TEMPLATE true ALLOW_CONNECTIONS false").format(sql.Identifier(name)))
    return name


def clone(server: PostgresServer, template: str, name: str) -> Clone:
    """Copy the template; owner, ACL, settings and comment are those of the sample's prod."""
    owner = database_name(ENVIRONMENT)
    with psycopg.connect(server.superuser_dsn, autocommit=True) as conn:
        conn.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(
                sql.Identifier(name), sql.Identifier(template), sql.Identifier(owner)
            )
        )
        set_properties(conn, name, ENVIRONMENT)
    return Clone(
        name=name,
        bot_dsn=server.dsn(bot_role(ENVIRONMENT), name),
        owner_dsn=server.dsn(owner, name),
        app_dsn=server.dsn(APP_ROLE, name),
        superuser_dsn=server.dsn("postgres", name),
    )


def drop(server: PostgresServer, name: str) -> None:
    """Drop a copy and end its sessions; a copy that is already gone is left alone."""
    with psycopg.connect(server.superuser_dsn, autocommit=True) as conn:
        conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def drop_beside(server: PostgresServer, name: str) -> None:
    """Drop what the bot keeps beside a database."""
    with psycopg.connect(server.superuser_dsn, autocommit=True) as conn:
        query = "SELECT datname FROM pg_database WHERE starts_with(datname, %s)"
        for (beside,) in conn.execute(query, (f"{name}_backstop_",)).fetchall():
            conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(beside)))
