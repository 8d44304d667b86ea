"""Finds the person and the place of a gesture, and refuses what the client would not show."""

from typing import Any

from bot.sandbox.slack.errors import GestureError
from bot.sandbox.slack.messages import Message
from bot.sandbox.slack.state import State
from bot.sandbox.slack.views import View
from bot.sandbox.slack.workspace import Channel, User

Json = dict[str, Any]


def read_text(body: Json, name: str) -> str:
    """Return a string of the request that must be there."""
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise GestureError("missing_field", f"`{name}` must be given, as text")
    return value


def person(state: State, body: Json) -> User:
    """Return the user; a deactivated one can still act, as with a gesture that was on its way."""
    name = read_text(body, "user")
    if name not in state.workspace.users:
        raise GestureError("user_not_found", f"there is no user {name}", 404)
    return state.workspace.users[name]


def human(state: State, body: Json) -> User:
    """Return the user, who must be able to click and type: no bot."""
    user = person(state, body)
    if user.is_bot or user.id == "USLACKBOT":
        raise GestureError("user_is_bot", f"{user.id} is a bot: it has no client to click or type in", 403)
    return user


def place(state: State, body: Json, user: User) -> Channel:
    """Return the channel, which the user must be in."""
    name = read_text(body, "channel").removeprefix("#")
    for channel in state.workspace.channels.values():
        if name in (channel.id, channel.name):
            if user.id not in channel.members:
                raise GestureError("user_not_in_channel", f"{user.id} is not in {channel.id}", 403)
            return channel
    raise GestureError("channel_not_found", f"there is no channel {name}", 404)


def seen_message(state: State, body: Json, user: User) -> Message:
    """Return a message the user can see."""
    channel = place(state, body, user)
    message = state.messages.find(channel.id, read_text(body, "ts"))
    if message is None or message.addressee not in (None, user.id):
        raise GestureError("message_not_found", f"{user.id} sees no message {body['ts']} in {channel.id}", 404)
    return message


def seen_view(state: State, body: Json, user: User) -> View:
    """Return a view the user has open: the modal on top, or the Home tab."""
    view_id = read_text(body, "view_id")
    view = state.views.all.get(view_id)
    if view is None or view.user != user.id or not view.is_open:
        raise GestureError("view_not_found", f"{user.id} has no view {view_id} open", 404)
    if view.content["type"] == "modal" and state.views.top(user.id) is not view:
        raise GestureError("view_covered", f"{view_id} is covered by another modal", 409)
    return view
