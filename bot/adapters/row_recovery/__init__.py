"""Rows of a kept database, written as SQL that somebody can review."""

from bot.adapters.row_recovery.recovery import PostgresRowRecovery

__all__ = ["PostgresRowRecovery"]
