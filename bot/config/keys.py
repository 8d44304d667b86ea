"""The keys of ``backstop.toml``: shape, defaults, rules.

A key's description says what to do about a bad value; it is shown with the complaint.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from bot.config import rules
from bot.config.credentials import one_place
from bot.config.drill_keys import DrillKeys, TargetKeys
from bot.config.rules import within
from bot.config.table import Keys
from bot.domain.environments import Timing

_TIMING = Timing()
_HOUR_S = 3600


def _directory(text: str) -> str:
    if not Path(text).is_dir():
        raise ValueError("must be an existing directory")
    return text


def _tool_directory(text: str) -> str:
    if not (Path(text) / "pg_dump").is_file():
        raise ValueError("must be a directory with pg_dump in it")
    return text


Directory = Annotated[str, AfterValidator(_directory)]


ToolDirectory = Annotated[str, AfterValidator(_tool_directory)]


class NestedError(ValueError):
    """A bad value further down than the key whose rule found it; `at` is the rest of its path."""

    def __init__(self, at: tuple[str | int, ...], message: str) -> None:
        super().__init__(message)
        self.at = at


class SlackKeys(Keys):
    """``[slack]``."""

    mode: Literal["socket", "http"] = Field(default="socket", description="choose how Slack reaches the bot")
    team_id: rules.TeamId = Field(description="set the id of your workspace")
    base_url: rules.WebAddress | None = Field(default=None, description="leave it out to reach Slack itself")
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

    dsn_file: rules.SecretFile | None = None
    dsn_env: Annotated[rules.Variable | None, one_place()] = None


class MigrationKeys(Keys):
    """``[migrations]``."""

    down_dir: Directory = Field(description="name the directory of the down scripts")
    up_dir: Directory | None = Field(default=None, description="leave it out, or name the directory of the migrations")
    tracking_table: rules.Table = Field(
        default="schema_migrations", description="name the table your migration tool writes"
    )
    version_columns: Annotated[list[rules.Column], Field(min_length=1)] = Field(
        default=["version", "name"], description="name the columns a version can be read from"
    )


class CompatibilityKeys(Keys):
    """``[[compatibility]]``: a row of the matrix."""

    app: rules.AppPattern = Field(description="write the app versions the row is about")
    min_schema: rules.Schema = Field(description="set the oldest schema they can use")
    max_schema: rules.TopSchema = Field(description="set the newest schema they can use")

    @field_validator("max_schema")
    @classmethod
    def _not_below(cls, top: str, info: ValidationInfo) -> str:
        low = info.data.get("min_schema")
        if low is not None and top != "latest" and int(top) < int(low):
            raise ValueError(f"must not be below min_schema, {low}")
        return top


class DatabaseKeys(Keys):
    """``environments.NAME.database``."""

    dsn_file: rules.SecretFile | None = None
    dsn_env: Annotated[rules.Variable | None, one_place()] = None
    maintenance_database: rules.Text = Field(default="postgres", description="name a database that always exists")
    shadow_template: rules.Text = Field(default="template0", description="name a database to copy shadows from")


def _is_access_key_named(data: Mapping[str, Any]) -> bool:
    return any(data.get(f"access_key_{place}") for place in ("file", "env"))


class BackupKeys(Keys):
    """``environments.NAME.backups``."""

    bucket: rules.Bucket = Field(description="name the bucket of the backups")
    endpoint_url: rules.WebAddress | None = Field(default=None, description="leave it out for AWS")
    region: rules.Text = Field(default="us-east-1", description="set the bucket's region")
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


class ClusterKeys(Keys):
    """``environments.NAME.cluster``."""

    namespace: rules.KubernetesName = Field(description="name the app's namespace")
    deployments: Annotated[list[rules.KubernetesName], Field(min_length=1)] = Field(
        description="name every Deployment that uses the database"
    )
    services: Annotated[list[rules.KubernetesName], Field(min_length=1)] = Field(
        description="name the Services in front of the app"
    )
    version_deployment: str = Field(description="name the Deployment whose image tag is the app version")
    database_pods: rules.LabelSelector = Field(default="", description="write a label selector of the database's pods")
    server: rules.WebAddress | None = Field(default=None, description="leave it out inside the cluster")
    token_file: rules.SecretFile | None = None
    token_env: Annotated[rules.Variable | None, one_place(None, lambda data: data.get("server") is not None)] = None
    ca_file: rules.SecretFile | None = None
    kubeconfig: rules.SecretFile | None = None
    context: rules.Text | None = Field(default=None, description="leave it out for the kubeconfig's current context")

    @field_validator("version_deployment")
    @classmethod
    def _listed(cls, name: str, info: ValidationInfo) -> str:
        deployments = info.data.get("deployments", [name])
        if name not in deployments:
            raise ValueError(_choice(deployments))
        return name


class ApprovalKeys(Keys):
    """``environments.NAME.approval``."""

    approvers: Annotated[list[rules.Approver], Field(min_length=1)] = Field(description="name who may consent")
    quorum: Annotated[int, within(1, 10)] = Field(default=2, description="set how many of them must consent")
    expires_after_s: rules.Seconds = Field(default=1800, description="set how many seconds a request stays open")
    allow_requester: bool = Field(default=False, description="say whether the requester's own vote counts")

    @field_validator("quorum")
    @classmethod
    def _reachable(cls, quorum: int, info: ValidationInfo) -> int:
        approvers = set(info.data.get("approvers", ()))
        if approvers and all(item.startswith("user:") for item in approvers) and quorum > len(approvers):
            raise ValueError(f"must not be above the number of approvers, {len(approvers)}")
        return quorum


class HttpCheckKeys(Keys):
    """``environments.NAME.smoke.http``, one entry."""

    deployment: str = Field(description="name the Deployment to ask")
    port: rules.Port = Field(description="set the container's port")
    path: rules.UrlPath = Field(description="write the path to ask for")
    timeout_s: rules.Deadline = Field(default=5.0, description="set how many seconds an answer may take")


class SmokeKeys(Keys):
    """``environments.NAME.smoke``."""

    http: list[HttpCheckKeys] = Field(default=[])
    sql: list[rules.Text] = Field(default=[], description="write a query that yields one true value")


class TimingKeys(Keys):
    """``environments.NAME.timing``."""

    pods_stop_s: rules.Deadline = Field(
        default=_TIMING.pods_stop_s, description="set how many seconds pods may take to stop"
    )
    pods_start_s: rules.Deadline = Field(
        default=_TIMING.pods_start_s, description="set how many seconds pods may take to start"
    )
    lock_timeout_s: rules.Deadline = Field(
        default=_TIMING.lock_timeout_s, description="set how many seconds to wait for a lock"
    )
    chain_attempts: Annotated[int, within(1, 100)] = Field(
        default=_TIMING.chain_attempts, description="set how often to try a locked chain"
    )
    smoke_s: rules.Deadline = Field(
        default=_TIMING.smoke_s, description="set how many seconds smoke tests may take to pass"
    )
    stall_s: rules.Deadline = Field(
        default=_TIMING.stall_s, description="set how many seconds a long step may stand still"
    )


class EnvironmentKeys(Keys):
    """``[environments.NAME]``."""

    incident_channel: rules.ChannelId = Field(description="copy the id from the channel's details")
    production: bool = Field(default=False, description="say whether it is production")
    database: DatabaseKeys = Field(description="say where its database is")
    backups: BackupKeys = Field(description="say where its backups are")
    cluster: ClusterKeys = Field(description="say where its app runs")
    approval: ApprovalKeys = Field(description="say who must consent")
    smoke: SmokeKeys = SmokeKeys()
    timing: TimingKeys = TimingKeys()
    escalation_contacts: list[rules.Text] = Field(default=[], description="say whom to call")
    keep_old_database_s: rules.Seconds = Field(
        default=604_800, description="set how many seconds a replaced database stays"
    )
    require_drill_within_s: rules.Seconds | None = Field(
        default=None, description="set how many seconds a drill stays good"
    )
    require_drill: Literal["warn", "block"] = Field(default="warn", description="say what an old drill does")
    targets: TargetKeys = TargetKeys()

    @field_validator("keep_old_database_s")
    @classmethod
    def _long_enough(cls, keep_s: int, info: ValidationInfo) -> int:
        if info.data.get("production") is True and keep_s < _HOUR_S:
            raise ValueError(f"must not be below {_HOUR_S:,} in production: nothing could be undone or salvaged later")
        return keep_s

    @field_validator("smoke")
    @classmethod
    def _of_this_app(cls, smoke: SmokeKeys, info: ValidationInfo) -> SmokeKeys:
        cluster = info.data.get("cluster")
        if cluster is None:
            return smoke
        for position, check in enumerate(smoke.http):
            if check.deployment not in cluster.deployments:
                raise NestedError(("http", position, "deployment"), _choice(cluster.deployments))
        return smoke


class HttpKeys(Keys):
    """``[http]``."""

    host: rules.Text = Field(default="127.0.0.1", description="set the address to listen on")
    port: rules.Port = Field(default=8080, description="set the port to listen on")


class ToolKeys(Keys):
    """``[tools]``."""

    pg_bin: ToolDirectory | None = Field(
        default=None, description="name the directory of pg_dump, or leave it out to use PATH"
    )
    scratch_dir: Directory | None = Field(default=None, description="name a directory with room for a dump")


class FileKeys(Keys):
    """The whole file."""

    slack: SlackKeys = Field(description="say which workspace the bot serves")
    state: StateKeys = Field(description="say where runs are remembered")
    migrations: MigrationKeys = Field(description="say where the down scripts are")
    compatibility: Annotated[list[CompatibilityKeys], Field(min_length=1)] = Field(
        description="write the version matrix, one row an app version"
    )
    environments: Annotated[dict[rules.EnvironmentName, EnvironmentKeys], Field(min_length=1)] = Field(
        description="describe at least one environment"
    )
    drills: list[DrillKeys] = Field(default=[])
    http: HttpKeys = HttpKeys()
    tools: ToolKeys = ToolKeys()


def _choice(deployments: list[str]) -> str:
    return f"must be one of cluster.deployments ({', '.join(deployments)})"
