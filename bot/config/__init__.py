"""Reads the configuration: ``backstop.toml`` for what anyone can read, the environment or files for secrets."""

from bot.config.keys import StoreKeys
from bot.config.reader import load
from bot.config.settings import Access, AnchorPlace, Config

__all__ = ["Access", "AnchorPlace", "Config", "StoreKeys", "load"]
