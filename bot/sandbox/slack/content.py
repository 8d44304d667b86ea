"""Checks a message's text and blocks as Slack does."""

from typing import Any

from bot.sandbox.slack.arguments import Arguments
from bot.sandbox.slack.blocks import message_problems
from bot.sandbox.slack.blocks.surfaces import MAX_MESSAGE_CHARACTERS, characters
from bot.sandbox.slack.errors import SlackError, with_reasons

Json = dict[str, Any]
TEXT_CUT_AT = 40_000
MAX_UPDATE_TEXT = 4000


def message_content(args: Arguments) -> tuple[str, list[Json] | None]:
    """Return ``(text, blocks)``, blocks None when absent; raises `SlackError` for what Slack refuses."""
    blocks = args.json("blocks", "invalid_blocks_format")
    if args.json("attachments", "invalid_attachments"):
        raise with_reasons("invalid_attachments", ["attachments are legacy; use blocks"])
    if blocks is not None and not isinstance(blocks, list):
        raise SlackError("invalid_blocks_format")
    if blocks and (reasons := message_problems(blocks)):
        raise with_reasons("invalid_blocks", reasons)
    if blocks and characters(blocks) > MAX_MESSAGE_CHARACTERS:
        raise SlackError("msg_blocks_too_long")
    return args.text("text")[:TEXT_CUT_AT], blocks


def new_content(args: Arguments) -> tuple[str, list[Json]]:
    """Return the content of a new message; raises ``no_text`` when there is none."""
    text, blocks = message_content(args)
    if not text.strip() and not blocks:
        raise SlackError("no_text")
    return text, blocks or []
