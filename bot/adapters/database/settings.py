"""Reads the state of a database that no dump carries, and writes its locale as options of CREATE DATABASE."""

from typing import Any

from psycopg import sql
from psycopg.rows import dict_row

from bot.adapters.database.connections import Connection
from bot.adapters.named_queries import load
from bot.domain.backups import DatabaseSettings

QUERIES = load("sql.sides", "database_settings.sql")
PROVIDERS = {"i": "ICU", "b": "BUILTIN"}


def read_settings(conn: Connection, database: str) -> DatabaseSettings | None:
    """Read them from any session of the server; None where there is no such database."""
    place = {"database": database}
    with conn.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(QUERIES["properties"], place).fetchone()
    if row is None:
        return None
    return DatabaseSettings(
        **row,
        acl=tuple(conn.execute(QUERIES["acl"], place).fetchall()),
        settings=tuple(conn.execute(QUERIES["settings"], place).fetchall()),
    )


def locale_options(settings: DatabaseSettings) -> dict[str, sql.Composable]:
    """Write encoding and locale as options of CREATE DATABASE."""
    provider = PROVIDERS.get(settings.provider)
    options: dict[str, Any] = {
        "ENCODING": settings.encoding,
        "LC_COLLATE": settings.collate,
        "LC_CTYPE": settings.ctype,
        "LOCALE_PROVIDER": provider and provider.lower(),
        f"{provider}_LOCALE": settings.locale if provider else None,
        "ICU_RULES": settings.rules,
    }
    return {key: sql.Literal(value) for key, value in options.items() if value}
