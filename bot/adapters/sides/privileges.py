"""Sets owners and privileges in a loaded database, as our role: it is no superuser, and the dump never ran as it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg
from psycopg import sql

from bot.adapters.database.connections import Connection, is_disconnect, safe_message
from bot.adapters.named_queries import load
from bot.domain.runs import Progress
from bot.ports import Report

QUERIES = load("sql.sides", "hand_over.sql")
BATCH = 200
SHOWN_LENGTH = 160


@contextmanager
def owners_allowed(conn: Connection, database: str, owners: Sequence[str]) -> Iterator[None]:
    """Let future owners create in every schema meanwhile: the server requires it of an object's new owner.

    The real privileges are set afterwards.
    """
    if not owners:
        yield
        return
    granted = conn.execute(QUERIES["schemas"], {"roles": list(owners)}).fetchall()
    place = sql.Identifier(database)
    # The database's owner may create there anyway; it must not lose that afterwards.
    others = [role for role in owners if role != conn.execute("SELECT current_user").fetchall()[0][0]]
    for role in others:
        conn.execute(sql.SQL("GRANT CREATE ON DATABASE {} TO {}").format(place, sql.Identifier(role)))
    for schema, role in granted:
        statement = sql.SQL("GRANT ALL ON SCHEMA {} TO {}")
        conn.execute(statement.format(sql.Identifier(schema), sql.Identifier(role)))
    yield
    for schema, role in granted:
        statement = sql.SQL("REVOKE ALL ON SCHEMA {} FROM {}")
        conn.execute(statement.format(sql.Identifier(schema), sql.Identifier(role)))
    for role in others:
        conn.execute(sql.SQL("REVOKE CREATE ON DATABASE {} FROM {}").format(place, sql.Identifier(role)))


def execute_each(conn: Connection, statements: Sequence[str], report: Report) -> Sequence[str]:
    """Run statements that may fail one by one; return those that did, one line each.

    They go in batches, each a transaction of its own: a quarter of a million of them take seconds, and no lock is held
    for all.
    """
    failed: list[str] = []
    for batch in _batches(statements):
        report(Progress(0, 0, "objects"))
        if not _succeeds(conn, ";\n".join(batch)):
            failed += [line for statement in batch if (line := _try(conn, statement))]
    return failed


def apply_privileges(conn: Connection, statements: Sequence[str], report: Report) -> Sequence[str]:
    """Run the GRANTs and REVOKEs of a dump; return those that failed, one line each."""
    failed = execute_each(conn, statements, report)
    conn.execute("RESET ROLE")
    return failed


def _batches(statements: Sequence[str]) -> Iterator[Sequence[str]]:
    """Cut them into batches; what changes the role stands alone, or a batch that fails would leave another."""
    batch: list[str] = []
    for statement in statements:
        alone = statement.startswith(("SET ROLE", "RESET ROLE"))
        if batch and (alone or len(batch) == BATCH):
            yield batch
            batch = []
        if alone:
            yield [statement]
        else:
            batch.append(statement)
    if batch:
        yield batch


def _succeeds(conn: Connection, text: str) -> bool:
    try:
        conn.execute(text.encode())
    except psycopg.Error as error:
        if is_disconnect(error):
            raise
        return False
    return True


def _try(conn: Connection, statement: str) -> str:
    try:
        conn.execute(statement.encode())
    except psycopg.Error as error:
        if is_disconnect(error):
            raise
        return f"{statement[:SHOWN_LENGTH]}: {safe_message(error)}."
    return ""
