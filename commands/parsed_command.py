"""Defines a command as it was understood, and builds the one for a rollback, typed or filled in."""

from dataclasses import dataclass

from bot.domain.environments import Environment
from bot.engine.requests import OpenRestore, OpenRollback, TypedRequest
from bot.views.kit.blocks import View, page, section
from bot.views.kit.text import code, one_line
from commands import names


@dataclass(frozen=True)
class ParsedCommand:
    """A command as it was understood: the request, and the answer that the person gets at once."""

    request: TypedRequest
    reply: View


def reply_with(request: TypedRequest, text: str) -> ParsedCommand:
    """Answer a request with one section of mrkdwn."""
    return ParsedCommand(request, page(text, [section(text)]))


def build_rollback(environment: Environment, target: str, app: str, reason: str) -> ParsedCommand:
    """Build the request for a rollback; `target` and `app` as `names` reads them, `app` "" for the newest that fits."""
    restores = names.is_backup(target, environment.name)
    asked_for = f"/rollback {environment.name} {target}" + (f" --app {app}" if app else "")
    request: TypedRequest
    if restores:
        request = OpenRestore(environment.name, target, app, reason, asked_for)
    else:
        number = target.partition("_")[0]
        # The engine compares the name, where one was typed, so that two migrations mixed up get no plan.
        request = OpenRollback(environment.name, number, app, reason, asked_for, target if target != number else "")
    words = f"restoring {code(target, 120)}" if restores else f"rolling back {one_line(target, 120)}"
    name = one_line(environment.name, 40)
    text = f"Looking at *{name}*: {words}. The plan will be posted in <#{environment.incident_channel}>."
    return reply_with(request, text)
