"""Databases beside an environment's live one: loaded, compared, exchanged with it, kept, dropped."""

from bot.adapters.sides.sides import PostgresSides
from bot.adapters.sides.trials import PostgresTrials

__all__ = ["PostgresSides", "PostgresTrials"]
