"""Implements reactions.*: the bot's own reactions."""

import re
from typing import Any

from bot.sandbox.slack.arguments import Arguments
from bot.sandbox.slack.errors import SlackError
from bot.sandbox.slack.messages import Message
from bot.sandbox.slack.state import State

Json = dict[str, Any]
MAX_KINDS = 23
MAX_LISTED = 1
"""People in a list that is not asked for in full. Slack says no number; it leaves out some of many."""
_NAME = re.compile(r"[a-z0-9_+'-]{1,100}(::skin-tone-[2-6])?")


def emoji(name: str) -> str:
    """Check an emoji's name; raises `SlackError` ``invalid_name`` (colons are no part of it)."""
    if not _NAME.fullmatch(name):
        raise SlackError("invalid_name")
    return name


def add(state: State, args: Arguments) -> Json:
    """React as the bot."""
    name = emoji(args.text("name"))
    message = _message(state, args)
    if name not in message.reactions and len(message.reactions) >= MAX_KINDS:
        raise SlackError("too_many_emoji")
    state.react(message, state.user(state.workspace.bot_user), name)
    return {}


def remove(state: State, args: Arguments) -> Json:
    """Take an own reaction back."""
    name = emoji(args.text("name"))
    state.unreact(_message(state, args), state.user(state.workspace.bot_user), name)
    return {}


def get(state: State, args: Arguments) -> Json:
    """Return a message with its reactions; without ``full`` people are left out of a list, as Slack may do."""
    message = _message(state, args)
    shown = state.messages.as_slack(message) | {"permalink": state.permalink(message)}
    if not args.flag("full"):
        listed = shown.get("reactions", ())
        shown |= {"reactions": [item | {"users": item["users"][:MAX_LISTED]} for item in listed]} if listed else {}
    return {"type": "message", "channel": message.channel, "message": shown}


def _message(state: State, args: Arguments) -> Message:
    channel = state.channel(args.required("channel", "channel_not_found"))
    timestamp = args.required("timestamp", "no_item_specified")
    if state.workspace.bot_user not in channel.members:
        raise SlackError("not_in_channel")
    return state.messages.public(channel.id, timestamp)
