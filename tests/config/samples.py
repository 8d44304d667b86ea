"""A small configuration to change, and the problems that are found in it."""

import json
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot.config import Config
from bot.errors import PermanentError

ROOT = Path(__file__).parents[2]
PASSWORD = "hunter2-is-secret"
SECRETS = {
    "BACKSTOP_SLACK_BOT_TOKEN": f"xoxb-{PASSWORD}",
    "BACKSTOP_SLACK_APP_TOKEN": f"xapp-{PASSWORD}",
    "BACKSTOP_SLACK_SIGNING_SECRET": PASSWORD,
    "BACKSTOP_SIGNING_KEYS": "k1:" + b64encode(PASSWORD.encode() * 2).decode(),
    "BACKSTOP_STATE_DSN": f"postgresql://backstop:{PASSWORD}@db/state",
    "BACKSTOP_DEV_DSN": f"host=db dbname=dev password='{PASSWORD}'",
    "BACKSTOP_STAGING_DSN": f"postgresql://backstop:{PASSWORD}@db/staging",
    "BACKSTOP_DEV_LOADER_PASSWORD": PASSWORD,
    "BACKSTOP_STAGING_LOADER_PASSWORD": PASSWORD,
    "BACKSTOP_PROD_LOADER_PASSWORD": PASSWORD,
    "BACKSTOP_PROD_DSN": f"postgres://backstop:{PASSWORD}@db:5432/prod?sslmode=require",
}
BASE = """
[slack]
team_id = "T0PHYSIO"
[state]
dsn_env = "BACKSTOP_STATE_DSN"
[migrations]
down_dir = "{down_dir}"
[[compatibility]]
app = "v1.3.x"
min_schema = "027"
max_schema = "latest"
[[compatibility]]
app = "v1.2.x"
min_schema = "020"
max_schema = "026"
[environments.prod]
production = true
incident_channel = "C0INCIDENT"
database.dsn_env = "BACKSTOP_PROD_DSN"
backups.bucket = "backups-prod"
approval.approvers = ["usergroup:S0LEADS"]
smoke.http = [{{ deployment = "api", port = 7011, path = "/health" }}]
[environments.prod.cluster]
namespace = "app-prod"
deployments = ["api", "web"]
services = ["api"]
version_deployment = "api"
[environments.staging]
incident_channel = "C0INCIDENT"
database.dsn_env = "BACKSTOP_STAGING_DSN"
backups.bucket = "backups-staging"
approval.approvers = ["user:U0ALICE", "user:U0BOB", "user:U0CAROL"]
[environments.staging.cluster]
namespace = "app-staging"
deployments = ["api"]
services = ["api"]
version_deployment = "api"
"""


Load = Callable[..., Config]


def problems(load_it: Callable[[], Config]) -> list[str]:
    """Complaints about a file, one an item."""
    with pytest.raises(PermanentError) as caught:
        load_it()
    assert caught.value.reference == "config-invalid"
    assert PASSWORD not in str(caught.value)
    head, *lines = caught.value.message.splitlines()
    assert head == f"backstop.toml has {len(lines)} bad value{'' if len(lines) == 1 else 's'}:"
    return [line.strip() for line in lines]


def toml(value: Any) -> str:
    """A value as TOML writes it in a line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    return json.dumps(value, ensure_ascii=False)
