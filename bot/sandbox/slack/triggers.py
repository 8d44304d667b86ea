"""Trigger ids: the right to open a modal, given by a gesture, good once and for about three seconds."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from bot.sandbox.slack.errors import SlackError

LIFETIME_S = 3.0


@dataclass
class Trigger:
    """Whose gesture it was, and until when it counts."""

    user: str
    expires_at_s: float
    used: bool = False


class Triggers:
    """All trigger ids given out."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._given: dict[str, Trigger] = {}

    def give(self, user: str) -> str:
        """Give one to a user's gesture."""
        name = f"{secrets.randbelow(10**12)}.{secrets.randbelow(10**10)}.{secrets.token_hex(16)}"
        self._given[name] = Trigger(user, self._clock() + LIFETIME_S)
        return name

    def spend(self, name: str) -> str:
        """Use one up and give its user; raises `SlackError` when it is unknown, late or spent."""
        trigger = self._given.get(name)
        if trigger is None:
            raise SlackError("invalid_trigger_id")
        if trigger.used:
            raise SlackError("exchanged_trigger_id")
        if self._clock() > trigger.expires_at_s:
            raise SlackError("expired_trigger_id")
        trigger.used = True
        return trigger.user
