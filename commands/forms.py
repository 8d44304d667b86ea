"""Slack's forms: opened once, submitted once, and never failed in silence."""

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from bot.views.kit.blocks import Block
from commands.intake import Body

Payload = Mapping[str, Any]
_log = logging.getLogger(__name__)


def open_form(client: WebClient, body: Body, view: Block) -> bool:
    """Open it; False where it is not open. A trigger is good once, for three seconds, so nothing is tried twice."""
    try:
        client.views_open(trigger_id=str(body["trigger_id"]), view=view)
    except (OSError, SlackClientError) as error:
        # A spent trigger means that it is open: the command was delivered twice, or an answer was lost.
        opened = isinstance(error, SlackApiError) and error.response.get("error") == "exchanged_trigger_id"
        _log.warning("a form could not be opened%s: %s", " twice" if opened else "", type(error).__name__)
        return opened
    return True


@contextmanager
def unless_slack_is_down() -> Iterator[None]:
    """Log it where a person cannot be told either."""
    try:
        yield
    except (OSError, SlackClientError) as error:
        _log.warning("a person could not be told: %s", type(error).__name__)


def key_of(view: Payload, payload: Payload) -> str:
    """Name the request: a redelivered or repeated submission is one, a mended one is another."""
    content = json.dumps(payload, sort_keys=True)
    return f"view:{view['id']}:{sha256(content.encode()).hexdigest()[:12]}"
