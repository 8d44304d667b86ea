"""Keeps the journal in PostgreSQL, in the schema ``backstop`` of the state database."""

from bot.adapters.journal.audit import verify_chain
from bot.adapters.journal.connections import Pool, open_pool
from bot.adapters.journal.drills import PostgresDrillRepository
from bot.adapters.journal.journal import PostgresJournal
from bot.adapters.journal.schema import migrate

__all__ = ["Pool", "PostgresDrillRepository", "PostgresJournal", "migrate", "open_pool", "verify_chain"]
