"""Opens connections to an environment's database, and translates psycopg's errors.

A server's message may quote a row ("invalid input syntax for type integer: …"), a function's may say anything, a
conninfo names hosts: none of that leaves this module. The original error stays as the cause.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, TypeAlias

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import Conninfo

from bot.adapters.named_queries import load
from bot.adapters.pgclient.redaction import FUNCTION_SPOKE
from bot.adapters.pgclient.tools import OUT_OF_LOCKS
from bot.domain.server_messages import find_template
from bot.errors import BotError, PermanentError, TemporaryError

Connection: TypeAlias = psycopg.Connection[tuple[Any, ...]]
QUERIES = load("sql.checks", "sessions.sql")

APPLICATION = "backstop"
CONNECT_TIMEOUT_S = 10
STATEMENT_TIMEOUT_S = 60.0
# An abandoned transaction of ours must not hold its locks for ever.
IDLE_TIMEOUT_S = 300.0

KNOWS_TRANSACTION_TIMEOUT = 170000
# A server that vanished is noticed in 2 min. No sooner: the kernel also cuts off one that does not read on for so
# long, as a busy server may while rows are copied into it.
KEEPALIVES = {
    "keepalives_idle": "15", "keepalives_interval": "5", "keepalives_count": "3", "tcp_user_timeout": "120000",
}  # fmt: skip

LOCKED = (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected)
MESSAGE_LENGTH = 300
# SQLSTATE classes whose primary message names objects and limits only. Any other may quote a row: data exceptions, what
# PL/pgSQL raises itself, what a foreign server said, what an extension made up.
NAMES_ONLY = (
    "08",
    "0A",
    "0L",
    "0P",
    "25",
    "26",
    "28",
    "2B",
    "34",
    "3D",
    "3F",
    "40",
    "42",
    "53",
    "54",
    "55",
    "57",
    "58",
)
INTERNAL = "XX"
CONSTRAINTS = "23"
ACCESS_RULES = "42"
RESTRICTED = ("42501", "0LP01")
# The server's own functions that pass on the message of a function, or of another server.
RAISING = ("exec_stmt_raise", "pgfdw_report_error", "dblink_res_error")
WITHIN_FUNCTION = re.compile(r"^(?:SQL statement \"|SQL function |PL/)", re.MULTILINE)
RAISED_IN = re.compile(r"(?:PL/pgSQL function|PL/\w+ function|SQL function) (?P<name>[\w.\"$]+(?:\([^\n()]*\))?)")
# Source files in which the server passes on the message of a function in a language other than PL/pgSQL.
OTHER_LANGUAGES = ("plperl.c", "plpy_elog.c", "pltcl.c")
WORD = re.compile(r"(?<=[a-z])(?=[A-Z])")
REFUSED_LOGIN = re.compile(
    r"authentication|no pg_hba\.conf entry|does not exist|permission denied|not permitted", re.IGNORECASE
)
IDENTIFY_TIMEOUT_S = 3
Identity = tuple[int, int]


class Connections:
    """Opens sessions with our name and limits. The DSN leaves this class only for the tools' environment.

    Args:
        dsn: URL or conninfo of the environment's database; a direct connection, no transaction pooler.
        maintenance_database: a database of the same server that is never closed.
        lock_timeout_s: how long one of our statements waits for a lock.
    """

    def __init__(self, dsn: str, maintenance_database: str, lock_timeout_s: float) -> None:
        try:
            self._params = conninfo_to_dict(dsn)
        except psycopg.ProgrammingError:  # its text would quote the DSN
            raise PermanentError("bad-dsn", "The database's DSN cannot be read.", "See libpq's URI format.") from None
        self.database = str(self._params.get("dbname") or self._params.get("user") or "")
        self.maintenance_database = maintenance_database
        self.lock_timeout_s = lock_timeout_s

    def log_in_as(self, user: str, password: str | None) -> "Connections":
        """Connect to the same server as another role; `password` None sends none."""
        params: dict[str, Any] = {**self._params, "user": user, "password": password}
        dsn = make_conninfo(**params)  # a parameter that is None is left out
        return Connections(dsn, self.maintenance_database, self.lock_timeout_s)

    @property
    def address(self) -> str:
        """The sha256, hex, of where the DSN leads: no role, no password, and no host for anybody to read."""
        where = [str(self._params.get(key) or "") for key in ("service", "host", "hostaddr", "port")]
        return hashlib.sha256(json.dumps([*where, self.database]).encode()).hexdigest()

    @contextmanager
    def session(self, database: str = "", *, statement_timeout_s: float = STATEMENT_TIMEOUT_S) -> Iterator[Connection]:
        """Open a session in autocommit and close it at the end; `database` "" is the environment's own.

        Raises:
            TemporaryError, PermanentError: ``database-unreachable``.
        """
        conn = self.open(database, statement_timeout_s=statement_timeout_s)
        try:
            yield conn
        finally:
            conn.close()

    @contextmanager
    def maintenance(self, *, statement_timeout_s: float = STATEMENT_TIMEOUT_S) -> Iterator[Connection]:
        """Open a session in the maintenance database; it works while the environment's database is closed."""
        with self.session(self.maintenance_database, statement_timeout_s=statement_timeout_s) as conn:
            yield conn

    def open(self, database: str = "", *, statement_timeout_s: float = STATEMENT_TIMEOUT_S) -> Connection:
        """Open a session that the caller closes. `statement_timeout_s` 0 means no limit."""
        limits = {
            "statement_timeout": statement_timeout_s,
            "lock_timeout": self.lock_timeout_s,
            "idle_in_transaction_session_timeout": IDLE_TIMEOUT_S,
        }
        given = str(self._params.get("options") or "")
        options = " ".join([given, *(f"-c {name}={round(value * 1000)}" for name, value in limits.items())])
        params: dict[str, Any] = {
            **KEEPALIVES,
            "connect_timeout": CONNECT_TIMEOUT_S,
            **self._params,
            "options": options.strip(),
        }
        # UTF-8 whatever the database's own encoding: names and rows are compared across databases.
        params |= {"dbname": database or self.database, "application_name": APPLICATION, "client_encoding": "UTF8"}
        try:
            # No prepared statements: a script may change the types they were planned with.
            conn = psycopg.connect(make_conninfo(**params), autocommit=True, prepare_threshold=None)
            _lift_transaction_timeout(conn)
        except psycopg.OperationalError as error:
            raise _connection_refused(error) from error
        return conn

    def tool_environment(self, database: str = "", application: str = APPLICATION) -> Mapping[str, str]:
        """Write the DSN as environment variables for pg_dump and pg_restore, so that no argument shows it."""
        # libpq itself maps parameters to variables, so that every one it knows is passed on.
        words = " ".join(f"{key}='{_quoted(value)}'" for key, value in self._params.items() if value is not None)
        known = {
            option.envvar.decode(): option.val.decode()
            for option in Conninfo.parse(words.encode())
            if option.val is not None and option.envvar is not None
        }
        return known | {"PGDATABASE": database or self.database, "PGAPPNAME": application, "PGCLIENTENCODING": "UTF8"}


