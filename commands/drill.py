"""`/drill`: what drills have taught."""

from slack_bolt import Ack, App

from bot.engine.requests import Kind
from bot.errors import PermanentError
from bot.views import refusal
from commands import names
from commands.arguments import quote, split
from commands.intake import Body, Desk, Order

COMMAND = "/drill"
_REPORT = "report"


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
    if not words or words[0].lower() != _REPORT:
        said = f"{quote(' '.join(words))} cannot be read." if words else "Nothing was asked for."
        raise PermanentError("cannot-read-that", said, f"Type {COMMAND} {_REPORT}, or {COMMAND} {_REPORT} ENV.")
    return read_report(words[1:], desk)


def read_report(words: list[str], desk: Desk) -> Order:
    """Understand what follows `/drill report`.

    Raises:
        PermanentError: ``too-many-words``, ``unknown-environment``.
    """
    if len(words) > 1:
        raise PermanentError(
            "too-many-words", f"{quote(' '.join(words[1:]))} is too much.", f"Type {COMMAND} {_REPORT} ENV."
        )
    environment = names.environment_of(words[0], desk.environments, f"{COMMAND} {_REPORT} ENV") if words else ""
    about = f" of {environment}" if environment else ""
    reply = f"Looking at the drills{about}… The report is posted in this channel; I must be a member of it."
    return Order(Kind.DRILL_REPORT, {"environment": environment}, refusal.plain(reply))
