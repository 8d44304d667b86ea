"""Enforces Slack's rate limits: one token bucket per method, and per channel for ``chat.postMessage``.

A tier is its calls per minute; the bucket holds a minute's worth, which is how Slack lets short bursts pass.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

TIER_1, TIER_2, TIER_3, TIER_4, SPECIAL = 1, 20, 50, 100, 300
TIER_1_BURST = 20  # a reconnecting client is tolerated
POST_BURST = 5  # chat.postMessage: one a second a channel, short bursts pass

TIERS = {
    "auth.test": SPECIAL,
    "apps.connections.open": TIER_1,
    "chat.update": TIER_3,
    "chat.delete": TIER_3,
    "chat.postEphemeral": TIER_4,
    "chat.getPermalink": SPECIAL,
    "reactions.add": TIER_3,
    "reactions.remove": TIER_2,
    "reactions.get": TIER_3,
    "users.info": TIER_4,
    "usergroups.list": TIER_2,
    "usergroups.users.list": TIER_2,
    "conversations.info": TIER_3,
    "conversations.members": TIER_4,
    "conversations.open": TIER_3,
    "conversations.history": TIER_3,
    "conversations.replies": TIER_3,
    "views.open": TIER_4,
    "views.update": TIER_4,
    "views.publish": TIER_4,
    "views.push": TIER_4,
    "files.getUploadURLExternal": TIER_4,
    "files.completeUploadExternal": TIER_4,
}


@dataclass
class Bucket:
    """Tokens left at ``at_s``."""

    tokens: float
    at_s: float


class RateLimits:
    """Counts calls against Slack's rates.

    Args:
        clock: wall clock, seconds.
        scale: multiplies every rate and burst; 0 turns the limits off.
    """

    def __init__(self, clock: Callable[[], float], scale: float = 1.0) -> None:
        self._clock = clock
        self.scale = scale
        self._buckets: dict[tuple[str, str], Bucket] = {}

    def wait_s(self, method: str, channel: str) -> int:
        """Take one call; 0 when it may pass, else the whole seconds to wait (``Retry-After``)."""
        if self.scale <= 0:
            return 0
        per_s, burst = self._rate(method)
        key = (method, channel if method == "chat.postMessage" else "")
        bucket = self._buckets.setdefault(key, Bucket(burst, self._clock()))
        now_s = self._clock()
        bucket.tokens = min(burst, bucket.tokens + max(0.0, now_s - bucket.at_s) * per_s)
        bucket.at_s = now_s
        if bucket.tokens < 1:
            return max(1, math.ceil((1 - bucket.tokens) / per_s))
        bucket.tokens -= 1
        return 0

    def _rate(self, method: str) -> tuple[float, float]:
        if method == "chat.postMessage":
            return self.scale, max(1.0, POST_BURST * self.scale)
        per_minute = TIERS[method] * self.scale
        burst = TIER_1_BURST if TIERS[method] == TIER_1 else TIERS[method]
        return per_minute / 60, max(1.0, burst * self.scale)
