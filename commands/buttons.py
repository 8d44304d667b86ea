"""Takes clicks on cards and requests: approve, reject, cancel, retry, escalate, close the follow-up, document."""

import json
import logging
import re
from collections.abc import Callable, Mapping
from threading import Thread

from slack_bolt import Ack, App, Respond
from slack_sdk import WebClient

from bot.domain.approvals import Choice
from bot.engine.requests import (
    CancelRun,
    CastVote,
    CloseFollowUp,
    DocumentRun,
    EscalateRun,
    OpenUndo,
    RetryRun,
    TypedRequest,
)
from bot.errors import BotError, PermanentError, TemporaryError
from bot.ports import Audience
from bot.views import buttons
from bot.views.kit.blocks import Block, render_error
from bot.views.kit.text import code
from bot.views.plans import sql_modal
from bot.views.runs import modals
from commands.intake import Body, Desk, just_ack, open_form, unless_slack_is_down
from commands.rollback import read_account, read_link

_RUN_REQUESTS: Mapping[str, Callable[[str], TypedRequest]] = {
    buttons.CANCEL: CancelRun,
    buttons.RETRY: RetryRun,
    buttons.ESCALATE: EscalateRun,
    buttons.UNDO: OpenUndo,
}
_CHOICES = {buttons.APPROVE: Choice.APPROVE, buttons.REJECT: Choice.REJECT}
_log = logging.getLogger(__name__)


def register(app: App, desk: Desk) -> None:
    """Take clicks."""
    for action_id in _CHOICES:
        app.action(action_id)(click(desk, _ballot))
    for action_id in _RUN_REQUESTS:
        app.action(action_id)(click(desk, _on_run))
    app.action(buttons.SHOW_SQL)(ack=just_ack, lazy=[_showing_sql(desk)])
    close = _opener(modals.render_follow_up, "/rollback close RUN LINK")
    app.action(buttons.CLOSE_FOLLOWUP)(ack=just_ack, lazy=[close])
    app.view(modals.CLOSE_FOLLOW_UP)(_closing(desk))
    document = _opener(modals.render_notes, "/rollback document RUN what went wrong")
    app.action(buttons.DOCUMENT)(ack=just_ack, lazy=[document])
    app.view(modals.DOCUMENT)(_documenting(desk))
    app.action(re.compile(".*"))(_unknown)  # last: an old message may have buttons that no longer exist


def click(desk: Desk, read: Callable[[Body, Body], TypedRequest]) -> Callable[..., None]:
    """Make a listener that persists a click's request; `read` takes the body and the action.

    The person who clicked is shown any `BotError` that `read` raises.
    """

    def clicked(ack: Ack, body: Body, action: Body, respond: Respond) -> None:
        user, channel = body["user"]["id"], (body.get("channel") or {}).get("id", "")
        request_id = f"action:{user}:{action['action_ts']}:{action['action_id']}"
        try:
            desk.check_team(body)
            desk.submit(Audience(user, channel, str(body.get("response_url") or ""), request_id), read(body, action))
        except BotError as error:
            _tell_later(respond, error)
        ack()  # decision 4: after the request is persisted

    return clicked


def _ballot(body: Body, action: Body) -> CastVote:
    run_id, digest = buttons.read_ballot(str(action.get("value", "")))
    message, choice = str((body.get("container") or {}).get("message_ts", "")), _CHOICES[action["action_id"]]
    seen_at = str(action["action_ts"])
    return CastVote(message, choice, "button", withdraw=False, run_id=run_id, digest=digest, event_ts=seen_at)


def _on_run(_: Body, action: Body) -> TypedRequest:
    return _RUN_REQUESTS[action["action_id"]](str(action.get("value", "")))


def _tell_later(respond: Respond, error: BotError) -> None:
    """Answer by the click's response_url, in a thread of its own: the ack must not wait for Slack."""
    view = render_error(error)

    def tell() -> None:
        try:
            respond(view.text, blocks=list(view.blocks), response_type="ephemeral", replace_original=False)
        except OSError:
            _log.warning("a person could not be shown %s: Slack is unreachable", error.reference)

    Thread(target=tell, name="tell", daemon=True).start()


def _unknown(ack: Ack, body: Body, action: Body, respond: Respond) -> None:
    """Explain that a button of another version does nothing; a mere choice in a form is ignored."""
    ack()
    if action.get("type") == "button" and body.get("response_url"):
        what = "That button is of another version of Backstop: nothing was done."
        _tell_later(respond, PermanentError("button-unknown", what, "/rollback status says where things stand."))


def _opener(modal: Callable[[str, str], Block], instead: str) -> Callable[..., None]:
    """Make a listener that opens a modal about a button's run; `instead` is the command to suggest, with RUN in it."""

    def open_modal(client: WebClient, body: Body, action: Body, respond: Respond) -> None:
        run_id = str(action.get("value", ""))
        metadata = json.dumps({"run_id": run_id, "channel": (body.get("channel") or {}).get("id", "")})
        if not open_form(client, body, modal(run_id, metadata)):
            text = f"The form could not be opened. Press again, or type {code(instead.replace('RUN', run_id), 120)}."
            with unless_slack_is_down():
                respond(text, response_type="ephemeral", replace_original=False)

    return open_modal


def _showing_sql(desk: Desk) -> Callable[..., None]:
    """Make a listener that opens the modal with a plan's SQL; it persists nothing, because it changes nothing."""

    def open_sql(client: WebClient, body: Body, action: Body, respond: Respond) -> None:
        try:
            desk.check_team(body)
            plan, scripts = desk.operations.planned_scripts(body["user"]["id"], str(action.get("value", "")))
        except BotError as error:
            _tell_later(respond, error)
            return
        if not open_form(client, body, sql_modal.render(plan, scripts)):
            _tell_later(respond, TemporaryError("form-not-opened", "The SQL could not be shown.", "Press again."))

    return open_sql


def _documenting(desk: Desk) -> Callable[..., None]:
    def read(view: Body, run_id: str) -> DocumentRun:
        wrong, change = modals.read_notes(view)
        return DocumentRun(run_id, read_account(wrong), change)

    return _submission(desk, modals.WRONG_BLOCK, read)


def _closing(desk: Desk) -> Callable[..., None]:
    def read(view: Body, run_id: str) -> CloseFollowUp:
        return CloseFollowUp(run_id, read_link(modals.read_link(view)))

    return _submission(desk, modals.LINK_BLOCK, read)


def _submission(desk: Desk, block: str, read: Callable[[Body, str], TypedRequest]) -> Callable[..., None]:
    """Make a listener that persists the request of a modal about a run; an error is shown at `block`."""

    def submitted(ack: Ack, body: Body, view: Body) -> None:
        about = json.loads(view.get("private_metadata") or "{}")
        try:
            desk.check_team(body)
            request = read(view, str(about.get("run_id", "")))
            desk.submit_form(Audience(body["user"]["id"], str(about.get("channel", ""))), request, view)
        except BotError as error:
            ack(response_action="errors", errors={block: f"{error.message} {error.hint}".strip()})
            return
        ack()

    return submitted
