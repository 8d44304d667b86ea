"""Tracks response_urls: five uses within thirty minutes, bound to one gesture's channel, user and message."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from bot.sandbox.slack.messages import Message

MAX_USES = 5
LIFETIME_S = 1800.0


class UrlSpentError(Exception):
    """The URL no longer works; the argument is Slack's word: ``used_url`` or ``expired_url``."""


@dataclass
class ResponseUrl:
    """The remaining uses of one URL, and its user."""

    key: str
    user: str
    channel: str
    expires_at_s: float
    message: Message | None = None
    uses: int = 0


class ResponseUrls:
    """All response URLs given out."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._given: dict[str, ResponseUrl] = {}

    def issue(self, user: str, channel: str, message: Message | None = None) -> ResponseUrl:
        """Issue one for a gesture."""
        key = secrets.token_urlsafe(18)
        entry = self._given[key] = ResponseUrl(key, user, channel, self._clock() + LIFETIME_S, message)
        return entry

    def take(self, key: str) -> ResponseUrl:
        """Look up a URL that may be used once more; raises `UrlSpentError`."""
        entry = self._given.get(key)
        if entry is None or self._clock() > entry.expires_at_s:
            raise UrlSpentError("expired_url")
        if entry.uses >= MAX_USES:
            raise UrlSpentError("used_url")
        return entry
