"""Down scripts made up for a test."""

from bot.domain.migrations import DownScript, Effect, Statement


def script(version: int, *statements: str, name: str = "") -> DownScript:
    """A down script of these statements, one a line."""
    parsed = tuple(Statement(sql, line, Effect.DROPS) for line, sql in enumerate(statements, 1))
    return DownScript(version, name or f"{version:03d}_made_up", "", "", (), (), parsed, "")
