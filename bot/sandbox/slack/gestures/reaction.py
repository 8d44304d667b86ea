"""Adding and removing reactions."""

from typing import Any

from bot.sandbox.slack.errors import GestureError, SlackError
from bot.sandbox.slack.gestures.places import person, seen_message, text_of
from bot.sandbox.slack.methods.reactions import emoji
from bot.sandbox.slack.state import State

Json = dict[str, Any]


def react(state: State, body: Json) -> Json:
    """Add a reaction, or take it back with ``remove``."""
    user = person(state, body)
    message = seen_message(state, body, user)
    if message.addressee:
        raise GestureError("not_reactable", "nobody can react to an ephemeral message", 409)
    try:
        name = emoji(text_of(body, "name").strip(":"))
        if body.get("remove"):
            state.unreact(message, user, name)
        else:
            state.react(message, user, name)
    except SlackError as refused:
        raise GestureError(refused.error, f"{user.id} and {body['name']} on {message.ts}", 409) from refused
    return {"ok": True, "reactions": {n: list(users) for n, users in message.reactions.items()}}
