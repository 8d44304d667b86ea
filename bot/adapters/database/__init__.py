"""Works on one environment's PostgreSQL database, through psycopg."""

from bot.adapters.database.connections import identify
from bot.adapters.database.database import PostgresDatabase
from bot.adapters.database.server import LoaderLogin, Server, Tracking

__all__ = ["LoaderLogin", "PostgresDatabase", "Server", "Tracking", "identify"]
