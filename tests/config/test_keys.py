"""Keys that belong together, and a manual that explains each."""

from collections.abc import Iterator
from typing import Any

import pytest

from bot.config.keys import FileKeys
from tests.config.samples import ROOT, Load, problems


def keys_of(model: Any) -> Iterator[str]:
    """Names of every key, at any depth."""
    schema = model.model_json_schema()
    for table in [schema, *schema["$defs"].values()]:
        yield from table["properties"]


def test_every_key_is_explained() -> None:
    text = (ROOT / "docs/configuration.md").read_text()
    assert [key for key in sorted(set(keys_of(FileKeys))) if f"`{key}`" not in text] == []


TOGETHER = [
    # the text in the file, its replacement, the problem
    ("[migrations]", "[migrations]\nversion_columns = []", "migrations.version_columns: must not be empty — name"),
    ('"020"', '"028"', 'compatibility[1].max_schema: must not be below min_schema, 028, is "026" — set the newest'),
    (
        '["user:U0ALICE", "user:U0BOB", "user:U0CAROL"]',
        '["user:U0ALICE"]',
        "environments.staging.approval.quorum: must not be above the number of approvers, 1, is 2 — set how many",
    ),
    (
        'version_deployment = "api"',
        'version_deployment = "app"',
        'version_deployment: must be one of cluster.deployments (api, web), is "app" — name the Deployment',
    ),
    (
        'deployment = "api", port',
        'deployment = "worker", port',
        "environments.prod.smoke.http[0].deployment: must be one of cluster.deployments (api, web) — name the",
    ),
    (
        "backups.bucket",
        'backups.access_key_env = "BACKSTOP_PROD_DSN"\nbackups.bucket',
        "environments.prod.backups.secret_key_env: is missing — name a variable here, or a file by secret_key_file",
    ),
    (
        "backups.bucket",
        'backups.secret_key_env = "BACKSTOP_PROD_DSN"\nbackups.bucket',
        "environments.prod.backups.secret_key_env: goes with an access key — name its place by access_key_env",
    ),
    (
        'database.dsn_env = "BACKSTOP_PROD_DSN"',
        'database.dsn_env = "BACKSTOP_PROD_DSN"\ndatabase.loader_password_env = "BACKSTOP_PROD_LOADER_PASSWORD"',
        "environments.prod.database.loader_password_env: goes with a role — name it by loader_user",
    ),
    (
        "production = true",
        "production = true\nkeep_old_database_s = 7",
        (
            "environments.prod.keep_old_database_s: must not be below 3,600 in production: nothing could be undone or "
            "salvaged later, is 7 — set how many seconds a replaced database stays"
        ),
    ),
]


@pytest.mark.parametrize(("old", "new", "problem"), TOGETHER, ids=[problem for _, _, problem in TOGETHER])
def test_keys_that_do_not_go_together_are_named_with_their_path_and_the_fix(
    read: Load, old: str, new: str, problem: str
) -> None:
    found = problems(lambda: read((old, new)))
    assert any(problem in line for line in found), found
