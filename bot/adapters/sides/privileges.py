"""Restores the owners and privileges of loaded objects, as a role that is no superuser."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg
from psycopg import sql

from bot.adapters.database.connections import Connection, is_disconnect, safe_message
from bot.adapters.named_queries import load

QUERIES = load("sql.sides", "loading.sql")

STATEMENT = re.compile(r"(?:--[^\n]*\n|\"(?:[^\"]|\"\")*\"|[^\";])+;")
COMMENT = re.compile(r"\"(?:[^\"]|\"\")*\"|(--[^\n]*\n)")
WANTED = re.compile(r"(GRANT|REVOKE|ALTER DEFAULT PRIVILEGES|SET SESSION AUTHORIZATION|RESET SESSION AUTHORIZATION)\b")
BECOME = "SET SESSION AUTHORIZATION "
SHOWN_LENGTH = 160


@contextmanager
def owners_allowed(conn: Connection, database: str, owners: Sequence[str]) -> Iterator[None]:
    """Let future owners create in every schema meanwhile: the server requires it of an object's new owner.

    The real privileges are loaded afterwards.
    """
    if not owners:
        yield
        return
    granted = conn.execute(QUERIES["schemas"], {"roles": list(owners)}).fetchall()
    kept_out = [role for (role,) in conn.execute(QUERIES["kept_out"], {"roles": list(owners)})]
    for role in kept_out:
        statement = sql.SQL("GRANT CREATE ON DATABASE {} TO {}")
        conn.execute(statement.format(sql.Identifier(database), sql.Identifier(role)))
    for schema, role in granted:
        statement = sql.SQL("GRANT ALL ON SCHEMA {} TO {}")
        conn.execute(statement.format(sql.Identifier(schema), sql.Identifier(role)))
    yield
    for schema, role in granted:
        statement = sql.SQL("REVOKE ALL ON SCHEMA {} FROM {}")
        conn.execute(statement.format(sql.Identifier(schema), sql.Identifier(role)))
    for role in kept_out:
        statement = sql.SQL("REVOKE CREATE ON DATABASE {} FROM {}")
        conn.execute(statement.format(sql.Identifier(database), sql.Identifier(role)))


def apply_privileges(conn: Connection, script: str) -> Sequence[str]:
    """Run the GRANTs and REVOKEs of a dump one by one; return those that failed, one line each.

    A dump repeats the grants of another role in that role's session, which only a superuser can open; SET ROLE stands
    for it.
    """
    failed = []
    # A dump qualifies every name; nothing else may be found.
    conn.execute("SET search_path = ''")
    for statement in _statements(script):
        try:
            conn.execute(statement.encode())
        except psycopg.Error as error:
            if is_disconnect(error):
                raise
            failed.append(f"{statement.removesuffix(';')[:SHOWN_LENGTH]}: {safe_message(error)}.")
    conn.execute("RESET ROLE")
    return failed


def _statements(script: str) -> Sequence[str]:
    """Find the statements of pg_restore's script that grant and revoke."""
    found = []
    for match in STATEMENT.finditer(script):
        text = COMMENT.sub(lambda part: "" if part[1] else part[0], match[0]).strip()
        if WANTED.match(text):
            text = f"SET ROLE {text.removeprefix(BECOME)}" if text.startswith(BECOME) else text
            found.append("RESET ROLE;" if text.startswith("RESET ") else text)
    return found
