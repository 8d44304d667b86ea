"""Builds the modals about a run, in which people close its follow-up or write what went wrong, and reads them.

A modal's metadata (at most 3,000 characters) comes back when it is submitted.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bot.views.kit.blocks import Block
from bot.views.kit.text import clip, escape

CLOSE_FOLLOW_UP = "close_followup"
LINK_BLOCK = "link"
DOCUMENT = "document_run"
WRONG_BLOCK = "wrong"
CHANGE_BLOCK = "change"
MAX_TEXT = 3000
_MAX_LINK = 500


def render_follow_up(run_id: str, metadata: str) -> Block:
    """Build the modal that closes a run's follow-up."""
    question = f"Where is the fix for run `{escape(clip(run_id, 20))}` planned or done?"
    link = _input(LINK_BLOCK, "Link to the fix or the ticket", "https://…", {"max_length": _MAX_LINK})
    return _modal(CLOSE_FOLLOW_UP, metadata, ("Close follow-up", "Close it"), question, [link])


def render_notes(run_id: str, metadata: str) -> Block:
    """Build the modal in which people write what went wrong."""
    about = (
        f"It becomes part of the report of run `{escape(clip(run_id, 20))}`, with your name, "
        "for everyone in the channel. Write no patient's data."
    )
    long = {"multiline": True, "max_length": MAX_TEXT}
    happened = "What happened, since when, who noticed, what it meant for people"
    wrong = _input(WRONG_BLOCK, "What went wrong?", happened, long)
    change = _input(CHANGE_BLOCK, "What will be changed?", "So that it does not happen again", long)
    return _modal(DOCUMENT, metadata, ("What went wrong", "Add to report"), about, [wrong, change | {"optional": True}])


def read_link(view: Mapping[str, Any]) -> str:
    """Read the link as typed from a submitted view; "" where there is none."""
    return _typed(view, LINK_BLOCK).strip()


def read_notes(view: Mapping[str, Any]) -> tuple[str, str]:
    """Read what was written from a submitted view: what went wrong, what will be changed; "" where nothing was."""
    wrong, change = (_typed(view, block).replace("\0", "").strip() for block in (WRONG_BLOCK, CHANGE_BLOCK))
    return wrong[:MAX_TEXT], change[:MAX_TEXT]


def _modal(callback_id: str, metadata: str, words: tuple[str, str], text: str, inputs: Sequence[Block]) -> Block:
    title, submit = words
    return {
        "type": "modal",
        "callback_id": callback_id,
        "private_metadata": metadata,
        "title": _plain(title),
        "submit": _plain(submit),
        "close": _plain("Back"),
        "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": text}}, *inputs],
    }


def _input(block: str, label: str, placeholder: str, limits: Mapping[str, Any]) -> Block:
    element = {"type": "plain_text_input", "action_id": block, "placeholder": _plain(placeholder), **limits}
    return {"type": "input", "block_id": block, "label": _plain(label), "element": element}


def _typed(view: Mapping[str, Any], block: str) -> str:
    values = view.get("state", {}).get("values", {})
    return str(values.get(block, {}).get(block, {}).get("value") or "")


def _plain(text: str) -> Block:
    return {"type": "plain_text", "text": text}
