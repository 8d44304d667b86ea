"""Keeps messages to chat in the state database, and sends them by one writer per channel."""

from bot.adapters.outbox.rate_limits import Pace
from bot.adapters.outbox.store import PostgresOutbox
from bot.adapters.outbox.writer import Writer

__all__ = ["Pace", "PostgresOutbox", "Writer"]
