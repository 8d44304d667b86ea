"""Answers `/rollback`, and opens, searches and submits the modal behind it and behind the Home tab's button.

It makes the request that the same words typed would make. If it cannot be opened, the answer says what to type instead.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from slack_bolt import Ack, App, Respond
from slack_sdk import WebClient
from slack_sdk.errors import SlackClientError

from bot.domain.backups import BackupName
from bot.errors import BotError, PermanentError
from bot.ports import Audience
from bot.views.kit.blocks import View, render_error
from bot.views.status import home, rollback_modal
from commands import names, rollback
from commands.arguments import normalise, quote, split
from commands.intake import Body, Desk, ParsedCommand, Reader, just_ack, open_form, unless_slack_is_down

_MAX_ERROR = 500
_log = logging.getLogger(__name__)


def register(app: App, desk: Desk) -> None:
    """Answer `/rollback`, the modal, and the button that opens it on the Home tab."""

    def read(text: str) -> ParsedCommand | View:
        return rollback.read(text, desk)

    def command(ack: Ack, body: Body) -> None:
        if opens(body, desk):
            ack()
        else:
            desk.take_command(ack, body, read)

    # Lazy: the modal is requested while the ack is on its way, and an ack never waits for Slack's answer.
    app.command(rollback.COMMAND)(ack=command, lazy=[_opening(desk, read)])
    app.action(rollback_modal.ENVIRONMENT)(ack=just_ack, lazy=[_switching(desk)])
    app.options(rollback_modal.WHAT)(_offering(desk))
    app.view(rollback_modal.CALLBACK_ID)(_submitted(desk))
    app.action(home.START)(ack=just_ack, lazy=[_opening_from_home(desk)])


def opens(body: Body, desk: Desk) -> bool:
    """Return whether a typed `/rollback` opens the modal: it has no words after it, or only an environment.

    Decision 17: people woken at night know where, not the number. Where the modal cannot be opened, the answer is the
    refusal that says what to type.
    """
    try:
        desk.check_team(body)
        words = split(str(body.get("text") or ""))
    except BotError:
        return False
    return not words or (len(words) == 1 and names.is_environment(words[0], desk.environments))


def _opening(desk: Desk, read: Reader) -> Callable[..., None]:
    """Make the listener that opens the modal for a typed command; `read` has the answer where it cannot be opened."""

    def open_modal(client: WebClient, body: Body, respond: Respond) -> None:
        if not opens(body, desk):
            return
        text, channel = str(body.get("text") or ""), str(body["channel_id"])
        origin = rollback_modal.Origin(channel, str(body.get("response_url") or ""), _preset(text, channel, desk))
        if not open_form(client, body, rollback_modal.render(origin, _environments(desk))):
            view = _in_words(text, read)
            with unless_slack_is_down():
                respond(view.text, blocks=list(view.blocks), response_type="ephemeral", replace_original=False)

    return open_modal


def _preset(text: str, channel: str, desk: Desk) -> str:
    """Return the environment that was typed, else the only one whose incident channel this is, else ""."""
    words = split(text)
    if words:
        return names.read_environment(words[0], desk.environments, "")
    here = [name for name, known in desk.environments.items() if known.incident_channel == channel]
    return here[0] if len(here) == 1 else ""


def _in_words(text: str, read: Reader) -> View:
    try:
        answer = read(text)
    except BotError as error:
        return render_error(error)
    return answer if isinstance(answer, View) else answer.reply


def _opening_from_home(desk: Desk) -> Callable[..., None]:
    def open_modal(client: WebClient, body: Body, action: Body) -> None:
        environment = desk.environments.get(str(action.get("value", "")))
        if environment is None or not desk.is_ours(body):
            return
        user_id = str(body["user"]["id"])
        # A Home tab has no channel and no response_url: answers go to the person's own conversation with the bot.
        origin = rollback_modal.Origin(user_id, "", environment.name)
        if not open_form(client, body, rollback_modal.render(origin, _environments(desk))):
            text = f"The form could not be opened. Type /rollback {environment.name} and what to undo, or try again."
            with unless_slack_is_down():
                client.chat_postMessage(channel=user_id, text=text)

    return open_modal


def _environments(desk: Desk) -> Mapping[str, bool]:
    return {name: known.production for name, known in desk.environments.items()}


def _switching(desk: Desk) -> Callable[..., None]:
    """Show the lists of the environment that was picked.

    The suggestions' own payload does not say what is picked elsewhere in the view, so the metadata must.
    """

    def switch(client: WebClient, body: Body, action: Body) -> None:
        view, picked = body["view"], str((action.get("selected_option") or {}).get("value", ""))
        known = rollback_modal.Origin.of(view)
        origin = rollback_modal.Origin(known.channel, known.response_url, picked)
        try:
            # No hash: of two picks in quick succession the later one is to win, not the first.
            client.views_update(view_id=view["id"], view=rollback_modal.render(origin, _environments(desk)))
        except (OSError, SlackClientError) as error:
            # What is chosen carries its environment: a choice from the old list is refused on submission.
            _log.warning("the modal could not be updated: %s", type(error).__name__)

    return switch


def _offering(desk: Desk) -> Callable[..., None]:
    def offer(ack: Ack, body: Body) -> None:
        environment = rollback_modal.Origin.of(body.get("view") or {}).environment
        try:
            desk.check_team(body)
            groups = _groups(desk, str(body["user"]["id"]), environment, str(body.get("value") or ""))
        except BotError as error:
            groups = rollback_modal.problem_group([f"{error.message} {error.hint}"])
        except Exception:  # noqa: BLE001 -- a list that stays empty without a word helps nobody
            _log.exception("offering choices failed")
            groups = rollback_modal.problem_group(["Something in Backstop broke; type the command instead."])
        ack(option_groups=groups)

    return offer


def _groups(desk: Desk, user_id: str, environment: str, value: str) -> list[dict[str, Any]]:
    if environment not in desk.environments:
        return rollback_modal.problem_group(["Pick the environment first, above."])
    text = normalise(value)
    groups = rollback_modal.options(desk.operations.choices(user_id, environment, text), _as_typed(text, environment))
    return groups or rollback_modal.problem_group([f"Nothing in {environment} has {quote(text)} in it."])


def _as_typed(text: str, environment: str) -> str:
    """Return the text, if it is a migration's number or a backup's whole name; "" otherwise."""
    if BackupName.parse(text) is None and names.is_backup(text, environment):
        return ""  # a part of a name
    try:
        return names.read_target(text, environment)
    except PermanentError:
        return ""


def _submitted(desk: Desk) -> Callable[..., None]:
    def submitted(ack: Ack, body: Body, view: Body) -> None:
        origin, filled = rollback_modal.Origin.of(view), rollback_modal.read(view)
        errors = Errors(rollback_modal.find_what_block(view))
        parsed = _parse(filled, desk, errors)
        with errors.about(rollback_modal.ENVIRONMENT):
            desk.check_team(body)
            if parsed is not None:
                audience = Audience(body["user"]["id"], origin.channel, origin.response_url)
                desk.submit_form(audience, parsed.request, view)
        if parsed is None or errors.found:
            ack(response_action="errors", errors=errors.found)
        else:
            ack(response_action="update", view=rollback_modal.render_reply(parsed.reply))

    return submitted


class Errors:
    """Collects errors by the block they are shown at; `what_block` is the one with the choice."""

    def __init__(self, what_block: str) -> None:
        self.what_block = what_block
        self.found: dict[str, str] = {}
        self._block = ""

    def about(self, block: str) -> "Errors":
        """Show the `BotError` that ends the following context at that block."""
        self._block = block
        return self

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        """Keep a `BotError`, and let every other through."""
        if isinstance(error, BotError):
            self.found[self._block] = f"{error.message} {error.hint}".strip()[:_MAX_ERROR]
        return isinstance(error, BotError)


def _parse(filled: rollback_modal.Filled, desk: Desk, errors: Errors) -> ParsedCommand | None:
    """Check every field, so that all errors show at once; None when there are any."""
    target, app, reason = "", "", ""
    with errors.about(rollback_modal.ENVIRONMENT):
        names.read_environment(filled.environment, desk.environments, "/rollback ENV")
    environment = desk.environments.get(filled.environment)
    if environment is None:
        return None
    with errors.about(errors.what_block):
        target = _target(filled, environment.name)
    with errors.about(rollback_modal.APP):
        app = names.read_app(normalise(filled.app)) if filled.app else ""
    with errors.about(rollback_modal.REASON):
        reason = _reason(filled.reason, needed=environment.production)
    return rollback.build_rollback(environment, target, app, reason) if not errors.found else None


def _target(filled: rollback_modal.Filled, environment: str) -> str:
    chosen_in, target = rollback_modal.read_what(filled.what)
    if not target:
        raise PermanentError("which-migration", "That is no choice.", "Pick a migration or a backup, or type its name.")
    if chosen_in != environment:
        raise PermanentError(
            "wrong-environment",
            f"That was chosen from the list of {chosen_in}.",
            f"Pick {environment} again above, then choose.",
        )
    return names.read_target(target, environment)


def _reason(text: str, *, needed: bool) -> str:
    reason = names.read_reason(normalise(text))
    if needed and not reason:
        raise PermanentError("reason-needed", "The approvers of a production environment must know why.")
    return reason
