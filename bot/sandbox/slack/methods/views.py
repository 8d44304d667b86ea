"""Implements views.*: modals by trigger id, Home tabs by user."""

from typing import Any

from bot.sandbox.slack.arguments import Arguments
from bot.sandbox.slack.blocks import view_problems
from bot.sandbox.slack.errors import SlackError, with_reasons
from bot.sandbox.slack.state import State

Json = dict[str, Any]
MAX_VIEW_BYTES = 250_000


def open_modal(state: State, args: Arguments) -> Json:
    """Open a modal for the person whose gesture issued the trigger id."""
    content = view_content(args.json("view"), "modal")
    user = state.triggers.spend(args.required("trigger_id"))
    return {"view": state.views.as_slack(state.views.open(user, content))}


def push(state: State, args: Arguments) -> Json:
    """Put a modal on top of the open one."""
    content = view_content(args.json("view"), "modal")
    user = state.triggers.spend(args.required("trigger_id"))
    return {"view": state.views.as_slack(state.views.push(user, content))}


def update(state: State, args: Arguments) -> Json:
    """Replace an open view, by its id or the app's own external id."""
    view = state.views.find(args.text("view_id") or None, args.text("external_id") or None)
    content = view_content(args.json("view"), view.content["type"])
    return {"view": state.views.as_slack(state.views.update(view, content, args.text("hash") or None))}


def publish(state: State, args: Arguments) -> Json:
    """Set a user's Home tab."""
    user = state.user(args.required("user_id"))
    content = view_content(args.json("view"), "home")
    return {"view": state.views.as_slack(state.views.publish(user.id, content, args.text("hash") or None))}


def view_content(view: Any, kind: str) -> Json:
    """Check a view as Slack does; raises ``invalid_arguments`` with the reasons, or ``view_too_large``."""
    if view is None:
        raise with_reasons("invalid_arguments", ["missing required field: view"])
    if reasons := view_problems(view, kind):
        raise with_reasons("invalid_arguments", reasons)
    if len(str(view)) > MAX_VIEW_BYTES:
        raise SlackError("view_too_large")
    content: Json = view
    return content
