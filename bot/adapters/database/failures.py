"""What a server says, made into errors a person can act on.

A server's message may quote a row ("invalid input syntax for type integer: …"), a function's may say anything, a
conninfo names hosts: none of that leaves here. The original stays as the cause.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from bot.adapters.pgclient.redaction import FUNCTION_SPOKE
from bot.errors import BotError, PermanentError, TemporaryError

MESSAGE_LENGTH = 300
CARRIES_VALUES = ("22", "P0")
"""SQLSTATE classes whose primary message quotes values: data exceptions, and what PL/pgSQL raises itself."""
CONSTRAINTS = "23"
SYNTAX_ERROR = "42601"
RAISING = "exec_stmt_raise"
OTHER_LANGUAGES = ("plperl.c", "plpy_elog.c", "pltcl.c")
"""Where the server passes on what a function of another language than PL/pgSQL says."""
WORD = re.compile(r"(?<=[a-z])(?=[A-Z])")

REFUSED_LOGIN = re.compile(
    r"authentication|no pg_hba\.conf entry|does not exist|permission denied|not permitted", re.IGNORECASE
)
RESTRICTED = ("42501", "0LP01")


def server_words(error: psycopg.Error) -> str:
    """The primary message and its SQLSTATE, without detail, query or host; where it may hold a value, its kind."""
    primary = error.diag.message_primary or _last_fatal(str(error))
    sqlstate = error.sqlstate or ""
    if error.diag.source_function == RAISING or error.diag.source_file in OTHER_LANGUAGES:
        primary = FUNCTION_SPOKE
    elif _may_hold_values(error, sqlstate):
        primary = f"{WORD.sub(' ', type(error).__name__).lower()}; the server's log has its words"
    text = " ".join(primary.split())[:MESSAGE_LENGTH]
    return f"{text} ({sqlstate})" if sqlstate else text


def _may_hold_values(error: psycopg.Error, sqlstate: str) -> bool:
    """Whether the server's own sentence may quote a row. Of a constraint it names what is violated, and no more."""
    if sqlstate.startswith(CONSTRAINTS):
        return not (error.diag.constraint_name or error.diag.column_name or error.diag.datatype_name)
    made_by_function = sqlstate == SYNTAX_ERROR and bool(error.diag.internal_query)
    return sqlstate.startswith(CARRIES_VALUES) or made_by_function


def _last_fatal(text: str) -> str:
    """A connection's failure: only what follows FATAL is the server's own, before it libpq names the host."""
    _, found, words = text.rpartition("FATAL:")
    return words.strip() if found else "there is no connection"


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn psycopg's errors into ours.

    Args:
        doing: what was tried, to complete "… failed", e.g. ``Reading the catalogue``.

    Raises:
        TemporaryError: ``database-unreachable``, ``table-locked``.
        PermanentError: ``database-refused``.
    """
    try:
        yield
    except BotError:
        raise
    except psycopg.Error as error:
        raise translate(error, doing) from error


def translate(error: psycopg.Error, doing: str) -> BotError:
    """Make the error for something that failed; see `translated`."""
    words = server_words(error)
    if isinstance(error, psycopg.errors.LockNotAvailable | psycopg.errors.DeadlockDetected):
        return TemporaryError("table-locked", f"{doing} waited for a lock in vain.", "Try again in a moment.")
    if is_disconnect(error):
        return TemporaryError("database-unreachable", f"{doing} failed: {words}.", "Check that the server is up.")
    if isinstance(error, psycopg.errors.QueryCanceled):
        return TemporaryError("database-slow", f"{doing} was cancelled: {words}.", "Try again in a moment.")
    hint = (
        "Grant the bot's role what is missing; docs/operations.md lists its rights."
        if error.sqlstate in RESTRICTED
        else ""
    )
    return PermanentError("database-refused", f"{doing} failed: {words}.", hint)


def is_disconnect(error: psycopg.Error) -> bool:
    """Whether the connection is gone, so that what was under way may or may not have happened."""
    sqlstate = error.sqlstate or ""
    if sqlstate.startswith(("08", "57P")):
        return True
    return isinstance(error, psycopg.OperationalError) and not sqlstate


def connection_refused(error: psycopg.Error) -> BotError:
    """Make the error for a connection that was not given."""
    words = _last_fatal(str(error))
    if REFUSED_LOGIN.search(words):
        return PermanentError(
            "database-unreachable",
            f"The server refuses our login: {words[:MESSAGE_LENGTH]}.",
            "Check the DSN in the environment's secret, and the role's rights.",
        )
    return TemporaryError(
        "database-unreachable", f"The database cannot be reached: {words[:MESSAGE_LENGTH]}.", "Check that it is up."
    )
