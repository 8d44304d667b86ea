"""`/drill ENV now KIND`."""

from slack_bolt import Ack, App

from bot.domain.drills import DrillKind
from bot.engine.requests import Kind
from bot.errors import PermanentError
from bot.views import refusal
from commands import names
from commands.arguments import split
from commands.intake import Body, Desk, Order

COMMAND = "/drill"
_WORDS = 3


def register(app: App, desk: Desk) -> None:
    """Answer `/drill`."""

    @app.command(COMMAND)
    def drill(ack: Ack, body: Body) -> None:
        desk.take_command(ack, body, lambda text: read(text, desk))


def read(text: str, desk: Desk) -> Order:
    """Understand what follows `/drill`.

    Raises:
        PermanentError: what was wrong, and what to type instead.
    """
    words = split(text)
    if len(words) != _WORDS or words[1] != "now" or words[2] not in set(DrillKind):
        raise PermanentError("cannot-read-that", "That is no drill.", f"Type {COMMAND} ENV now {'|'.join(DrillKind)}")
    environment = names.environment_of(words[0], desk.environments, f"{COMMAND} ENV now {words[2]}")
    payload = {"environment": environment, "kind": words[2]}
    return Order(Kind.DRILL, payload, refusal.plain(f"A {words[2]} drill of {environment} begins."))
