"""Declares the keys of ``backstop.toml``: shape, default, rule, and the fix to show for a bad value."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar, cast

from pydantic import Field, ValidationInfo, field_validator

from bot.config import rules
from bot.config.credentials import Keys, NeededSecret, Secret, one_place
from bot.config.rules import within
from bot.domain.environments import Timing

_TIMING = Timing()
_HOUR_S = 3600
T = TypeVar("T")
Some = Annotated[list[T], Field(min_length=1)]


def key(fix: str, default: Any = ...) -> Any:
    """Declare a key by the advice for a bad value, and a default; required without one."""
    return Field(default, description=fix)


class NestedError(ValueError):
    """A bad value below the key whose rule found it; `at` is the rest of its path."""

    def __init__(self, at: tuple[str | int, ...], message: str) -> None:
        super().__init__(message)
        self.at = at


class SlackKeys(Keys):
    """``[slack]``. Votes and commands from teams other than `team_id` do not count.

    `mode` socket needs the app token, `mode` http the signing secret. `base_url` ends in "/"; None for Slack's own.
    `allow_shared_channels` are ids of channels that count although another organisation is in them.
    """

    bot_token, app_token, signing_secret = NeededSecret(), Secret(), Secret()

    mode: Literal["socket", "http"] = key("choose how Slack reaches the bot", "socket")
    team_id: rules.TeamId = key("set the id of your workspace")
    base_url: rules.SlackAddress | None = key("leave it out to reach Slack itself", None)
    allow_shared_channels: list[rules.ChannelId] = key("copy each id from the channel's details", [])
    bot_token_file: rules.SecretFile | None = None
    bot_token_env: Annotated[rules.Variable | None, one_place("BACKSTOP_SLACK_BOT_TOKEN")] = None
    app_token_file: rules.SecretFile | None = None
    app_token_env: Annotated[
        rules.Variable | None, one_place("BACKSTOP_SLACK_APP_TOKEN", lambda data: data.get("mode") == "socket")
    ] = None
    signing_secret_file: rules.SecretFile | None = None
    signing_secret_env: Annotated[
        rules.Variable | None, one_place("BACKSTOP_SLACK_SIGNING_SECRET", lambda data: data.get("mode") == "http")
    ] = None


class StateKeys(Keys):
    """``[state]``."""

    dsn = NeededSecret()

    dsn_file: rules.SecretFile | None = None
    dsn_env: Annotated[rules.Variable | None, one_place()] = None


class SigningKeys(Keys):
    """``[signing]``: a keyring, see `bot.domain.signing.Keyring.parse`. It must be in no bucket and no database."""

    keys = NeededSecret()

    keys_file: rules.SecretFile | None = None
    keys_env: Annotated[rules.Variable | None, one_place("BACKSTOP_SIGNING_KEYS")] = None


class MigrationKeys(Keys):
    """``[migrations]``: paths of the scripts, and how to read the tracking table.

    The first version column that exists is read. Drills apply the up scripts after a rollback; None: they skip that.
    """

    down_dir: rules.Directory = key("name the directory of the down scripts")
    up_dir: rules.Directory | None = key("leave it out, or name the directory of the migrations", None)
    tracking_table: rules.Table = key("name the table your migration tool writes", "schema_migrations")
    version_columns: Some[rules.Column] = key("name the columns a version can be read from", ["version", "name"])


class CompatibilityKeys(Keys):
    """``[[compatibility]]``: a row of the matrix."""

    app: rules.AppPattern = key("write the app versions the row is about")
    min_schema: rules.Schema = key("set the oldest schema they can use")
    max_schema: rules.TopSchema = key("set the newest schema they can use")

    @field_validator("max_schema")
    @classmethod
    def _not_below(cls, top: str, info: ValidationInfo) -> str:
        low = info.data.get("min_schema")
        if low is not None and top != "latest" and int(top) < int(low):
            raise ValueError(f"must not be below min_schema, {low}")
        return top


class DatabaseKeys(Keys):
    """``environments.NAME.database``, the database to connect to while it is closed, and the template of shadows.

    `loader_user` loads bundles: a role of the same server that can do nothing else.
    """

    dsn, loader_password = NeededSecret(), Secret()

    dsn_file: rules.SecretFile | None = None
    dsn_env: Annotated[rules.Variable | None, one_place()] = None
    maintenance_database: rules.Text = key("name a database that always exists", "postgres")
    shadow_template: rules.Text = key("name a database to copy shadows from", "template0")
    loader_user: rules.Text | None = key("name the role that loads backups", None)
    loader_password_file: rules.SecretFile | None = None
    loader_password_env: Annotated[rules.Variable | None, one_place(None, lambda _: False)] = None

    @field_validator("loader_password_env")
    @classmethod
    def _of_somebody(cls, variable: str | None, info: ValidationInfo) -> str | None:
        if (variable or info.data.get("loader_password_file")) and not info.data.get("loader_user"):
            raise ValueError("goes with a role — name it by loader_user")
        return variable


def _is_access_key_named(data: Mapping[str, Any]) -> bool:
    return any(data.get(f"access_key_{place}") for place in ("file", "env"))


class StoreKeys(Keys):
    """Access to a bucket. Without keys: boto3's own chain (an instance's or a service account's role)."""

    access_key, secret_key = Secret(), Secret()

    access_key_file: rules.SecretFile | None = None
    access_key_env: Annotated[rules.Variable | None, one_place(None, lambda _: False)] = None
    secret_key_file: rules.SecretFile | None = None
    secret_key_env: Annotated[rules.Variable | None, one_place(None, _is_access_key_named)] = None

    @field_validator("secret_key_env")
    @classmethod
    def _paired(cls, variable: str | None, info: ValidationInfo) -> str | None:
        if (variable or info.data.get("secret_key_file")) and not _is_access_key_named(info.data):
            raise ValueError("goes with an access key — name its place by access_key_env or access_key_file")
        return variable


