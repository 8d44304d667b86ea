"""Works on the databases beside an environment's live one: loads, compares, exchanges, keeps and drops them."""

from bot.adapters.sides.script_tests import PostgresScriptTests
from bot.adapters.sides.sides import PostgresSides

__all__ = ["PostgresScriptTests", "PostgresSides"]
