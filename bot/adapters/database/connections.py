"""Connections to one environment's database, and to the server's maintenance database."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import Conninfo

from bot.adapters.database.failures import connection_refused
from bot.adapters.named_queries import load
from bot.errors import BotError, PermanentError

Connection: TypeAlias = psycopg.Connection[tuple[Any, ...]]

APPLICATION = "backstop"
CONNECT_TIMEOUT_S = 10
STATEMENT_TIMEOUT_S = 60.0
IDLE_TIMEOUT_S = 300.0
"""An abandoned transaction of ours must not hold its locks for ever."""

KNOWS_TRANSACTION_TIMEOUT = 170000
KEEPALIVES = {
    "keepalives_idle": "15", "keepalives_interval": "5", "keepalives_count": "3", "tcp_user_timeout": "120000",
}  # fmt: skip
"""A server that vanished is noticed in 2 min. No sooner: the kernel also cuts off one that does not read on for so
long, as a busy server may while rows are copied into it."""


class Connections:
    """Opens sessions with our name and limits. The DSN never leaves this class but for the tools' environment.

    Args:
        dsn: URL or conninfo to the environment's database; a direct connection, no transaction pooler.
        maintenance_database: a database of the same server that is never fenced.
        lock_timeout_s: how long a statement of ours waits for a lock.
    """

    def __init__(self, dsn: str, maintenance_database: str, lock_timeout_s: float) -> None:
        try:
            self._params = conninfo_to_dict(dsn)
        except psycopg.ProgrammingError:  # its text would quote the DSN
            raise PermanentError("bad-dsn", "The database's DSN cannot be read.", "See libpq's URI format.") from None
        self.database = str(self._params.get("dbname") or self._params.get("user") or "")
        self.maintenance_database = maintenance_database
        self.lock_timeout_s = lock_timeout_s

    @contextmanager
    def session(self, database: str = "", *, statement_timeout_s: float = STATEMENT_TIMEOUT_S) -> Iterator[Connection]:
        """A session in autocommit, closed at the end; `database` "" is the environment's own.

        Raises:
            TemporaryError, PermanentError: ``database-unreachable``.
        """
        conn = self.open(database, statement_timeout_s=statement_timeout_s)
        try:
            yield conn
        finally:
            conn.close()

    @contextmanager
    def maintenance(self) -> Iterator[Connection]:
        """A session in the maintenance database: it works while the environment's database is closed."""
        with self.session(self.maintenance_database) as conn:
            yield conn

    def open(self, database: str = "", *, statement_timeout_s: float = STATEMENT_TIMEOUT_S) -> Connection:
        """Open a session the caller closes. `statement_timeout_s` 0 means no limit."""
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
        params |= {"dbname": database or self.database, "application_name": APPLICATION, "client_encoding": "UTF8"}
        try:
            conn = psycopg.connect(make_conninfo(**params), autocommit=True, prepare_threshold=None)
            _lift_transaction_timeout(conn)
        except psycopg.OperationalError as error:
            raise connection_refused(error) from error
        return conn

    def tool_environment(self, database: str = "", application: str = APPLICATION) -> Mapping[str, str]:
        """The DSN as environment variables for pg_dump and pg_restore, so that no argument shows it."""
        words = " ".join(f"{key}='{_quoted(value)}'" for key, value in self._params.items() if value is not None)
        options = Conninfo.parse(words.encode())
        known = {
            option.envvar.decode(): option.val.decode()
            for option in options
            if option.val is not None and option.envvar is not None
        }
        return known | {"PGDATABASE": database or self.database, "PGAPPNAME": application, "PGCLIENTENCODING": "UTF8"}


def _lift_transaction_timeout(conn: Connection) -> None:
    """A database's or a role's own would end a dump or a load. An older server refuses a login that names it."""
    if conn.info.server_version >= KNOWS_TRANSACTION_TIMEOUT:
        conn.execute("SET transaction_timeout = 0")


def _quoted(value: Any) -> str:
    return str(value).replace("\\", "\\\\").replace("'", "\\'")


QUERIES = load("sql.checks", "sessions.sql")
IDENTIFY_TIMEOUT_S = 3
Identity = tuple[int, int]


def identify(dsn: str, maintenance_database: str = "") -> Identity | None:
    """Give when the server was started, in microseconds, and the database's oid; None where nobody answers soon.

    Not the server's system identifier: a copy made from its files has the same, and is another server.

    Args:
        dsn: of the database.
        maintenance_database: where to ask instead, for the database itself may be closed; "" asks in it.
    """
    try:
        connections = Connections(make_conninfo(dsn, connect_timeout=IDENTIFY_TIMEOUT_S), maintenance_database, 1.0)
        with connections.session(maintenance_database, statement_timeout_s=IDENTIFY_TIMEOUT_S) as conn:
            row = conn.execute(QUERIES["identity"], {"database": connections.database}).fetchone()
    except (BotError, psycopg.Error):
        return None
    return (int(row[0]), int(row[1])) if row else None
