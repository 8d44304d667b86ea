"""Runs clients that query the database all the time and reconnect as soon as they are thrown out."""

import threading
import time
from contextlib import closing, suppress
from types import TracebackType
from typing import Self

import psycopg

CLIENTS = 20
BETWEEN_S = 0.01
WARM_UP_S = 0.5
COOL_DOWN_S = 0.5


class Clients:
    """Twenty clients for as long as the block lasts.

    Attributes:
        gaps_s: after the block, the longest time each client was without an answer.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._live, daemon=True) for _ in range(CLIENTS)]
        self.gaps_s: list[float] = []

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        time.sleep(WARM_UP_S)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        time.sleep(COOL_DOWN_S)
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _live(self) -> None:
        answered_at, worst_s = 0.0, 0.0
        while not self._stop.is_set():
            with suppress(psycopg.OperationalError), closing(psycopg.connect(self._dsn, autocommit=True)) as conn:
                while not self._stop.is_set():
                    conn.execute("SELECT count(*) FROM schema_migrations")
                    now = time.monotonic()
                    worst_s = max(worst_s, now - answered_at if answered_at else 0.0)
                    answered_at = now
                    self._stop.wait(BETWEEN_S)
            self._stop.wait(BETWEEN_S)
        self.gaps_s.append(worst_s)
