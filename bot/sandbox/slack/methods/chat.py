"""Implements chat.*: posting, updating, deleting, ephemerals, permalinks."""

import re
from typing import Any

from bot.sandbox.slack.arguments import Arguments
from bot.sandbox.slack.content import MAX_UPDATE_TEXT, message_content, new_content
from bot.sandbox.slack.errors import SlackError
from bot.sandbox.slack.messages import Message
from bot.sandbox.slack.state import State
from bot.sandbox.slack.workspace import Channel

Json = dict[str, Any]
_TS = re.compile(r"\d{1,12}\.\d{1,6}")


def post_message(state: State, args: Arguments) -> Json:
    """Post to a channel, a thread, or (by user id) a direct conversation."""
    channel = writable(state, args.required("channel", "channel_not_found"))
    text, blocks = new_content(args)
    message = state.say(
        channel,
        text,
        blocks,
        thread_ts=find_thread(state, channel, args.text("thread_ts")),
        metadata=_metadata(args),
        broadcast=args.flag("reply_broadcast"),
    )
    shown = state.messages.as_slack(message) | {"app_id": state.workspace.app_id, "team": state.workspace.team_id}
    return {"channel": channel.id, "ts": message.ts, "message": shown}


def post_ephemeral(state: State, args: Arguments) -> Json:
    """Show a message to one user of a channel; it cannot be updated or reacted to."""
    channel = writable(state, args.required("channel", "channel_not_found"))
    user = args.required("user", "user_not_found")
    if user not in state.workspace.users or user not in channel.members:
        raise SlackError("user_not_in_channel")
    text, blocks = new_content(args)
    thread_ts = find_thread(state, channel, args.text("thread_ts"))
    message = state.say(channel, text, blocks, addressee=user, thread_ts=thread_ts)
    return {"message_ts": message.ts}


def update(state: State, args: Arguments) -> Json:
    """Change an own message; blocks left out stay as they are."""
    channel = writable(state, args.required("channel", "channel_not_found"))
    message = own_message(state, channel, args.text("ts"), "cant_update_message")
    text, blocks = message_content(args)
    if len(args.text("text")) > MAX_UPDATE_TEXT:
        raise SlackError("msg_too_long")
    kept = message.blocks if blocks is None else blocks
    if not text.strip() and not kept:
        raise SlackError("no_text")
    state.rewrite(message, text if "text" in args.given else message.text, kept)
    shown = state.messages.as_slack(message)
    return {"channel": channel.id, "ts": message.ts, "text": message.text, "message": shown}


def delete(state: State, args: Arguments) -> Json:
    """Delete an own message."""
    channel = state.channel(args.required("channel", "channel_not_found"))
    message = own_message(state, channel, args.text("ts"), "cant_delete_message")
    message.deleted = True
    return {"channel": channel.id, "ts": message.ts}


def get_permalink(state: State, args: Arguments) -> Json:
    """Return a message's address."""
    channel = state.channel(args.required("channel", "channel_not_found"))
    message = state.messages.public(channel.id, args.text("message_ts"))
    return {"channel": channel.id, "permalink": state.permalink(message)}


def writable(state: State, reference: str) -> Channel:
    """Return a channel the bot may write to; a user id means the direct conversation with that user."""
    if reference in state.workspace.users:
        return state.direct(state.user(reference))
    channel = state.channel(reference)
    if channel.is_archived:
        raise SlackError("is_archived")
    joinable = not channel.is_private and "chat:write.public" in state.workspace.scopes
    if state.workspace.bot_user not in channel.members and not joinable:
        raise SlackError("not_in_channel")
    return channel


def find_thread(state: State, channel: Channel, thread_ts: str) -> str | None:
    """Return the root ``ts`` a reply belongs under; a reply's own ts leads to its root."""
    if not thread_ts:
        return None
    if not _TS.fullmatch(thread_ts):
        raise SlackError("invalid_thread_ts")
    root = state.messages.find(channel.id, thread_ts)
    if root is None:
        raise SlackError("thread_not_found")
    if root.addressee:
        raise SlackError("cannot_reply_to_message")
    return root.thread_ts or root.ts


def own_message(state: State, channel: Channel, ts: str, refusal: str) -> Message:
    """Return a message the bot wrote; raises ``message_not_found`` or the given refusal."""
    message = state.messages.public(channel.id, ts)
    if message.bot_id != state.workspace.bot_id:
        raise SlackError(refusal)
    return message


def _metadata(args: Arguments) -> Json | None:
    metadata = args.json("metadata", "invalid_metadata_format")
    if metadata is None:
        return None
    if not isinstance(metadata, dict) or not isinstance(metadata.get("event_payload"), dict):
        raise SlackError("invalid_metadata_format")
    if not isinstance(metadata.get("event_type"), str):
        raise SlackError("invalid_metadata_schema")
    return {"event_type": metadata["event_type"], "event_payload": metadata["event_payload"]}
