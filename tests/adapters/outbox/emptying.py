"""Waiting for an outbox."""

import time

from bot.adapters.outbox import PostgresOutbox


def emptied(outbox: PostgresOutbox, timeout_s: float) -> bool:
    """Wait until everything has gone out or cannot; whether it has, in that time."""
    deadline = time.monotonic() + timeout_s
    while any(of.waiting for of in outbox.backlog()):
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.02)
    return True
