"""Secrets come from variables and files, and no message shows one."""

from pathlib import Path

import pytest

from tests.config.samples import PASSWORD, Load, problems

BAD_SURROUNDINGS = [
    (
        "BACKSTOP_PROD_DSN",
        None,
        "environments.prod.database.dsn_env: the environment variable BACKSTOP_PROD_DSN is not",
    ),
    ("BACKSTOP_PROD_DSN", " ", "environments.prod.database.dsn_env: the environment variable BACKSTOP_PROD_DSN is not"),
    ("BACKSTOP_PROD_DSN", f"mysql://u:{PASSWORD}@h/d", "BACKSTOP_PROD_DSN holds no connection string that names a"),
    ("BACKSTOP_PROD_DSN", f"postgresql://u:{PASSWORD}@h/", "BACKSTOP_PROD_DSN holds no connection string that names"),
    ("BACKSTOP_SLACK_BOT_TOKEN", None, "slack.bot_token_env: the environment variable BACKSTOP_SLACK_BOT_TOKEN is not"),
    ("BACKSTOP_SLACK_BOT_TOKEN", f"xapp-{PASSWORD}", "holds an app-level token — the two tokens are probably swapped"),
    ("BACKSTOP_SLACK_APP_TOKEN", f"xoxb-{PASSWORD}", "holds a bot token — the two tokens are probably swapped"),
    ("BACKSTOP_PG_BIN", "/nowhere", "tools.pg_bin: must be a directory with pg_dump in it"),
]


@pytest.mark.parametrize(("name", "value", "problem"), BAD_SURROUNDINGS)
def test_a_bad_secret_is_named_and_never_shown(read: Load, name: str, value: str | None, problem: str) -> None:
    found = problems(lambda: read(**{name: value}))
    assert len(found) == 1
    assert problem in found[0]


PLACES = [
    # the text in the file, its replacement, the problem
    (
        '"BACKSTOP_STATE_DSN"',
        f'"postgres://u:{PASSWORD}@h/d"',
        "state.dsn_env: must be the name of an environment variable — put the secret there, not in this file",
    ),
    (
        'dsn_env = "BACKSTOP_STATE_DSN"',
        'dsn_env = "BACKSTOP_STATE_DSN"\ndsn_file = "/nowhere/dsn"',
        "state.dsn_file: must be the path of a readable file — mount the secret there",
    ),
]


@pytest.mark.parametrize(("old", "new", "problem"), PLACES, ids=[problem for _, _, problem in PLACES])
def test_a_bad_place_of_a_secret_is_named_with_its_path_and_the_fix(
    read: Load, old: str, new: str, problem: str
) -> None:
    found = problems(lambda: read((old, new)))
    assert any(problem in line for line in found), found


def test_takes_secrets_from_mounted_files(read: Load, tmp_path: Path) -> None:
    (tmp_path / "dsn").write_text(f"postgresql://u:{PASSWORD}@db/prod\n")
    config = read(('database.dsn_env = "BACKSTOP_PROD_DSN"', f'database.dsn_file = "{tmp_path}/dsn"'))
    assert config.access["prod"].database.dsn.get_secret_value() == f"postgresql://u:{PASSWORD}@db/prod"


def test_asks_each_mode_for_its_own_secrets(read: Load) -> None:
    socket = read(BACKSTOP_SLACK_SIGNING_SECRET=None).slack
    assert (socket.app_token is None, socket.signing_secret is None) == (False, True)
    http = read(("team_id", 'mode = "http"\nteam_id'), BACKSTOP_SLACK_APP_TOKEN=None).slack
    assert (http.app_token is None, http.signing_secret is None) == (True, False)


def test_leaves_storage_keys_to_the_client_unless_they_are_named(read: Load) -> None:
    assert read(AWS_ACCESS_KEY_ID="id").access["prod"].storage.access_key is None
    keys = 'backups = { bucket = "b-1", access_key_env = "KEY", secret_key_env = "SECRET" }'
    storage = read(('backups.bucket = "backups-prod"', keys), KEY="id", SECRET=PASSWORD).access["prod"].storage
    assert storage.access_key is not None
    assert storage.access_key.get_secret_value() == "id"
    assert storage.secret_key is not None
    assert storage.secret_key.get_secret_value() == PASSWORD


def test_reaches_another_api_server_with_a_token(read: Load) -> None:
    server = 'namespace = "app-prod"\nserver = "https://10.0.0.1:6443/"\ntoken_env = "CLUSTER_TOKEN"'
    cluster = read(('namespace = "app-prod"', server), CLUSTER_TOKEN=PASSWORD).access["prod"].cluster
    assert (cluster.server, cluster.token and cluster.token.get_secret_value()) == (
        "https://10.0.0.1:6443",
        PASSWORD,
    )


def test_remembers_where_a_token_is_read_again(read: Load, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(PASSWORD)
    server = f'namespace = "app-prod"\nserver = "https://10.0.0.1:6443/"\ntoken_file = "{file}"'
    assert read(('namespace = "app-prod"', server)).access["prod"].cluster.token_file == file
