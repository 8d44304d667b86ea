"""Taking requests in: persist, then ack. Nothing slow happens here; the work goes on in the queue."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from slack_bolt import Ack

from bot.domain.environments import Environment
from bot.engine.requests import Kind
from bot.errors import BotError, PermanentError, TemporaryError
from bot.ports import Choices, Request
from bot.views.kit import error_message
from bot.views.kit.blocks import View

Body = Mapping[str, Any]
_log = logging.getLogger(__name__)


class Operations(Protocol):
    """What commands need of the engine."""

    def submit(self, request: Request) -> bool:
        """Persist a request and have it dealt with; False when it is already there (a redelivery).

        Raises:
            BotError: it could not be persisted.
        """

    def choices(self, user_id: str, environment: str, text: str) -> Choices:
        """What an environment can be rolled back to, narrowed by `text`; answered within two seconds.

        Raises:
            BotError: to whom nothing is shown, and why.
        """


@dataclass(frozen=True)
class Order:
    """A command as understood: what is asked for, and what the person is told at once."""

    kind: Kind
    payload: Mapping[str, Any]
    reply: View


@dataclass(frozen=True)
class Desk:
    """Where requests come in.

    Attributes:
        operations: who takes them.
        environments: by name.
        team_id: the workspace whose members may ask.
    """

    operations: Operations
    environments: Mapping[str, Environment]
    team_id: str

    def take_command(self, ack: Ack, body: Body, read: Callable[[str], Order | View]) -> None:
        """Read a slash command's text, persist what it asks for, ack with an ephemeral answer. Never silent."""
        try:
            reply = self._order(body, read)
        except BotError as error:
            _log.info("refused %s", error.reference)
            reply = error_message.render(error)
        ack(text=reply.text, blocks=list(reply.blocks), response_type="ephemeral")

    def _order(self, body: Body, read: Callable[[str], Order | View]) -> View:
        self.check_team(body)
        order = read(str(body.get("text") or ""))
        if isinstance(order, View):
            return order
        who = {
            "user_id": str(body["user_id"]),
            "channel": str(body["channel_id"]),
            "response_url": str(body.get("response_url") or ""),
        }
        self.submit(Request(f"slash:{body['trigger_id']}", order.kind, {**who, **order.payload}))
        return order.reply

    def submit(self, request: Request) -> None:
        """Persist a request.

        Raises:
            BotError: ``journal-unreachable`` when it could not be persisted, whatever the cause.
        """
        try:
            if not self.operations.submit(request):
                _log.info("redelivered %s", request.kind)
        except BotError:
            raise
        except Exception as error:
            _log.exception("submitting a %s failed", request.kind)
            raise TemporaryError(
                "journal-unreachable",
                "Your request could not be written down, so nothing was started.",
                "Try again in a minute. "
                "If it stays so, the state database is down and nothing can be started before it is back.",
            ) from error

    def check_team(self, body: Body) -> None:
        """Refuse what does not come from our workspace: Slack Connect lets strangers into shared channels.

        Raises:
            PermanentError: ``foreign-team``.
        """
        user = body.get("user")
        teams = {
            body.get("team_id"),
            (body.get("team") or {}).get("id"),
            user.get("team_id") if isinstance(user, Mapping) else None,
        } - {None}
        if teams != {self.team_id}:
            raise PermanentError(
                "foreign-team", "Only members of this workspace can use Backstop.", "Ask somebody on the team to do it."
            )
