"""Migrates the state database: the journal's schema, and the queue's."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata, resources
from pathlib import Path
from typing import Any

import psycopg
from procrastinate.schema import SchemaManager
from psycopg import sql

from bot.adapters.journal.connections import CONNECT_TIMEOUT_S, complete_dsn, translated
from bot.adapters.named_queries import load
from bot.errors import PermanentError

FILES = ("audit_schema.sql", "schema.sql")
"""The schema, in the order in which it is applied."""

_QUERIES = load("sql.journal", "migration.sql")
_QUEUE = "procrastinate"
_FIRST_NOTED = "3.10.0"
"""The queue's version before anybody noted it."""

_GRANTS = (
    "GRANT USAGE ON SCHEMA backstop TO {role}",
    "REVOKE ALL ON ALL TABLES IN SCHEMA backstop FROM {role}",
    "GRANT SELECT ON ALL TABLES IN SCHEMA backstop TO {role}",
    "GRANT USAGE ON ALL SEQUENCES IN SCHEMA backstop TO {role}",
    "GRANT USAGE ON SCHEMA public TO {role}",
    "GRANT INSERT ON backstop.audit TO {role}",
)
_USE_TABLE = "GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE {name} TO {role}"
_USE_SEQUENCE = "GRANT USAGE, SELECT ON SEQUENCE {name} TO {role}"
_NOT_WRITTEN = frozenset({"applied_schema", "applied_queue", "audit"})
"""Tables in which the serving role changes no row."""


def prepare(dsn: str) -> None:
    """Make sure that the schemas are the ones we have: with a role that owns them by migrating, else by looking.

    Raises:
        TemporaryError: ``journal-unreachable``.
        PermanentError: ``journal-needs-migration`` when they are not, and this role may not migrate;
            ``journal-refused``.
    """
    with connect(dsn) as connection:
        if is_current(connection):
            return
        if not holds(connection, "may_migrate"):
            raise needs_migration(connection)
    migrate(dsn)


def migrate(dsn: str, serving: str = "") -> None:
    """Create or complete the schemas. Safe to repeat, and safe when several replicas start at once.

    Nothing is locked but the migration itself when there is nothing to do.

    Args:
        dsn: of the role that owns the schemas, or of a member of it.
        serving: role that the bot serves with; "" where it is the owner itself.

    Raises:
        TemporaryError: ``journal-unreachable``.
        PermanentError: ``journal-refused``, e.g. when the role is not allowed to create schemas.
    """
    with connect(dsn) as connection:
        apply(connection, serving)


def apply(connection: psycopg.Connection, serving: str = "") -> None:
    """Do as `migrate` does, in the transaction of a connection to the state database."""
    connection.execute(_QUERIES["lock_migration"])
    if not _is_applied(connection):
        for text in _texts():
            connection.execute(text.encode())
        connection.execute(_QUERIES["note_schema"], {"sha256": _sha256()})
    _apply_queue(connection)
    if serving:
        grant(connection, serving)


def is_current(connection: psycopg.Connection) -> bool:
    """Tell if the schemas are the ones we have. A role that may not look at them is none that they are ready for."""
    try:
        with connection.transaction():
            return _is_applied(connection) and _queue_version(connection) == _installed()
    except psycopg.errors.InsufficientPrivilege:
        return False


def grant(connection: psycopg.Connection, serving: str) -> None:
    """Let a role serve: it reads everything, adds to the audit log, and changes rows of everything else."""
    role = sql.Identifier(serving)
    for statement in _GRANTS:
        connection.execute(sql.SQL(statement).format(role=role))
    tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'backstop'").fetchall()
    for (table,) in tables:
        if table not in _NOT_WRITTEN:
            connection.execute(sql.SQL(_USE_TABLE).format(name=sql.Identifier("backstop", table), role=role))
    for name, is_sequence in connection.execute(_QUERIES["queue_relations"]).fetchall():
        use = sql.SQL(_USE_SEQUENCE if is_sequence else _USE_TABLE)
        connection.execute(use.format(name=sql.Identifier(name), role=role))


@contextmanager
def connect(dsn: str, **options: Any) -> Iterator[psycopg.Connection]:
    """Connect to a database, committing at the end; psycopg's errors are translated."""
    complete = complete_dsn(dsn)
    with translated(), psycopg.connect(complete, connect_timeout=CONNECT_TIMEOUT_S, **options) as connection:
        yield connection


def _texts() -> list[str]:
    return [(resources.files("sql.journal") / file).read_text(encoding="utf-8") for file in FILES]


def _sha256() -> str:
    return hashlib.sha256("".join(_texts()).encode()).hexdigest()


def _is_applied(connection: psycopg.Connection) -> bool:
    return holds(connection, "schema_exists") and holds(connection, "schema_is_current", sha256=_sha256())


def _apply_queue(connection: psycopg.Connection) -> None:
    """Create the queue's schema, or bring it to the installed version by its package's own migrations."""
    known, installed = _queue_version(connection), _installed()
    if known == installed:
        return
    if not holds(connection, "queue_exists"):
        connection.execute(SchemaManager.get_schema())
    else:
        for file in _queue_migrations(known or _FIRST_NOTED, installed):
            connection.execute(file.read_bytes())
    connection.execute(_QUERIES["note_queue"], {"version": installed})


def _queue_migrations(after: str, up_to: str) -> list[Path]:
    """The package's migrations between two versions, in order: ``03.04.00_01_pre_….sql``."""
    files = sorted(Path(SchemaManager.get_migrations_path()).glob("[0-9]*.sql"))
    return [file for file in files if _numbers(after) < _numbers(file.name.partition("_")[0]) <= _numbers(up_to)]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal())


def _queue_version(connection: psycopg.Connection) -> str:
    row = connection.execute(_QUERIES["queue_version"]).fetchone()
    return str(row[0]) if row else ""


def _installed() -> str:
    return metadata.version(_QUEUE)


def needs_migration(connection: psycopg.Connection) -> PermanentError:
    """Build the error of a schema that this role cannot bring up to date."""
    return PermanentError(
        "journal-needs-migration",
        f"The state database's schema is not this version's, and its role {connection.info.user} does not own it.",
        "Run `backstop db migrate` with the owner's DSN in BACKSTOP_STATE_OWNER_DSN, then start the bot again.",
    )


def holds(connection: psycopg.Connection, query: str, **values: str) -> bool:
    """Ask a question of ``migration.sql`` that has one truth value for an answer."""
    row = connection.execute(_QUERIES[query], values).fetchone()
    return row is not None and bool(row[0])
