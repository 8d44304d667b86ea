"""Reads the configuration: ``backstop.toml`` for what anyone can read, the environment or files for secrets."""

from bot.config.reader import load
from bot.config.settings import Access, Config

__all__ = ["Access", "Config", "load"]
