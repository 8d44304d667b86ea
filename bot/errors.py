"""Defines the errors that reach a user: a stable reference, what happened, and what to do next.

Adapters translate their SDK's exceptions into these at the boundary and chain the original as the cause.
"""


class BotError(Exception):
    """An error a person can act on.

    Args:
        reference: stable kebab-case identifier, e.g. ``no-down-script``; documented in ``docs/errors.md``.
        message: what happened, one sentence, safe to show in a channel (no secret, DSN or patient row).
        hint: what to do or type next; empty only where there is nothing to do.
    """

    def __init__(self, reference: str, message: str, hint: str = "") -> None:
        super().__init__(reference, message, hint)
        self.reference = reference
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.reference}: {self.message}" + (f" {self.hint}" if self.hint else "")


class PermanentError(BotError):
    """Trying again changes nothing: a refusal, a missing right, bad input."""


class RefusedError(PermanentError):
    """A right is missing. Where it was proven before, trying again may work: a server that has just started refuses
    good tokens until it has read its rules.
    """


class TemporaryError(BotError):
    """Trying again may work: a timeout, a conflict, a rate limit, a connection lost.

    Args:
        retry_after_s: seconds after which the other side allows a retry; None where it does not say.
    """

    def __init__(self, reference: str, message: str, hint: str = "", *, retry_after_s: float | None = None) -> None:
        super().__init__(reference, message, hint)
        self.retry_after_s = retry_after_s
