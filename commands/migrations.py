"""Reads `/migrations ENV`, which shows versions, the matrix, and the cost of undoing each migration."""

from slack_bolt import Ack, App

from bot.engine.requests import ShowMigrations
from bot.errors import PermanentError
from bot.views.kit.blocks import render_sentence
from commands import names
from commands.arguments import quote, split
from commands.intake import Body, Desk, ParsedCommand

COMMAND = "/migrations"


def register(app: App, desk: Desk) -> None:
    """Answer `/migrations`."""

    @app.command(COMMAND)
    def migrations(ack: Ack, body: Body) -> None:
        desk.take_command(ack, body, lambda text: read(text, desk))


def read(text: str, desk: Desk) -> ParsedCommand:
    """Read the text after `/migrations`; the environment may be left out where there is only one.

    Raises:
        PermanentError: what was wrong, and a suggestion.
    """
    words = split(text)
    if len(words) > 1:
        raise PermanentError(
            "too-many-words", f"{quote(' '.join(words[1:]))} is too much.", f"Type {COMMAND} and an environment."
        )
    if not words and len(desk.environments) == 1:
        words = list(desk.environments)
    if not words:
        raise PermanentError(
            "which-environment",
            "Which environment?",
            "Type one of: " + ", ".join(f"{COMMAND} {name}" for name in sorted(desk.environments)),
        )
    environment = names.read_environment(words[0], desk.environments, f"{COMMAND} ENV")
    return ParsedCommand(ShowMigrations(environment), render_sentence(f"Looking at {environment}…"))
