"""Registers Slack's entry points: each parses, persists a request, and acks. The engine does the rest."""

import re
from collections.abc import Mapping

from slack_bolt import App

from bot.domain.environments import Environment
from commands import backups, buttons, drill, events, migrations, modal
from commands.intake import Desk, Operations


def register(app: App, operations: Operations, environments: Mapping[str, Environment], team_id: str) -> None:
    """Register every entry point.

    Args:
        app: made by `bot.adapters.slack.app.build_app`.
        operations: handles the requests.
        environments: by name.
        team_id: the workspace whose members may make requests.
    """
    desk = Desk(operations, environments, team_id)
    for module in (modal, migrations, backups, drill, events, buttons):
        module.register(app, desk)
    app.event(re.compile(".*"))(_ignore)  # last: other events mean nothing to us, but unacked they would come again


def _ignore() -> None:
    """Let Bolt ack it."""
