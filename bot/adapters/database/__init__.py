"""One environment's PostgreSQL database, through psycopg."""

from bot.adapters.database.connections import identify
from bot.adapters.database.database import PostgresDatabase
from bot.adapters.database.tracking import Tracking

__all__ = ["PostgresDatabase", "Tracking", "identify"]
