"""Reads a dump's statements before any of them runs, and refuses what pg_dump does not write for one database."""

from bot.adapters.dump_statements.archive import ArchiveCheck
from bot.adapters.dump_statements.refusal import KnownObjects
from bot.adapters.dump_statements.script import check_plain

__all__ = ["ArchiveCheck", "KnownObjects", "check_plain"]