class BackupKeys(StoreKeys):
    """``environments.NAME.backups``."""

    bucket: rules.Bucket = key("name the bucket of the backups")
    endpoint_url: rules.WebAddress | None = key("leave it out for AWS", None)
    region: rules.Text = key("set the bucket's region", "us-east-1")


class AuditKeys(StoreKeys):
    """``[audit]``: where the log's anchors are. What is left out is as in the first production environment."""

    anchor_bucket: rules.Bucket | None = key("leave it out, or name a bucket with object lock", None)
    anchor_prefix: rules.KeyPrefix = key("write the beginning of the anchors' keys", "anchors/")
    anchor_lock_days: Annotated[int, within(1, 36_500)] = key("set for how many days anchors are locked", 365)
    endpoint_url: rules.WebAddress | None = key("leave it out for the environment's", None)
    region: rules.Text | None = key("leave it out for the environment's", None)


class ClusterKeys(Keys):
    """``environments.NAME.cluster``: `server` with a token, or a kubeconfig, or else the pod's own service account.

    `token` is the one at the start; `token_file` is its source, to be read again.
    """

    token = Secret()

    namespace: rules.KubernetesName = key("name the app's namespace")
    deployments: Some[rules.KubernetesName] = key("name every Deployment that uses the database")
    services: Some[rules.KubernetesName] = key("name the Services in front of the app")
    version_deployment: str = key("name the Deployment whose image tag is the app version")
    database_pods: rules.LabelSelector = key("write a label selector of the database's pods", "")
    server: rules.ServerAddress | None = key("leave it out inside the cluster", None)
    token_file: rules.SecretFile | None = None
    token_env: Annotated[rules.Variable | None, one_place(None, lambda data: data.get("server") is not None)] = None
    ca_file: rules.SecretFile | None = None
    kubeconfig: rules.SecretFile | None = None
    context: rules.Text | None = key("leave it out for the kubeconfig's current context", None)

    @field_validator("version_deployment")
    @classmethod
    def _listed(cls, name: str, info: ValidationInfo) -> str:
        deployments = info.data.get("deployments", [name])
        if name not in deployments:
            raise ValueError(_choice(deployments))
        return name


class ApprovalKeys(Keys):
    """``environments.NAME.approval``."""

    approvers: Some[rules.Approver] = key("name who can approve")
    quorum: Annotated[int, within(1, 10)] = key("set how many of them must approve", 2)
    expires_after_s: rules.Seconds = key("set how many seconds a request stays open", 1800)
    allow_requester: bool = key("say whether the requester's own vote counts", False)

    @field_validator("quorum")
    @classmethod
    def _reachable(cls, quorum: int, info: ValidationInfo) -> int:
        approvers = set(info.data.get("approvers", ()))
        if approvers and all(item.startswith("user:") for item in approvers) and quorum > len(approvers):
            raise ValueError(f"must not be above the number of approvers, {len(approvers)}")
        return quorum


class HttpCheckKeys(Keys):
    """``environments.NAME.smoke.http``, one entry."""

    deployment: str = key("name the Deployment to ask")
    port: rules.Port = key("set the container's port")
    path: rules.UrlPath = key("write the path to request")
    timeout_s: rules.Deadline = key("set how many seconds an answer may take", 5.0)


class SmokeKeys(Keys):
    """``environments.NAME.smoke``."""

    http: list[HttpCheckKeys] = Field(default_factory=list)
    sql: list[rules.Text] = key("write a query that yields one true value", [])


class TimingKeys(Keys):
    """``environments.NAME.timing``."""

    pods_stop_s: rules.Deadline = key("set how many seconds pods may take to stop", _TIMING.pods_stop_s)
    pods_start_s: rules.Deadline = key("set how many seconds pods may take to start", _TIMING.pods_start_s)
    lock_timeout_s: rules.Deadline = key("set how many seconds to wait for a lock", _TIMING.lock_timeout_s)
    chain_attempts: Annotated[int, within(1, 100)] = key("set how often to try a locked chain", _TIMING.chain_attempts)
    smoke_s: rules.Deadline = key("set how many seconds smoke tests may take to pass", _TIMING.smoke_s)
    stall_s: rules.Deadline = key("set how many seconds a long step may stand still", _TIMING.stall_s)


