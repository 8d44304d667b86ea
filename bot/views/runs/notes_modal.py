"""Builds the modal in which people write what went wrong, and reads it."""

from collections.abc import Mapping
from typing import Any

from bot.views.kit.blocks import Block
from bot.views.kit.text import clip, escape

CALLBACK_ID = "document_run"
WRONG_BLOCK = "wrong"
CHANGE_BLOCK = "change"
MAX_TEXT = 3000


def modal(run_id: str, metadata: str) -> Block:
    """Build the modal; `metadata` (at most 3,000 characters) comes back when it is submitted."""
    about = (
        f"It becomes part of the report of run `{escape(clip(run_id, 20))}`, with your name, "
        "for everyone in the channel. Write no patient's data."
    )
    return {
        "type": "modal",
        "callback_id": CALLBACK_ID,
        "private_metadata": metadata,
        "title": _plain("What went wrong"),
        "submit": _plain("Add to report"),
        "close": _plain("Back"),
        "blocks": [
            {"type": "section", "text": {"type": "mrkdwn", "text": about}},
            _input(WRONG_BLOCK, "What went wrong?", "What happened, since when, who noticed, what it meant for people"),
            _input(CHANGE_BLOCK, "What will be changed?", "So that it does not happen again") | {"optional": True},
        ],
    }


def read(view: Mapping[str, Any]) -> tuple[str, str]:
    """Read what was written from a submitted view: what went wrong, what will be changed; "" where nothing was."""
    return _written(view, WRONG_BLOCK), _written(view, CHANGE_BLOCK)


def _written(view: Mapping[str, Any], block: str) -> str:
    values = view.get("state", {}).get("values", {})
    return str(values.get(block, {}).get(block, {}).get("value") or "").replace("\0", "").strip()[:MAX_TEXT]


def _input(block: str, label: str, placeholder: str) -> Block:
    return {
        "type": "input",
        "block_id": block,
        "label": _plain(label),
        "element": {
            "type": "plain_text_input",
            "action_id": block,
            "multiline": True,
            "max_length": MAX_TEXT,
            "placeholder": _plain(placeholder),
        },
    }


def _plain(text: str) -> Block:
    return {"type": "plain_text", "text": text}
