"""Lends connections to the state database, and translates its errors."""

import select
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import DictRow, dict_row
from psycopg_pool import ConnectionPool

from bot.adapters.named_queries import load
from bot.errors import PermanentError, TemporaryError
from bot.ports import Clock

Pool = ConnectionPool[psycopg.Connection[Any]]

CONNECT_TIMEOUT_S = 5
VANISHED = {"keepalives_idle": "2", "keepalives_interval": "1", "keepalives_count": "4", "tcp_user_timeout": "6000"}
"""A server that vanished without a word is noticed in 6 s, not in the kernel's quarter of an hour: a heart that beats
every 3 s then knows within the lease's 12 s that it cannot renew it. The DSN's own values count more."""

RECONNECT_TIMEOUT_S = 5.0
"""The pool doubles its pauses between attempts to connect until this is over, then begins again."""

CHECKOUT_TIMEOUT_S = 2.5
"""Slack wants its ack within 3 s: better a clear error before that than a connection after it."""


class StatePool(ConnectionPool[psycopg.Connection[Any]]):
    """A pool whose connections that died with their server are replaced unseen, all of them at once.

    The pool's own `check` costs a round trip each time and sleeps a second or more for every dead connection.
    """

    def getconn(self, timeout: float | None = None) -> psycopg.Connection[Any]:
        """Take a living connection; see `psycopg_pool.ConnectionPool.getconn`."""
        while True:
            taken = super().getconn(timeout)
            if _is_alive(taken):
                return taken
            taken.close()
            self.putconn(taken)


def _is_alive(taken: psycopg.Connection[Any]) -> bool:
    """An idle connection has nothing to read, unless its server said goodbye: only then ask it."""
    poll = select.poll()
    poll.register(taken.fileno(), select.POLLIN)
    if not poll.poll(0):
        return True
    try:
        ConnectionPool.check_connection(taken)
    except psycopg.Error:
        return False
    return True


def complete_dsn(dsn: str) -> str:
    """Add to a DSN what it does not say of servers that vanish.

    Raises:
        PermanentError: ``bad-dsn``.
    """
    try:
        params: dict[str, Any] = {**VANISHED, **conninfo_to_dict(dsn)}
    except psycopg.ProgrammingError:  # its text would quote the DSN
        raise PermanentError("bad-dsn", "The state DSN cannot be read.", "See libpq's URI format.") from None
    return make_conninfo(**params)


def open_pool(dsn: str, *, max_size: int = 10) -> Pool:
    """Open a pool to the state database; `max_size` counts connections.

    It opens in the background, so that the bot can start, and say so, while the database is down.
    """
    return StatePool(
        complete_dsn(dsn),
        min_size=min(2, max_size),
        max_size=max_size,
        timeout=CHECKOUT_TIMEOUT_S,
        reconnect_timeout=RECONNECT_TIMEOUT_S,
        kwargs={"application_name": "backstop", "connect_timeout": CONNECT_TIMEOUT_S},
        name="state",
        open=True,
    )


@contextmanager
def connection(pool: Pool) -> Iterator[psycopg.Connection[DictRow]]:
    """Borrow a connection in one transaction: committed at the end, rolled back by an exception.

    Rows are dictionaries and times are UTC.

    Raises:
        TemporaryError: ``journal-unreachable``.
        PermanentError: ``journal-refused``.
    """
    with translated(), pool.connection() as borrowed:
        borrowed.row_factory = dict_row
        if borrowed.info.parameter_status("TimeZone") != "UTC":
            borrowed.execute("SET TIME ZONE 'UTC'")
            borrowed.commit()
        yield borrowed


@contextmanager
def translated() -> Iterator[None]:
    """Say psycopg's errors in our words: never its own, which may hold an address or what somebody typed."""
    try:
        yield
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        raise TemporaryError(
            "journal-unreachable",
            "The bot's own state database did not answer.",
            "It is tried again; if this lasts, look at the database that the bot's state DSN names.",
        ) from error
    except psycopg.Error as error:
        raise PermanentError(
            "journal-refused",
            f"The bot's own state database refused an entry (SQLSTATE {error.sqlstate or 'unknown'}).",
            "Its log says why.",
        ) from error


class Table:
    """Runs the queries of one topic of the journal, each in its own transaction.

    Args:
        pool: to the state database; see `open_pool`.
        clock: for drills; the expiry of requests, leases and steps use the server's.
    """

    _queries = load("sql.journal", "queries.sql")

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    def _all(self, query: str, **values: Any) -> list[DictRow]:
        """Run one query in its own transaction; returns its rows."""
        with connection(self._pool) as conn:
            return conn.execute(self._queries[query], values).fetchall()

    def _one(self, query: str, **values: Any) -> DictRow | None:
        """Run one query in its own transaction; returns its first row."""
        with connection(self._pool) as conn:
            return conn.execute(self._queries[query], values).fetchone()

    def _do(self, query: str, **values: Any) -> None:
        """Run one statement in its own transaction."""
        with connection(self._pool) as conn:
            conn.execute(self._queries[query], values)
