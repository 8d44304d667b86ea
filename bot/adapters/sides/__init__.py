"""Databases beside an environment's live one: loaded, compared, exchanged with it, kept, dropped."""

from bot.adapters.sides.script_tests import PostgresScriptTests
from bot.adapters.sides.sides import PostgresSides

__all__ = ["PostgresScriptTests", "PostgresSides"]
