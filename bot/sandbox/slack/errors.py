"""Names refusals: Slack's error codes, and the control API's answers to an impossible gesture."""

from typing import Any


class SlackError(Exception):
    """A Web API method refused.

    Args:
        error: Slack's word for it, e.g. ``channel_not_found``.
        extra: more keys of the answer, e.g. ``response_metadata``.
    """

    def __init__(self, error: str, **extra: Any) -> None:
        super().__init__(error)
        self.error = error
        self.extra = extra


class GestureError(Exception):
    """A gesture that Slack's client does not allow: no such user, channel, message, button.

    Args:
        error: a short reference, e.g. ``user_not_found``.
        message: one sentence for the person who drives the sandbox.
        status: the HTTP status, 400 to 499.
    """

    def __init__(self, error: str, message: str, status: int = 400) -> None:
        super().__init__(error, message)
        self.error = error
        self.message = message
        self.status = status


def with_reasons(error: str, reasons: list[str]) -> SlackError:
    """Return a refusal that says why, in ``errors`` and ``response_metadata.messages`` as Slack does."""
    messages = [f"[ERROR] {reason}" for reason in reasons]
    return SlackError(error, errors=reasons, response_metadata={"messages": messages})
