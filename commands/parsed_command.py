"""The order for a rollback, whether it was typed or filled in: one payload, and the command that asks for it."""

from bot.domain.environments import Environment
from bot.engine.requests import Kind
from bot.errors import PermanentError
from bot.views.kit.blocks import page, section
from bot.views.kit.text import code, one_line
from commands import names
from commands.intake import Order

REASON_MOST = 500
_COMMAND = "/rollback"


def target_of(word: str, environment: str) -> str:
    """Read a migration (``027``, or its whole name) or a backup (its name, or ``latest``).

    Raises:
        PermanentError: what was wrong, and what was probably meant.
    """
    restores = names.is_backup(word, environment)
    return (names.backup_of if restores else names.migration_of)(word, environment)


def reason_of(text: str) -> str:
    """Check a reason.

    Raises:
        PermanentError: ``reason-too-long``.
    """
    if len(text) > REASON_MOST:
        raise PermanentError(
            "reason-too-long", f"The reason is {len(text)} characters long.", f"Say it in at most {REASON_MOST}."
        )
    return text


def rollback(environment: Environment, target: str, app: str, reason: str) -> Order:
    """Ask for a rollback; `target` is as `target_of` gives it, `app` as `names.app_of` does, or ""."""
    restores = names.is_backup(target, environment.name)
    what = {"backup": target} if restores else _migration(target)
    payload = {
        "environment": environment.name,
        **what,
        "app": app,
        "reason": reason,
        "asked_for": f"{_COMMAND} {environment.name} {target}" + (f" --app {app}" if app else ""),
    }
    words = f"restoring {code(target, 120)}" if restores else f"rolling back {one_line(target, 120)}"
    name = one_line(environment.name, 40)
    text = f"Looking at *{name}*: {words}. The plan will be posted in <#{environment.incident_channel}>."
    return Order(Kind.RESTORE if restores else Kind.ROLLBACK, payload, page(text, [section(text)]))


def _migration(target: str) -> dict[str, str]:
    """The number, and the name where one was typed: whoever mixes two migrations up must not get a plan for either."""
    number = target.partition("_")[0]
    return {"migration": number} | ({"named": target} if target != number else {})
