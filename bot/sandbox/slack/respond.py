"""Carries out an app's response through a response_url or in the ack of a slash command."""

from typing import Any

from bot.sandbox.slack.arguments import Arguments
from bot.sandbox.slack.content import new_content
from bot.sandbox.slack.errors import SlackError
from bot.sandbox.slack.messages import Message
from bot.sandbox.slack.responses import ResponseUrl
from bot.sandbox.slack.state import State

Json = dict[str, Any]


def respond(state: State, entry: ResponseUrl, payload: Json) -> Message | None:
    """Carry out one response; raises `SlackError` for content Slack refuses. Returns the message it made or changed."""
    args = Arguments(payload)
    if args.flag("delete_original") and entry.message:
        entry.message.deleted = True
        return None
    text, blocks = new_content(args)
    original = entry.message
    if args.flag("replace_original") and original and not original.deleted:
        state.rewrite(original, text, blocks)
        return original
    addressee = None if payload.get("response_type") == "in_channel" else entry.user
    thread_ts = _thread(state, entry, args.text("thread_ts"))
    return state.say(state.workspace.channels[entry.channel], text, blocks, addressee=addressee, thread_ts=thread_ts)


def _thread(state: State, entry: ResponseUrl, thread_ts: str) -> str | None:
    if thread_ts:
        root = state.messages.find(entry.channel, thread_ts)
        if root is None or root.addressee:
            raise SlackError("invalid_thread_ts")
        return root.thread_ts or root.ts
    return entry.message.thread_ts if entry.message else None
