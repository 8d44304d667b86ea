"""Messages on their way to chat: kept in the state database, sent by one writer a channel."""

from bot.adapters.outbox.rate_limits import Pace
from bot.adapters.outbox.store import PostgresOutbox
from bot.adapters.outbox.writer import Writer

__all__ = ["Pace", "PostgresOutbox", "Writer"]
