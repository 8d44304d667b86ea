"""Reads the configuration: ``backstop.toml`` for what anyone can read, the environment or files for secrets."""

from bot.config.reader import load
from bot.config.settings import (
    Access,
    ClusterAccess,
    Config,
    DatabaseAccess,
    HttpSettings,
    MigrationSettings,
    SlackSettings,
    StorageAccess,
)

__all__ = [
    "Access",
    "ClusterAccess",
    "Config",
    "DatabaseAccess",
    "HttpSettings",
    "MigrationSettings",
    "SlackSettings",
    "StorageAccess",
    "load",
]
