"""Holds the database session of a running api pod, and reconnects when it is cut."""

import select
import socket
import threading
from contextlib import closing
from typing import Any

import psycopg

APPLICATION_NAME = "physioflow-api"
_BACKOFF_S = (0.05, 1.0)
_CONNECT_TIMEOUT_S = 2


def connect(dsn: str) -> psycopg.Connection[Any]:
    """Connect as the app does.

    Raises:
        psycopg.OperationalError: not reachable, or refused.
    """
    return psycopg.connect(
        dsn,
        autocommit=True,
        application_name=APPLICATION_NAME,
        connect_timeout=_CONNECT_TIMEOUT_S,
        options="-c statement_timeout=3000",
    )


class HeldSession:
    """One open session in a thread of its own: reconnects with a growing pause until `close`."""

    def __init__(self, dsn: str, name: str) -> None:
        self._dsn = dsn
        self._stopping = threading.Event()
        self._woken, self._waker = socket.socketpair()
        self._thread = threading.Thread(target=self._loop, name=f"session-{name}")
        self._thread.start()

    def close(self) -> None:
        """End the session; returns when it is closed."""
        self._stopping.set()
        self._waker.send(b"x")
        self._thread.join()
        self._woken.close()
        self._waker.close()

    def _loop(self) -> None:
        pause_s = _BACKOFF_S[0]
        while not self._stopping.wait(pause_s):
            try:
                with closing(connect(self._dsn)) as conn:
                    pause_s = _BACKOFF_S[0]
                    self._hold(conn)
            except psycopg.Error:
                pause_s = min(pause_s * 2, _BACKOFF_S[1])

    def _hold(self, conn: psycopg.Connection[Any]) -> None:
        """Wait until somebody ends it: an idle session only becomes readable when the server hangs up."""
        conn.execute("SELECT 1")
        select.select([conn.fileno(), self._woken.fileno()], [], [])
