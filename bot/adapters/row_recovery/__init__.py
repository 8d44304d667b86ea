"""Recovers rows from a kept database, as SQL that somebody can review."""

from bot.adapters.row_recovery.recovery import PostgresRowRecovery

__all__ = ["PostgresRowRecovery"]