def _lift_transaction_timeout(conn: Connection) -> None:
    """Lift a database's or role's own limit, which would end a dump or a load.

    Not a connection option: an older server refuses a login that names the setting.
    """
    if conn.info.server_version >= KNOWS_TRANSACTION_TIMEOUT:
        conn.execute("SET transaction_timeout = 0")


def _quoted(value: Any) -> str:
    return str(value).replace("\\", "\\\\").replace("'", "\\'")


def identify(dsn: str, maintenance_database: str = "") -> Identity | None:
    """Read the server's start time, in microseconds, and the database's oid; None if there is no answer in time.

    Args:
        dsn: of the database.
        maintenance_database: is queried instead, as the database itself may be closed; "" queries the database.
    """
    # decision 29: not the server's system identifier, which a copy made from its files shares.
    try:
        connections = Connections(make_conninfo(dsn, connect_timeout=IDENTIFY_TIMEOUT_S), maintenance_database, 1.0)
        with connections.session(maintenance_database, statement_timeout_s=IDENTIFY_TIMEOUT_S) as conn:
            row = conn.execute(QUERIES["identity"], {"database": connections.database}).fetchone()
    # An environment that is away must not keep the bot from starting.
    except (BotError, psycopg.Error):
        return None
    return (int(row[0]), int(row[1])) if row else None


@contextmanager
def snapshot(conn: Connection) -> Iterator[None]:
    """Hold one read-only snapshot for everything within. Row-level security must hide nothing: it raises instead."""
    conn.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    try:
        conn.execute("SET LOCAL row_security = off")
        yield
    finally:
        if not conn.closed:
            conn.execute("ROLLBACK")


