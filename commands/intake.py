"""Takes requests in: persists them, then acks. The work goes on in the queue; nothing here is slow."""

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Protocol

from slack_bolt import Ack
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from bot.domain.environments import Environment
from bot.domain.migrations import DownScript
from bot.domain.plans import Plan
from bot.engine.requests import Submission, TypedRequest, arguments
from bot.errors import BotError, PermanentError, TemporaryError
from bot.ports import Audience, Choices
from bot.views.kit.blocks import Block, View, page, render_error, section

Body = Mapping[str, Any]
"""A payload of Slack's, or a part of one."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ParsedCommand:
    """A command as it was understood: the request, and the answer that the person gets at once."""

    request: TypedRequest
    reply: View


Reader = Callable[[str], ParsedCommand | View]
"""Reads a command's text; a `View` answers it at once."""


class Operations(Protocol):
    """Declares what commands need of the engine."""

    def submit(self, submission: Submission) -> bool:
        """Persist a request and queue it; False when it is already there (a redelivery).

        Raises:
            BotError: it could not be persisted.
        """

    def choices(self, user_id: str, environment: str, text: str) -> Choices:
        """List what an environment can be rolled back to, narrowed by `text`, within two seconds.

        Raises:
            BotError: the person is shown nothing, and why.
        """

    def planned_scripts(self, user_id: str, run_id: str) -> tuple[Plan, tuple[DownScript, ...]]:
        """Return a run's plan, and those of its scripts whose bytes are still the planned ones.

        Raises:
            BotError: the person is shown nothing, and why.
        """


@dataclass(frozen=True)
class Desk:
    """Accepts requests from every entry point.

    Attributes:
        operations: handles them.
        environments: by name.
        team_id: the workspace whose members may make requests.
    """

    operations: Operations
    environments: Mapping[str, Environment]
    team_id: str

    def take_command(self, ack: Ack, body: Body, read: Reader) -> None:
        """Read a slash command's text, persist the request, ack with an ephemeral answer. It is never silent."""
        try:
            reply = self._submit_command(body, read)
        except BotError as error:
            _log.info("refused %s", error.reference)
            reply = render_error(error)
        ack(text=reply.text, blocks=list(reply.blocks), response_type="ephemeral")

    def _submit_command(self, body: Body, read: Reader) -> View:
        self.check_team(body)
        parsed = read(str(body.get("text") or ""))
        if isinstance(parsed, View):
            return parsed
        url, request_id = str(body.get("response_url") or ""), f"slash:{body['trigger_id']}"
        self.submit(Audience(str(body["user_id"]), str(body["channel_id"]), url, request_id), parsed.request)
        return parsed.reply

    def submit(self, audience: Audience, request: TypedRequest) -> None:
        """Persist a request.

        Raises:
            BotError: ``journal-unreachable`` when it could not be persisted, whatever the cause.
        """
        try:
            if not self.operations.submit(Submission(audience, request)):
                _log.info("redelivered %s", request.kind)
        except BotError:
            raise
        except Exception as error:  # whatever it was, the person must not believe that something was started
            _log.exception("submitting a %s failed", request.kind)
            raise TemporaryError(
                "journal-unreachable",
                "Your request could not be written down, so nothing was started.",
                "Try again in a minute. "
                "If it stays so, the state database is down and nothing can be started before it is back.",
            ) from error

    def submit_form(self, audience: Audience, request: TypedRequest, view: Body) -> None:
        """Persist a form's request under an id made of its content: repeated it is one request, corrected another.

        Raises:
            BotError: ``journal-unreachable``.
        """
        who = {"user_id": audience.user_id, "channel": audience.channel, "response_url": audience.response_url}
        # Decision 17: a form stays open when the answer is lost, and is submitted again as it is or corrected.
        content = json.dumps({**who, **arguments(request)}, sort_keys=True)
        request_id = f"view:{view['id']}:{sha256(content.encode()).hexdigest()[:12]}"
        self.submit(Audience(audience.user_id, audience.channel, audience.response_url, request_id), request)

    def check_team(self, body: Body) -> None:
        """Let only our workspace through: Slack Connect lets strangers into shared channels.

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

    def is_ours(self, body: Body) -> bool:
        """Return whether `check_team` lets it through."""
        try:
            self.check_team(body)
        except PermanentError:
            return False
        return True


def reply_with(request: TypedRequest, text: str) -> ParsedCommand:
    """Answer a request with one section of mrkdwn."""
    return ParsedCommand(request, page(text, [section(text)]))


def just_ack(ack: Ack) -> None:
    """Ack, and leave the rest to a lazy listener."""
    ack()


def open_form(client: WebClient, body: Body, view: Block) -> bool:
    """Open a form; False where it is not open."""
    try:
        client.views_open(trigger_id=str(body["trigger_id"]), view=view)
    except (OSError, SlackClientError) as error:
        # Decision 17: a trigger works once, so it is not retried. A spent one means that the form is open: the command
        # was delivered twice, or an answer was lost.
        opened = isinstance(error, SlackApiError) and error.response.get("error") == "exchanged_trigger_id"
        _log.warning("a form could not be opened%s: %s", " twice" if opened else "", type(error).__name__)
        return opened
    return True


@contextmanager
def unless_slack_is_down() -> Iterator[None]:
    """Log a failure to reach the person: nothing else can be done about it."""
    try:
        yield
    except (OSError, SlackClientError) as error:
        _log.warning("a person could not be reached: %s", type(error).__name__)
