"""Writes the bot's configuration for the sandbox as an operator would: a file, and secrets in the environment."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bot.sandbox.physioflow import Sample
from bot.sandbox.physioflow.sample import loader_name
from bot.sandbox.physioflow.schema import UP_DIR

CHANNELS = {"dev": "C0DEV", "staging": "C0STAGING", "prod": "C0INCIDENT"}
ANCHOR_BUCKET = "backstop-anchors"
SHARED = ["C0INCIDENT"]
"""A stranger is in production's incident channel: that their votes do not count must be seen there."""
QUORUM = {"dev": 1, "staging": 1, "prod": 2}

MATRIX = (
    ("v1.3.x", "027", "latest"),
    ("v1.2.x", "020", "026"),
    ("v1.1.x", "015", "019"),
    ("v1.0.x", "001", "014"),
)

DRILLS: tuple[Mapping[str, str | int | list[str]], ...] = (
    {"environment": "staging", "kind": "restore", "cron": "0 3 29 2 *", "overdue_after_s": 31_536_000},
)
"""Due in leap years only: in the sandbox drills run when somebody wants one."""


@dataclass(frozen=True)
class Tuning:
    """Settings a scenario can change; times in seconds.

    Attributes:
        down_dir: where the down scripts are.
        matrix: (app, min_schema, max_schema) rows.
        expires_after_s: how long a request stays open.
        drills: schedules, each with the keys of ``[[drills]]``.
    """

    down_dir: Path
    matrix: Iterable[tuple[str, str, str]] = MATRIX
    expires_after_s: int = 1800
    timing: Mapping[str, float] = field(
        default_factory=lambda: {"pods_stop_s": 4, "pods_start_s": 6, "lock_timeout_s": 1, "smoke_s": 3}
    )
    chain_attempts: int = 3
    drills: Iterable[Mapping[str, str | int | list[str]]] = DRILLS
    demands_drills: bool = False


@dataclass(frozen=True)
class Places:
    """Addresses and directories of the sandbox's servers."""

    slack_api: str
    cluster: str
    s3: str
    http_port: int
    scratch_dir: Path
    pg_bin: Path


def write(places: Places, tuning: Tuning) -> str:
    """Write ``backstop.toml``."""
    parts = [
        _slack(places),
        '[state]\ndsn_env = "BACKSTOP_STATE_DSN"\n',
        f'[audit]\nanchor_bucket = "{ANCHOR_BUCKET}"\nanchor_lock_days = 1\n',
        f'[migrations]\ndown_dir = "{tuning.down_dir}"\nup_dir = "{UP_DIR}"\n',
        f'[http]\nhost = "127.0.0.1"\nport = {places.http_port}\n',
        f'[tools]\npg_bin = "{places.pg_bin}"\nscratch_dir = "{places.scratch_dir}"\n',
        *(_row(*row) for row in tuning.matrix),
        *(_environment(name, places, tuning) for name in CHANNELS),
        *(_drill(keys) for keys in tuning.drills),
    ]
    return "\n".join(parts)


def _slack(places: Places) -> str:
    allowed = f"allow_shared_channels = {json.dumps(SHARED)}\n"
    return f'[slack]\nmode = "socket"\nteam_id = "T0PHYSIO"\nbase_url = "{places.slack_api}"\n{allowed}'


def _row(app: str, low: str, high: str) -> str:
    return f'[[compatibility]]\napp = "{app}"\nmin_schema = "{low}"\nmax_schema = "{high}"\n'


def _environment(name: str, places: Places, tuning: Tuning) -> str:
    timing = "\n".join(f"{key} = {value}" for key, value in tuning.timing.items())
    return f"""\
[environments.{name}]
production = {str(name == "prod").lower()}
incident_channel = "{CHANNELS[name]}"
{_demand(tuning) if name == "prod" else ""}
targets = {{ restore_s = 60, data_loss_s = 90000 }}
database.dsn_env = "BACKSTOP_{name.upper()}_DSN"
database.loader_user = "{loader_name(name)}"
database.loader_password_env = "BACKSTOP_{name.upper()}_LOADER_PASSWORD"
backups = {{ bucket = "physioflow-backups-{name}", endpoint_url = "{places.s3}" }}
escalation_contacts = ["the database administrator on call"]

[environments.{name}.cluster]
namespace = "physioflow-{name}"
deployments = ["physioflow-api", "physioflow-web"]
services = ["physioflow-api", "physioflow-web"]
version_deployment = "physioflow-api"
database_pods = "app=physioflow,component=postgres"
server = "{places.cluster}"
token_env = "BACKSTOP_CLUSTER_TOKEN"

[environments.{name}.approval]
quorum = {QUORUM[name]}
approvers = ["usergroup:S0LEADS"]
expires_after_s = {tuning.expires_after_s}

[environments.{name}.smoke]
http = [{{ deployment = "physioflow-api", port = 7011, path = "/health" }}]
sql = ["SELECT count(*) > 0 FROM patients"]

[environments.{name}.timing]
{timing}
chain_attempts = {tuning.chain_attempts}
"""


def _drill(keys: Mapping[str, str | int | list[str]]) -> str:
    # JSON writes texts, numbers and lists of them as TOML does.
    return "[[drills]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items())


def _demand(tuning: Tuning) -> str:
    return 'require_drill_within_s = 2592000\nrequire_drill = "block"' if tuning.demands_drills else ""


def secrets(sample: Sample, tokens: Mapping[str, str]) -> dict[str, str]:
    """The environment variables that the file names."""
    return {
        "BACKSTOP_SLACK_BOT_TOKEN": tokens["bot"],
        "BACKSTOP_SLACK_APP_TOKEN": tokens["app"],
        "BACKSTOP_CLUSTER_TOKEN": tokens["cluster"],
        "AWS_ACCESS_KEY_ID": tokens["access_key"],
        "AWS_SECRET_ACCESS_KEY": tokens["secret_key"],
        "BACKSTOP_SIGNING_KEYS": tokens["signing_keys"],
        "BACKSTOP_STATE_DSN": sample.state_dsn,
        **{f"BACKSTOP_{name.upper()}_DSN": dsn for name, dsn in sample.bot_dsns.items()},
        **{f"BACKSTOP_{name.upper()}_LOADER_PASSWORD": sample.loader_password for name in sample.loaders},
    }
