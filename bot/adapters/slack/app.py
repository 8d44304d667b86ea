"""Builds the Bolt app on Socket Mode.

Bolt acks an event before its listener runs, unless `process_before_response`: with it, `SocketModeHandler.handle` runs
the listener to its end in the socket client's own thread and sends the ack that `dispatch` returns. A listener
that raises makes it a 500, which is not sent, so Slack delivers again: decision 4, persist, then ack, rests on that.
"""

import logging
import traceback
from threading import Lock, Thread
from typing import Any

from slack_bolt import Ack, App, BoltResponse, Respond
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_bolt.authorization import AuthorizeResult
from slack_sdk import WebClient

from bot.adapters.slack.client import translated
from bot.errors import BotError, PermanentError
from bot.views.kit.blocks import render_error

SLACK_API = "https://slack.com/api/"
CONCURRENCY = 40
"""Socket threads: 20 commands at once must all be persisted within Slack's 3 s."""
_TIMEOUT_S = 10
_NO_TOKEN = "xapp-missing"  # noqa: S105 -- a worker that never connects; an empty one would be looked for in the environment


def build_app(
    bot_token: str,
    app_token: str,
    team_id: str,
    *,
    base_url: str = SLACK_API,
    concurrency: int = CONCURRENCY,
) -> tuple[App, SocketModeHandler]:
    """Build the app and its Socket Mode handler. Nothing is sent before the handler connects.

    Args:
        bot_token: ``xoxb-…``.
        app_token: ``xapp-…`` with ``connections:write``; "" for a process that never connects.
        team_id: the workspace.
        base_url: of the Web API, with a slash at its end.
        concurrency: payloads handled at the same time.
    """
    client = build_client(bot_token, base_url)
    identity = _Identity(client, team_id)
    app = App(
        client=WebClient(base_url=base_url, timeout=_TIMEOUT_S, logger=_quiet_logger()),
        authorize=lambda enterprise_id: identity.authorize(enterprise_id),  # noqa: PLW0108 -- Bolt takes `self` for an argument's name
        process_before_response=True,  # decision 4: an ack promises that the request is persisted
        logger=_quiet_logger(),
        signing_secret="",
    )
    app.error(_report)
    # The handler's client must not be the app's: its token is per request.
    handler = SocketModeHandler(
        app, app_token or _NO_TOKEN, logger=_quiet_logger(), web_client=client, concurrency=concurrency, ping_interval=5
    )
    return app, handler


def build_client(bot_token: str, base_url: str = SLACK_API) -> WebClient:
    """Build a Web API client for `SlackChat`, with a time limit and logs without bodies."""
    return WebClient(token=bot_token, base_url=base_url, timeout=_TIMEOUT_S, logger=_quiet_logger())


class _Identity:
    """Looks up the bot's own ids once, in the background, so that no payload waits for them or is lost."""

    def __init__(self, client: WebClient, team_id: str) -> None:
        self._client = client
        self._team_id = team_id
        self._looking_up = Lock()
        self._bot: tuple[str, str] | None = None

    def authorize(self, enterprise_id: str | None) -> AuthorizeResult:
        """Return what Bolt needs to build a context; the bot's ids are None until they are known."""
        if self._bot is None and self._looking_up.acquire(blocking=False):
            Thread(target=self._look_up, name="auth-test", daemon=True).start()
        bot_user_id, bot_id = self._bot or (None, None)
        return AuthorizeResult(
            enterprise_id=enterprise_id,
            team_id=self._team_id,
            bot_user_id=bot_user_id,
            bot_id=bot_id,
            bot_token=self._client.token,
        )

    def _look_up(self) -> None:
        try:
            with translated():
                answer = self._client.auth_test()
                self._bot = (str(answer["user_id"]), str(answer["bot_id"]))
        except BotError as error:
            _quiet_logger().warning("the bot's own ids are not known: %s", error.reference)
        finally:
            self._looking_up.release()


def _report(error: Exception, body: dict[str, Any], ack: Ack, respond: Respond) -> BoltResponse:
    """Log the error without the payload, and answer a person who waits.

    Only commands are acked: Slack delivers an event again, and shows that a click failed.
    """
    known = error if isinstance(error, BotError) else _unknown()
    kind = "" if error is known else f" {type(error).__name__} at\n{''.join(traceback.format_tb(error.__traceback__))}"
    _quiet_logger().error("a listener failed: %s%s", known.reference, kind)
    view = render_error(known)
    if "command" in body:
        return ack(text=view.text, blocks=list(view.blocks), response_type="ephemeral")
    if body.get("response_url"):
        try:
            respond(view.text, blocks=list(view.blocks), response_type="ephemeral", replace_original=False)
        except OSError:
            _quiet_logger().warning("a person could not be shown %s", known.reference)
    return BoltResponse(status=500, body="")


def _unknown() -> BotError:
    return PermanentError(
        "something-went-wrong",
        "That failed inside Backstop; nothing was started.",
        "Try again; the log has the reason.",
    )


def _quiet_logger() -> logging.Logger:
    logger = logging.getLogger("bot.adapters.slack")
    # Below INFO, Bolt and slack_sdk log bodies and tokens.
    logger.setLevel(max(logging.INFO, logger.level))
    return logger
