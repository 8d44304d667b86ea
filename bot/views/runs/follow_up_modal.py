"""Builds the modal that closes a run's follow-up, and reads the link from it."""

from collections.abc import Mapping
from typing import Any

from bot.views.kit.blocks import Block
from bot.views.kit.text import clip, escape

CALLBACK_ID = "close_followup"
LINK_BLOCK = "link"
_MAX_LINK = 500


def modal(run_id: str, metadata: str) -> Block:
    """Build the modal; `metadata` (at most 3,000 characters) comes back when it is submitted."""
    return {
        "type": "modal",
        "callback_id": CALLBACK_ID,
        "private_metadata": metadata,
        "title": _plain("Close follow-up"),
        "submit": _plain("Close it"),
        "close": _plain("Back"),
        "blocks": [
            {
                "type": "section",
                "text": {
                    "type": "mrkdwn",
                    "text": f"Where is the fix for run `{escape(clip(run_id, 20))}` planned or done?",
                },
            },
            {
                "type": "input",
                "block_id": LINK_BLOCK,
                "label": _plain("Link to the fix or the ticket"),
                "element": {
                    "type": "plain_text_input",
                    "action_id": LINK_BLOCK,
                    "max_length": _MAX_LINK,
                    "placeholder": _plain("https://…"),
                },
            },
        ],
    }


def read_link(view: Mapping[str, Any]) -> str:
    """Read the link as typed from a submitted view; "" where there is none."""
    values = view.get("state", {}).get("values", {})
    return str(values.get(LINK_BLOCK, {}).get(LINK_BLOCK, {}).get("value") or "").strip()


def _plain(text: str) -> Block:
    return {"type": "plain_text", "text": text}
