"""Migrates the state database: the journal's schema, and the queue's."""

import hashlib
from importlib import resources

import psycopg
from procrastinate.schema import SchemaManager

from bot.adapters.journal.connections import CONNECT_TIMEOUT_S, complete_dsn, translated
from bot.adapters.named_queries import load

_QUERIES = load("sql.journal", "migration.sql")


def migrate(dsn: str) -> None:
    """Create or complete the schemas. Safe to repeat, and safe when several replicas start at once.

    Nothing is locked but the migration itself when there is nothing to do.

    Raises:
        TemporaryError: ``journal-unreachable``.
        PermanentError: ``journal-refused``, e.g. when the role is not allowed to create schemas.
    """
    schema = (resources.files("sql.journal") / "schema.sql").read_text(encoding="utf-8")
    sha256 = hashlib.sha256(schema.encode()).hexdigest()
    with translated(), psycopg.connect(complete_dsn(dsn), connect_timeout=CONNECT_TIMEOUT_S) as connection:
        connection.execute(_QUERIES["lock_migration"])
        if not _is_applied(connection, sha256):
            connection.execute(schema.encode())
            connection.execute(_QUERIES["note_schema"], {"sha256": sha256})
        if not _holds(connection, "queue_exists"):
            connection.execute(SchemaManager.get_schema())


def _is_applied(connection: psycopg.Connection, sha256: str) -> bool:
    return _holds(connection, "schema_exists") and _holds(connection, "schema_is_current", sha256)


def _holds(connection: psycopg.Connection, query: str, sha256: str = "") -> bool:
    row = connection.execute(_QUERIES[query], {"sha256": sha256}).fetchone()
    return row is not None and bool(row[0])
