"""Implements conversations.*: channels, their members, their messages."""

from typing import Any, TypeVar

from bot.sandbox.slack.arguments import Arguments
from bot.sandbox.slack.errors import SlackError
from bot.sandbox.slack.messages import Message
from bot.sandbox.slack.state import State
from bot.sandbox.slack.workspace import Channel

Json = dict[str, Any]
T = TypeVar("T")
MAX_PAGE = 1000
MAX_GROUP = 8


def info(state: State, args: Arguments) -> Json:
    """Return one channel."""
    channel = state.channel(args.required("channel", "channel_not_found"))
    return {"channel": channel.as_slack(state.workspace.bot_user)}


def members(state: State, args: Arguments) -> Json:
    """Return a channel's members, in pages."""
    channel = state.channel(args.required("channel", "channel_not_found"))
    page, cursor = _page(sorted(channel.members), args, 100)
    return {"members": page, "response_metadata": {"next_cursor": cursor}}


def open_direct(state: State, args: Arguments) -> Json:
    """Open the direct conversation with one user, or a group conversation with up to eight."""
    names = [name for name in args.text("users").split(",") if name]
    if not names:
        raise SlackError("users_list_not_supplied")
    if len(names) > MAX_GROUP:
        raise SlackError("too_many_users")
    users = [state.user(name) for name in names]
    if any(user.deleted for user in users):
        raise SlackError("user_disabled")
    if any(user.is_bot or user.id == "USLACKBOT" for user in users):
        raise SlackError("cannot_dm_bot")
    channel = state.direct(users[0]) if len(users) == 1 else _group(state, names)
    return {"channel": {"id": channel.id}}


def history(state: State, args: Arguments) -> Json:
    """Return a channel's messages, newest first, without thread replies."""
    channel = _joined(state, args)
    found = [m for m in _public(state, channel) if m.thread_ts is None or m.broadcast]
    found = [m for m in found if _within(m, args)]
    page, cursor = _page(list(reversed(found)), args, 100)
    shown = [state.messages.as_slack(m) for m in page]
    return {"messages": shown, "has_more": bool(cursor), "response_metadata": {"next_cursor": cursor}}


def replies(state: State, args: Arguments) -> Json:
    """Return a thread, root first."""
    channel = _joined(state, args)
    root = state.messages.find(channel.id, args.text("ts"))
    if root is None or root.addressee:
        raise SlackError("thread_not_found")
    found = [m for m in state.messages.thread(channel.id, root.thread_ts or root.ts) if not m.addressee]
    found = [m for m in found if m.thread_ts is None or _within(m, args)]
    page, cursor = _page(found, args, MAX_PAGE)
    shown = [state.messages.as_slack(m) for m in page]
    return {"messages": shown, "has_more": bool(cursor), "response_metadata": {"next_cursor": cursor}}


def _joined(state: State, args: Arguments) -> Channel:
    channel = state.channel(args.required("channel", "channel_not_found"))
    if state.workspace.bot_user not in channel.members:
        raise SlackError("not_in_channel")
    return channel


def _public(state: State, channel: Channel) -> list[Message]:
    return [m for m in state.messages.in_channel(channel.id) if not m.addressee and not m.deleted]


def _within(message: Message, args: Arguments) -> bool:
    oldest, latest = args.text("oldest") or "0", args.text("latest") or "9999999999.999999"
    if args.flag("inclusive"):
        return float(oldest) <= float(message.ts) <= float(latest)
    return float(oldest) < float(message.ts) < float(latest)


def _page(items: list[T], args: Arguments, default: int) -> tuple[list[T], str]:
    limit = args.number("limit", default)
    if not 1 <= limit <= MAX_PAGE:
        raise SlackError("invalid_limit")
    try:
        start = int(args.text("cursor") or 0)
    except ValueError:
        raise SlackError("invalid_cursor") from None
    following = start + limit
    return items[start:following], str(following) if following < len(items) else ""


def _group(state: State, names: list[str]) -> Channel:
    everyone = {*names, state.workspace.bot_user}
    for channel in state.workspace.channels.values():
        if channel.members == everyone and channel.name.startswith("mpdm-"):
            return channel
    name = f"G{len(state.workspace.channels):08d}"
    channel = Channel(name, "mpdm-" + "-".join(sorted(everyone)).lower(), everyone, is_private=True)
    state.workspace.channels[name] = channel
    return channel
