"""Holds the settings the bot runs with: frozen, with every secret wrapped."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from bot.domain.drills import Schedule
from bot.domain.environments import Environment
from bot.domain.versions import Matrix


@dataclass(frozen=True)
class SlackSettings:
    """Access to Slack; `mode` is ``socket`` (needs the app token) or ``http`` (needs the signing secret).

    Votes and commands from teams other than `team_id` do not count. `base_url` ends in "/"; None for Slack's own.
    """

    mode: str
    team_id: str
    bot_token: SecretStr
    app_token: SecretStr | None = None
    signing_secret: SecretStr | None = None
    base_url: str | None = None


@dataclass(frozen=True)
class MigrationSettings:
    """Paths of the migration scripts, and how to read the tracking table.

    The first version column that exists is read. Drills apply the up scripts after a rollback; None: they skip that.
    """

    down_dir: Path
    tracking_table: str = "schema_migrations"
    version_columns: tuple[str, ...] = ("version", "name")
    up_dir: Path | None = None


@dataclass(frozen=True)
class DatabaseAccess:
    """A database's DSN, the database to connect to while it is closed, and the template of shadows."""

    dsn: SecretStr
    maintenance_database: str = "postgres"
    shadow_template: str = "template0"


@dataclass(frozen=True)
class StorageAccess:
    """Keys of a bucket. Both None: boto3's own chain (an instance's or a service account's role)."""

    access_key: SecretStr | None = None
    secret_key: SecretStr | None = None


@dataclass(frozen=True)
class ClusterAccess:
    """Access to an API server: `server` with a token, or a kubeconfig, or else the pod's own service account.

    `token` is the one at the start; `token_file` is its source, to be read again.
    """

    server: str | None = None
    token: SecretStr | None = None
    ca_file: Path | None = None
    kubeconfig: Path | None = None
    context: str | None = None
    token_file: Path | None = None


@dataclass(frozen=True)
class Access:
    """Access to one environment's parts."""

    database: DatabaseAccess
    storage: StorageAccess
    cluster: ClusterAccess


@dataclass(frozen=True)
class HttpSettings:
    """Address of health, metrics and, in http mode, Slack's events."""

    host: str = "127.0.0.1"
    port: int = 8080


@dataclass(frozen=True)
class Config:
    """All settings. Mappings are by environment name and have the same keys, in the file's order.

    Attributes:
        keep_old_database_s: retention: how many seconds a replaced database stays.
        pg_bin: directory of PostgreSQL's client tools; None looks on PATH.
        scratch_dir: directory for dumps before their upload; None for the system's temporary directory.
        warnings: valid but risky settings, one sentence each.
    """

    slack: SlackSettings
    state_dsn: SecretStr
    migrations: MigrationSettings
    matrix: Matrix
    environments: Mapping[str, Environment]
    access: Mapping[str, Access]
    keep_old_database_s: Mapping[str, int]
    drills: tuple[Schedule, ...] = ()
    http: HttpSettings = HttpSettings()
    pg_bin: Path | None = None
    scratch_dir: Path | None = None
    warnings: tuple[str, ...] = ()
