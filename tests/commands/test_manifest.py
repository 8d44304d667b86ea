"""The manifest that Slack is given fits the code."""

from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped] # comes with the kubernetes client, without types

from bot.sandbox.slack.workspace import DEFAULT_EVENTS
from commands import backups, drill, migrations, rollback

MANIFEST = Path(__file__).parents[2] / "deploy" / "slack-manifest.yaml"


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(MANIFEST.read_text())
    return loaded


def test_every_command_is_registered_and_escaped(manifest: dict[str, Any]) -> None:
    listed = manifest["features"]["slash_commands"]

    assert {entry["command"] for entry in listed} == {
        rollback.COMMAND,
        migrations.COMMAND,
        backups.COMMAND,
        drill.COMMAND,
    }
    assert all(entry["should_escape"] for entry in listed)


def test_scopes_events_and_socket_mode(manifest: dict[str, Any]) -> None:
    needed = {"commands", "chat:write", "reactions:read", "users:read", "usergroups:read", "files:write"}
    history = {"channels:history", "groups:history"}

    assert needed | history <= set(manifest["oauth_config"]["scopes"]["bot"])
    assert set(manifest["settings"]["event_subscriptions"]["bot_events"]) == DEFAULT_EVENTS
    assert manifest["settings"]["interactivity"]["is_enabled"]
    assert manifest["settings"]["socket_mode_enabled"]
