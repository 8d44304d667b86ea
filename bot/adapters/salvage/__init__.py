"""Rows of a kept database, written as SQL that somebody can review."""

from bot.adapters.salvage.salvager import PostgresSalvager

__all__ = ["PostgresSalvager"]