def roll_back(conn: Connection) -> None:
    """Roll back a transaction that is still open; a connection that is gone has rolled back by itself."""
    with suppress(psycopg.Error):
        conn.execute("ROLLBACK") if conn.info.transaction_status else None


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn psycopg's errors into ours.

    Args:
        doing: completes "… failed", e.g. ``Reading the catalogue``.

    Raises:
        TemporaryError: ``database-unreachable``, ``table-locked``.
        PermanentError: ``database-refused``, ``too-many-locks``.
    """
    try:
        yield
    except BotError:
        raise
    except psycopg.Error as error:
        raise translate(error, doing) from error


def translate(error: psycopg.Error, doing: str) -> BotError:
    """Make the error for something that failed; see `translated`."""
    message = safe_message(error)
    if isinstance(error, LOCKED):
        return TemporaryError("table-locked", f"{doing} waited for a lock in vain.", "Try again in a moment.")
    if is_disconnect(error):
        return TemporaryError("database-unreachable", f"{doing} failed: {message}.", "Check that the server is up.")
    if isinstance(error, psycopg.errors.QueryCanceled):
        return TemporaryError("database-slow", f"{doing} was cancelled: {message}.", "Try again in a moment.")
    if isinstance(error, psycopg.errors.OutOfMemory) and OUT_OF_LOCKS in message:
        return too_many_locks(doing)
    hint = (
        "Grant the bot's role what is missing; docs/operations.md lists its rights."
        if error.sqlstate in RESTRICTED
        else ""
    )
    return PermanentError("database-refused", f"{doing} failed: {message}.", hint)


def too_many_locks(doing: str) -> PermanentError:
    """Make the error for a server that has no room for another lock."""
    return PermanentError(
        "too-many-locks",
        f"{doing} failed: the server has no room for more locks.",
        "Have a superuser raise max_locks_per_transaction and restart the server, or try again when less goes on.",
    )


def safe_message(error: psycopg.Error) -> str:
    """Return the primary message and its SQLSTATE, without detail, query or host.

    Where the message may hold a value, the error's kind stands for it.
    """
    primary = error.diag.message_primary or _last_fatal(str(error))
    sqlstate = error.sqlstate or ""
    if error.diag.source_function in RAISING or error.diag.source_file in OTHER_LANGUAGES:
        primary = f"{FUNCTION_SPOKE}{_raised_in(error)}; the server's log has its words"
    elif _may_hold_values(error, sqlstate):
        primary = f"{WORD.sub(' ', type(error).__name__).lower()}; the server's log has its words"
    text = " ".join(primary.split())[:MESSAGE_LENGTH]
    return f"{text} ({sqlstate})" if sqlstate else text


def _may_hold_values(error: psycopg.Error, sqlstate: str) -> bool:
    """Say if the message may quote a row. For a constraint the server names only what is violated."""
    if sqlstate.startswith(CONSTRAINTS):
        return not (error.diag.constraint_name or error.diag.column_name or error.diag.datatype_name)
    if sqlstate.startswith(INTERNAL):  # also what an extension says without a class of its own
        return not find_template(error.diag.message_primary or "")
    if not sqlstate:
        return False  # libpq's own: see `_last_fatal`
    # In SQL that a function has put together, a row's value may stand in the place of a name.
    within = bool(error.diag.internal_query) or WITHIN_FUNCTION.search(error.diag.context or "") is not None
    made_by_function = sqlstate.startswith(ACCESS_RULES) and within
    return not sqlstate.startswith(NAMES_ONLY) or made_by_function


def _raised_in(error: psycopg.Error) -> str:
    """Name the function that raised it, by the innermost line of its context; "" where that says none."""
    first = (error.diag.context or "").partition("\n")[0]
    found = RAISED_IN.match(first)
    if found is None:
        return ""
    return " in a DO block" if found["name"] == "inline_code_block" else f" in {found['name']}"


def _last_fatal(text: str) -> str:
    """Return a failed connection's message after FATAL; before it, libpq names the host."""
    _, found, message = text.rpartition("FATAL:")
    return message.strip() if found else "there is no connection"


def is_disconnect(error: psycopg.Error) -> bool:
    """Say if the connection is gone, so that the outcome of a running statement is unknown."""
    sqlstate = error.sqlstate or ""
    if sqlstate.startswith(("08", "57P")):
        return True
    return isinstance(error, psycopg.OperationalError) and not sqlstate


def _connection_refused(error: psycopg.Error) -> BotError:
    message = _last_fatal(str(error))[:MESSAGE_LENGTH]
    if REFUSED_LOGIN.search(message):
        return PermanentError(
            "database-unreachable",
            f"The server refuses our login: {message}.",
            "Check the DSN in the environment's secret, and the role's rights.",
        )
    return TemporaryError("database-unreachable", f"The database cannot be reached: {message}.", "Check that it is up.")
