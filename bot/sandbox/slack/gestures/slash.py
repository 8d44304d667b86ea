"""Types slash commands."""

import asyncio
import html
import re
from typing import Any

from bot.sandbox.slack.errors import GestureError, SlackError
from bot.sandbox.slack.gestures.places import human, place, read_text
from bot.sandbox.slack.payloads import slash_command
from bot.sandbox.slack.respond import respond
from bot.sandbox.slack.sockets import Delivery, SocketHub
from bot.sandbox.slack.state import State

Json = dict[str, Any]
_COMMAND = re.compile(r"/[a-z0-9_-]{1,32}")
_MENTION = re.compile(r"(?<![\w<|^])([@#])([\w][\w.-]*[\w]|\w)")


async def type_command(state: State, hub: SocketHub, body: Json) -> Json:
    """Type a command in a channel, and return the answer: ``{ok, ack, error, elapsed_ms}``."""
    user = human(state, body)
    channel = place(state, body, user)
    if body.get("thread_ts"):
        raise GestureError("not_in_threads", "slash commands cannot be used in threads")
    command = _known(state, read_text(body, "command"))
    payload = slash_command(state, user, channel, command, escaped(state, str(body.get("text") or "").strip()))
    entry = state.responses.issue(user.id, channel.id)
    payload["response_url"] = f"{state.base_url}/commands/{entry.key}"
    began_s = asyncio.get_running_loop().time()
    delivery = await hub.deliver("slash_commands", payload, accepts_payload=True)
    error = delivery.error
    if delivery.ack:
        try:
            respond(state, entry, delivery.ack)
        except SlackError as refused:
            error = refused.error
    return answer(delivery, error, began_s)


def answer(delivery: Delivery, error: str | None, began_s: float) -> Json:
    """Return the control API's answer for one delivery."""
    elapsed_ms = round((asyncio.get_running_loop().time() - began_s) * 1000, 1)
    return {"ok": error is None, "ack": delivery.ack, "error": error, "elapsed_ms": elapsed_ms}


def escaped(state: State, text: str) -> str:
    """Escape typed text as with ``should_escape``: ``&<>``, then known ``@user``, ``@group`` and ``#channel``."""
    return _MENTION.sub(lambda found: _mention(state, found), html.escape(text, quote=False))


def _mention(state: State, found: re.Match[str]) -> str:
    sign, name = found.groups()
    if sign == "#":
        channels = (c for c in state.workspace.channels.values() if c.name == name and not c.is_im)
        return next((f"<#{c.id}|{'' if c.is_private else c.name}>" for c in channels), found.group())
    for user in state.workspace.users.values():
        if user.name == name:
            return f"<@{user.id}|{user.name}>"
    groups = (g for g in state.workspace.groups.values() if g.handle == name)
    return next((f"<!subteam^{g.id}|@{g.handle}>" for g in groups), found.group())


def _known(state: State, command: str) -> str:
    registered = state.workspace.commands
    if not _COMMAND.fullmatch(command) or (registered and command not in registered):
        raise GestureError("unknown_command", f"{command} is not a valid command; known: {sorted(registered)}", 404)
    return command
