"""Holds the settings the bot runs with: frozen, with every secret wrapped."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from bot.config.keys import BackupKeys, ClusterKeys, DatabaseKeys, HttpKeys, MigrationKeys, SlackKeys, StoreKeys
from bot.domain.drills import Schedule
from bot.domain.environments import BackupTarget, Environment
from bot.domain.signing import Keyring
from bot.domain.versions import Matrix


@dataclass(frozen=True)
class Access:
    """Access to one environment's parts."""

    database: DatabaseKeys
    storage: BackupKeys
    cluster: ClusterKeys


@dataclass(frozen=True)
class AnchorPlace:
    """The place of the audit log's anchors.

    Attributes:
        target: the bucket.
        prefix: of the anchors' keys; ends in "/".
        lock_days: for how many days each is locked where the bucket has object lock.
        access: whose access keys reach it.
    """

    target: BackupTarget
    prefix: str
    lock_days: int
    access: StoreKeys


@dataclass(frozen=True)
class Config:
    """All settings. Mappings are by environment name and have the same keys, in the file's order.

    Attributes:
        keep_old_database_s: retention: how many seconds a replaced database stays.
        pg_bin: directory of PostgreSQL's client tools; None looks on PATH.
        scratch_dir: directory for dumps before their upload; None for the system's temporary directory.
        warnings: valid but risky settings, one sentence each.
    """

    slack: SlackKeys
    state_dsn: SecretStr
    keyring: Keyring
    anchors: AnchorPlace
    migrations: MigrationKeys
    matrix: Matrix
    environments: Mapping[str, Environment]
    access: Mapping[str, Access]
    keep_old_database_s: Mapping[str, int]
    http: HttpKeys
    drills: tuple[Schedule, ...] = ()
    pg_bin: Path | None = None
    scratch_dir: Path | None = None
    warnings: tuple[str, ...] = ()