class TargetKeys(Keys):
    """``environments.NAME.targets``: shown with restores; they stop nothing."""

    restore_s: rules.Seconds | None = key("set how many seconds a restore may take", None)
    data_loss_s: rules.Seconds | None = key("set how many seconds old the newest backup may be", None)


class EnvironmentKeys(Keys):
    """``[environments.NAME]``."""

    incident_channel: rules.ChannelId = key("copy the id from the channel's details")
    production: bool = key("say whether it is production", False)
    database: DatabaseKeys = key("say where its database is")
    backups: BackupKeys = key("say where its backups are")
    cluster: ClusterKeys = key("say where its app runs")
    approval: ApprovalKeys = key("say who must approve")
    smoke: SmokeKeys = SmokeKeys()
    timing: TimingKeys = TimingKeys()
    escalation_contacts: list[rules.Text] = key("say whom to call", [])
    keep_old_database_s: rules.Seconds = key("set how many seconds a replaced database stays", 604_800)
    require_drill_within_s: rules.Seconds | None = key("set how many seconds a drill stays good", None)
    require_drill: Literal["warn", "block"] = key("say what an old drill does", "warn")
    targets: TargetKeys = TargetKeys()

    @field_validator("keep_old_database_s")
    @classmethod
    def _long_enough(cls, keep_s: int, info: ValidationInfo) -> int:
        if info.data.get("production") is True and keep_s < _HOUR_S:
            raise ValueError(f"must not be below {_HOUR_S:,} in production: nothing could be undone or salvaged later")
        return keep_s

    @field_validator("smoke")
    @classmethod
    def _same_app(cls, smoke: SmokeKeys, info: ValidationInfo) -> SmokeKeys:
        cluster = info.data.get("cluster")
        if cluster is None:
            return smoke
        for position, check in enumerate(smoke.http):
            if check.deployment not in cluster.deployments:
                raise NestedError(("http", position, "deployment"), _choice(cluster.deployments))
        return smoke


class DrillKeys(Keys):
    """``[[drills]]``."""

    name: rules.DrillName | None = key("name it, or leave it out for ENVIRONMENT-KIND", None)
    environment: str = key("name an environment that is not production")
    kind: Literal["restore", "migration", "bundle"] = key("say what to practise")
    cron: rules.Cron = key("say when: minute, hour, day of month, month, weekday")
    timezone: rules.TimeZone = key("say whose clock that is", "UTC")
    bundle_of: str | None = key("name the environment whose bundles are loaded", None)
    jitter_s: Annotated[int, within(0, 86_400)] = key("set by how many seconds its start may vary", 0)
    blackout: list[rules.Days] = key("list the days on which none starts", [])
    announce_before_s: Annotated[int, within(0, 2_592_000)] = key("set how many seconds ahead to say so", 0)
    start_within_s: Annotated[int, within(1, 604_800)] = key("set how many seconds late it may start", 3600)
    overdue_after_s: rules.Seconds | None = key("set how many seconds the last pass may be old", None)

    @property
    def full_name(self) -> str:
        """The drill's name, configured or derived."""
        return self.name or f"{self.environment}-{self.kind}"


class HttpKeys(Keys):
    """``[http]``: the address of health, metrics and, in http mode, Slack's events."""

    host: rules.Text = key("set the address to listen on", "127.0.0.1")
    port: rules.Port = key("set the port to listen on", 8080)


class ToolKeys(Keys):
    """``[tools]``."""

    pg_bin: rules.ToolDirectory | None = key("name the directory of pg_dump, or leave it out to use PATH", None)
    scratch_dir: rules.Directory | None = key("name a directory with room for a dump", None)


class FileKeys(Keys):
    """The whole file."""

    slack: SlackKeys = key("say which workspace the bot serves")
    state: StateKeys = key("say where runs are remembered")
    # An empty table: it is validated like any other, and its variable has a default.
    signing: SigningKeys = Field(default_factory=lambda: cast("SigningKeys", {}))
    audit: AuditKeys = AuditKeys()
    migrations: MigrationKeys = key("say where the down scripts are")
    compatibility: Some[CompatibilityKeys] = key("write the version matrix, one row an app version")
    environments: Annotated[dict[rules.EnvironmentName, EnvironmentKeys], Field(min_length=1)] = key(
        "describe at least one environment"
    )
    drills: list[DrillKeys] = Field(default_factory=list)
    http: HttpKeys = HttpKeys()
    tools: ToolKeys = ToolKeys()


def _choice(deployments: list[str]) -> str:
    return f"must be one of cluster.deployments ({', '.join(deployments)})"
