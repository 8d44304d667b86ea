"""Shows a refusal with its way out, or a plain sentence."""

from bot.errors import BotError
from bot.views.kit.blocks import View, page, section
from bot.views.kit.text import one_line, prose

_MAX_MESSAGE = 1800
_MAX_HINT = 900


def render(error: BotError) -> View:
    """Render ``✗ reference: message``, and below it what to do instead."""
    first = f"✗ *{one_line(error.reference, 80)}*: {prose(error.message, _MAX_MESSAGE)}"
    hint = prose(error.hint, _MAX_HINT)
    plain = f"✗ {one_line(error.reference, 80)}: {prose(error.message, _MAX_MESSAGE)}"
    return page(f"{plain}\n{hint}".strip(), [section(f"{first}\n{hint}".strip())])


def plain(text: str) -> View:
    """Render a sentence for one person."""
    shown = prose(text, _MAX_MESSAGE) or "…"
    return page(shown, [section(shown)])


def note(text: str) -> View:
    """Render a line for everyone in a thread; it can name people, never groups or everyone."""
    shown = prose(text, _MAX_MESSAGE) or "…"
    return page(shown, [section(shown)])
