"""Buttons on cards and requests: approve, reject, cancel, retry, escalate, close the follow-up."""

import json
import logging
import re
from collections.abc import Callable
from threading import Thread
from typing import Any

from slack_bolt import Ack, App, Respond
from slack_sdk import WebClient

from bot.domain.approvals import Choice
from bot.engine.requests import Kind
from bot.errors import BotError, PermanentError
from bot.ports import Request
from bot.views import buttons
from bot.views.kit import error_message
from bot.views.kit.blocks import Block
from bot.views.kit.text import code
from bot.views.runs import follow_up_modal, notes_modal
from commands.forms import Payload, key_of, open_form, unless_slack_is_down
from commands.intake import Body, Desk
from commands.rollback import account_of, read_link

_RUN_KINDS = {
    buttons.CANCEL: Kind.CANCEL,
    buttons.RETRY: Kind.RESUME,
    buttons.ESCALATE: Kind.ESCALATE,
    buttons.UNDO: Kind.UNDO,
}
_CHOICES = {buttons.APPROVE: Choice.APPROVE, buttons.REJECT: Choice.REJECT}
_log = logging.getLogger(__name__)


def register(app: App, desk: Desk) -> None:
    """Take clicks."""
    for action_id in _CHOICES:
        app.action(action_id)(click(desk, Kind.VOTE, _ballot))
    for action_id, kind in _RUN_KINDS.items():
        app.action(action_id)(click(desk, kind, _on_run))
    app.action(buttons.CLOSE_FOLLOWUP)(ack=_just_ack, lazy=[_opener(follow_up_modal.modal, "/rollback close RUN LINK")])
    app.view(follow_up_modal.CALLBACK_ID)(_closing(desk))
    app.action(buttons.DOCUMENT)(
        ack=_just_ack, lazy=[_opener(notes_modal.modal, "/rollback document RUN what went wrong")]
    )
    app.view(notes_modal.CALLBACK_ID)(_documenting(desk))
    app.action(re.compile(".*"))(_unknown)


def click(desk: Desk, kind: Kind, read: Callable[[Payload, Payload], dict[str, Any]]) -> Callable[..., None]:
    """Make a listener that persists what a click asks for; `read` takes the body and the action.

    A `BotError` that `read` raises is told to whoever clicked.
    """

    def clicked(ack: Ack, body: Body, action: Payload, respond: Respond) -> None:
        user, channel = body["user"]["id"], (body.get("channel") or {}).get("id", "")
        who = {"user_id": user, "channel": channel, "response_url": str(body.get("response_url") or "")}
        key = f"action:{user}:{action['action_ts']}:{action['action_id']}"
        try:
            desk.check_team(body)
            desk.submit(Request(key, kind, {**who, **read(body, action)}))
        except BotError as error:
            _tell_later(respond, error)
        ack()

    return clicked


def _ballot(body: Payload, action: Payload) -> dict[str, Any]:
    run_id, digest = buttons.read_ballot(str(action.get("value", "")))
    choice = _CHOICES[action["action_id"]]
    message = str((body.get("container") or {}).get("message_ts", ""))
    asked = {"run_id": run_id, "ts": message, "choice": choice.value, "how": "button", "withdraw": False}
    return {**asked, "digest": digest, "event_ts": str(action["action_ts"])}


def _on_run(_: Payload, action: Payload) -> dict[str, Any]:
    return {"run_id": str(action.get("value", ""))}


def _tell_later(respond: Respond, error: BotError) -> None:
    """Answer the person by the click's response_url, without keeping the ack waiting for it."""
    view = error_message.render(error)

    def tell() -> None:
        try:
            respond(view.text, blocks=list(view.blocks), response_type="ephemeral", replace_original=False)
        except OSError:
            _log.warning("could not tell a person of %s: Slack is unreachable", error.reference)

    Thread(target=tell, name="tell", daemon=True).start()


def _just_ack(ack: Ack) -> None:
    ack()


def _unknown(ack: Ack, body: Body, action: Payload, respond: Respond) -> None:
    """Say that a button of another version does nothing; what is merely chosen in a form is of no meaning by itself."""
    ack()
    if action.get("type") == "button" and body.get("response_url"):
        what = "That button is of another version of Backstop: nothing was done."
        _tell_later(respond, PermanentError("button-unknown", what, "/rollback status says where things stand."))


def _opener(modal: Callable[[str, str], Block], instead: str) -> Callable[..., None]:
    """Make a listener that opens a modal about the run a button carries; `instead` is what can be typed, with RUN."""

    def open_modal(client: WebClient, body: Body, action: Payload, respond: Respond) -> None:
        run_id = str(action.get("value", ""))
        metadata = json.dumps({"run_id": run_id, "channel": (body.get("channel") or {}).get("id", "")})
        if not open_form(client, body, modal(run_id, metadata)):
            text = f"The form could not be opened. Press again, or type {code(instead.replace('RUN', run_id), 120)}."
            with unless_slack_is_down():
                respond(text, response_type="ephemeral", replace_original=False)

    return open_modal


def _documenting(desk: Desk) -> Callable[..., None]:
    def submitted(ack: Ack, body: Body, view: Payload) -> None:
        about = json.loads(view.get("private_metadata") or "{}")
        who = {"user_id": body["user"]["id"], "channel": str(about.get("channel", "")), "response_url": ""}
        wrong, change = notes_modal.read(view)
        try:
            desk.check_team(body)
            payload = {**who, "run_id": str(about.get("run_id", "")), "wrong": account_of(wrong), "change": change}
            desk.submit(Request(key_of(view, payload), Kind.DOCUMENT, payload))
        except BotError as error:
            ack(response_action="errors", errors={notes_modal.WRONG_BLOCK: f"{error.message} {error.hint}".strip()})
            return
        ack()

    return submitted


def _closing(desk: Desk) -> Callable[..., None]:
    def submitted(ack: Ack, body: Body, view: Payload) -> None:
        about = json.loads(view.get("private_metadata") or "{}")
        who = {"user_id": body["user"]["id"], "channel": str(about.get("channel", "")), "response_url": ""}
        try:
            desk.check_team(body)
            payload = {
                **who,
                "run_id": str(about.get("run_id", "")),
                "link": read_link(follow_up_modal.read_link(view)),
            }
            desk.submit(Request(key_of(view, payload), Kind.CLOSE, payload))
        except BotError as error:
            ack(response_action="errors", errors={follow_up_modal.LINK_BLOCK: f"{error.message} {error.hint}".strip()})
            return
        ack()

    return submitted
