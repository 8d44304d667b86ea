"""What every part of the journal needs: the pool, the clock, and one-statement transactions."""

from typing import Any

from psycopg.rows import DictRow

from bot.adapters.journal.connections import Pool, connection
from bot.adapters.named_queries import load
from bot.ports import Clock


class Table:
    """A part of the journal.

    Args:
        pool: to the state database; see `open_pool`.
        clock: for the expiry of requests; leases and steps use the server's.
    """

    _queries = load("sql.journal", "queries.sql")

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    def _all(self, query: str, **values: Any) -> list[DictRow]:
        """Run one query in its own transaction; gives its rows."""
        with connection(self._pool) as conn:
            return conn.execute(self._queries[query], values).fetchall()

    def _one(self, query: str, **values: Any) -> DictRow | None:
        """Run one query in its own transaction; gives its first row."""
        with connection(self._pool) as conn:
            return conn.execute(self._queries[query], values).fetchone()

    def _do(self, query: str, **values: Any) -> None:
        """Run one statement in its own transaction."""
        with connection(self._pool) as conn:
            conn.execute(self._queries[query], values)
