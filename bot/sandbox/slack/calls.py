"""The log of every Web API call and response_url use: when, what was asked, what was answered."""

from collections import deque
from typing import Any

Json = dict[str, Any]
KEPT_MOST = 20_000


class Calls:
    """The calls, oldest first; the oldest are dropped beyond `KEPT_MOST`."""

    def __init__(self) -> None:
        self._kept: deque[Json] = deque(maxlen=KEPT_MOST)
        self._count = 0

    def record(self, call: Json) -> None:
        """Add one; it gets the next ``seq``."""
        self._count += 1
        self._kept.append({"seq": self._count, **call})

    def listed(self, method: str | None = None, since_seq: int = 0) -> list[Json]:
        """Those of a method (all when None) after a ``seq``."""
        return [c for c in self._kept if c["seq"] > since_seq and method in (None, c["method"])]
