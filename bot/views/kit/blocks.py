"""Builds Slack blocks within Slack's limits: every message that they make can be sent.

A message may have 50 blocks, 3,000 characters in a section, 10 elements in a context, and about 13,200 characters in
all. A `Page` keeps to a little less.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.errors import BotError
from bot.views.kit.text import one_line, prose

Block = dict[str, Any]
MAX_SECTION = 2900
MAX_PAGE = 12_000
MAX_BLOCKS = 48
MAX_HEADER = 150
MAX_BUTTON_TEXT = 75
MAX_VALUE = 2000
_MAX_MESSAGE = 1800
_MAX_HINT = 900
MAX_TEXT = 3000


@dataclass(frozen=True)
class View:
    """A rendered message: its blocks, and the text that notifications and old clients show."""

    text: str
    blocks: Sequence[Block]


def section(text: str) -> Block:
    """Build a paragraph of mrkdwn, already escaped, at most `MAX_SECTION` long."""
    # verbatim: Slack must not make links or mentions of anything we have not written as one.
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def header(text: str) -> Block:
    """Build a large plain line; foreign text is welcome."""
    shown = one_line(text, MAX_HEADER)
    return {"type": "header", "text": {"type": "plain_text", "text": shown, "emoji": True}}


def context(*lines: str) -> Block:
    """Build small print; each line mrkdwn, already escaped. Lines past the tenth are left out."""
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": line, "verbatim": True} for line in lines[:10]]}


def divider() -> Block:
    """Build a rule."""
    return {"type": "divider"}


def confirm(title: str, text: str, yes: str, no: str = "Back") -> Block:
    """Build a confirmation dialog; `text` is plain and at most 300 characters."""
    return {
        "title": _plain(title, 100),
        "text": _plain(text, 300),
        "confirm": _plain(yes, 30),
        "deny": _plain(no, 30),
    }


def button(text: str, action_id: str, value: str, *, style: str = "", ask: Block | None = None) -> Block:
    """Build a button. `style` is ``primary``, ``danger`` or ""; `ask` a confirmation dialog."""
    made: Block = {
        "type": "button",
        "text": _plain(text, MAX_BUTTON_TEXT),
        "action_id": action_id,
        "value": value[:MAX_VALUE],
    }
    return made | ({"style": style} if style else {}) | ({"confirm": ask} if ask else {})


def overflow(action_id: str, choices: Mapping[str, str], ask: Block | None = None) -> Block:
    """Build a menu behind three dots from two to five entries: text and value."""
    options = [{"text": _plain(text, MAX_BUTTON_TEXT), "value": value} for text, value in choices.items()]
    return {"type": "overflow", "action_id": action_id, "options": options} | ({"confirm": ask} if ask else {})


def actions(buttons: Sequence[Block]) -> list[Block]:
    """Build a row of buttons; no block at all when there are none."""
    return [{"type": "actions", "elements": list(buttons[:25])}] if buttons else []


def listing(title: str, lines: Sequence[str], most: int, total: int = 0) -> str:
    """Join a title and as many lines as fit into `most` characters; the rest is counted: ``… and 12 more``.

    `total` counts more than these lines, where the caller has left some out.
    """
    room = most - len(title) - len("\n… and 1,000,000 more")
    kept: list[str] = []
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            break
        kept.append(line)
    left = max(total, len(lines)) - len(kept)
    return "\n".join([title, *kept, *([f"… and {left:,} more"] if left else [])]).strip()


def paginate(lines: Sequence[str], most: int) -> list[Block]:
    """Spread lines over as many sections as they need, `most` characters in all; the rest is counted."""
    text = listing("", lines, most)
    sections: list[str] = []
    for line in text.split("\n"):
        if sections and len(sections[-1]) + len(line) < MAX_SECTION:
            sections[-1] += "\n" + line
        else:
            sections.append(line)
    return [section(part) for part in sections if part]


def page(text: str, blocks: Iterable[Block]) -> View:
    """Put a message together; blocks that no longer fit are left out from the end, and that is said.

    Buttons are small and must not be lost: every view keeps its lists short enough that this never cuts them.
    """
    kept: list[Block] = []
    room = MAX_PAGE
    whole = list(blocks)
    for block in whole:
        room -= characters(block)
        if room < 0 or len(kept) == MAX_BLOCKS:
            kept.append(context("… the rest does not fit into a message."))
            break
        kept.append(block)
    return View(text[:MAX_TEXT], kept)


def characters(value: object) -> int:
    """Count the characters of all text in blocks."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Mapping):
        return sum(characters(part) for key, part in value.items() if key not in {"type", "action_id", "value"})
    return sum(characters(part) for part in value) if isinstance(value, list) else 0


def _plain(text: str, most: int) -> Block:
    return {"type": "plain_text", "text": one_line(text, most), "emoji": True}


def render_error(error: BotError) -> View:
    """Render ``✗ reference: message``, and below it what to do instead."""
    first = f"✗ *{one_line(error.reference, 80)}*: {prose(error.message, _MAX_MESSAGE)}"
    hint = prose(error.hint, _MAX_HINT)
    plain = f"✗ {one_line(error.reference, 80)}: {prose(error.message, _MAX_MESSAGE)}"
    return page(f"{plain}\n{hint}".strip(), [section(f"{first}\n{hint}".strip())])


def render_sentence(text: str) -> View:
    """Render plain text as a message; it can mention people, never groups or everyone."""
    shown = prose(text, _MAX_MESSAGE) or "…"
    return page(shown, [section(shown)])
