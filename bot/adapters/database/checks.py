"""Read-only checks: a SELECT, or a bare expression, that gives one true value."""

import re
from collections.abc import Sequence

import psycopg

from bot.adapters.database.connections import Connection
from bot.adapters.database.failures import is_disconnect, server_words
from bot.domain.catalogue import CheckResult

IS_QUERY = re.compile(r"\s*(SELECT|WITH|VALUES|TABLE)\b", re.IGNORECASE)


def run_checks(conn: Connection, queries: Sequence[str]) -> list[CheckResult]:
    """Run each in a READ ONLY transaction of its own that is rolled back.

    Raises:
        psycopg.Error: the connection is gone.
    """
    return [_run_check(conn, query) for query in queries]


def run_checks_within(conn: Connection, queries: Sequence[str]) -> list[CheckResult]:
    """Run each in the transaction under way, which sees its own changes; what a check itself may do is rolled back.

    Raises:
        psycopg.Error: the connection is gone.
    """
    return [_run_check(conn, query, "SAVEPOINT before_check", "ROLLBACK TO before_check") for query in queries]


def _run_check(conn: Connection, query: str, begin: str = "BEGIN READ ONLY", end: str = "ROLLBACK") -> CheckResult:
    text = query.strip().removesuffix(";")
    conn.execute(begin.encode())
    try:
        # The binary format makes it the extended protocol, which takes one statement: no COMMIT can hide behind it.
        cursor = conn.cursor(binary=True)
        cursor.execute((text if IS_QUERY.match(text) else f"SELECT ({text})").encode())
        rows = cursor.fetchmany(2) if cursor.description else []
    except psycopg.Error as error:
        if is_disconnect(error):
            raise
        return CheckResult(query, ok=False, problem=server_words(error))
    finally:
        if not conn.closed:
            conn.execute(end.encode())
    if len(rows) != 1 or len(rows[0]) != 1:
        return CheckResult(query, ok=False, problem="it does not give exactly one value")
    return CheckResult(query, ok=rows[0][0] is True, problem="" if rows[0][0] is True else "it is not true")
