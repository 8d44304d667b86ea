"""Injects faults on request. Without ``times`` a fault lasts until it is cleared.

Web API: ``429``, ``5xx``, ``error`` and ``delay``, for one ``method`` or all, and ``drop`` with a ``method``: the
connection closes without an answer. With ``after`` the effect takes place and the answer is lost. Socket Mode:
``duplicate``, ``drop`` without a method, ``delay`` with method ``socket``, and ``disconnect``, which acts at once.
``rates`` sets the rate limits' scale.
"""

from dataclasses import asdict, dataclass
from types import NoneType
from typing import Any

from bot.sandbox.slack.errors import GestureError

Json = dict[str, Any]
SOCKET = "socket"
WEB_KINDS = frozenset({"429", "5xx", "error", "delay", "drop"})
SOCKET_KINDS = frozenset({"duplicate", "drop", "delay"})
IMMEDIATE_KINDS = frozenset({"disconnect", "rates"})
KINDS = WEB_KINDS | SOCKET_KINDS | IMMEDIATE_KINDS
REASONS = ("warning", "refresh_requested", "link_disabled")


@dataclass
class Fault:
    """One fault. Times in seconds; ``times`` is how often it strikes, None for until cleared."""

    kind: str
    method: str | None = None
    channel: str | None = None
    times: int | None = None
    retry_after_s: float = 1.0
    delay_s: float = 0.0
    error: str = "internal_error"
    status: int = 503
    after: bool = False
    reason: str | None = None
    scale: float = 1.0

    def strikes(self, method: str, channel: str) -> bool:
        """Tell whether it concerns this call."""
        return self.method in (None, method) and self.channel in (None, channel)


_NUMBER, _TEXT = (int, float), (str, NoneType)
_TYPES: dict[str, tuple[type, ...]] = {
    "method": _TEXT,
    "channel": _TEXT,
    "times": (int, NoneType),
    "retry_after_s": _NUMBER,
    "delay_s": _NUMBER,
    "error": (str,),
    "status": (int,),
    "after": (bool,),
    "reason": _TEXT,
    "scale": _NUMBER,
}


def parse(body: Json) -> Fault:
    """Read a fault from the control API; raises `GestureError` with what is wrong."""
    body = {name: value for name, value in body.items() if name != "target"}
    names = set(Fault.__dataclass_fields__)
    if unknown := sorted(body.keys() - names):
        raise GestureError("unknown_field", f"a Slack fault has no {', '.join(unknown)}; it has {sorted(names)}")
    kind = str(body.pop("kind", ""))
    if kind not in KINDS:
        raise GestureError("unknown_kind", f"kind must be one of {sorted(KINDS)}")
    for name, value in body.items():
        if not isinstance(value, _TYPES[name]) or (isinstance(value, bool) and name != "after"):
            raise GestureError("invalid_field", f"{name} cannot be {value!r}")
    fault = Fault(kind=kind, **body)
    if fault.reason is not None and fault.reason not in REASONS:
        raise GestureError("unknown_reason", f"reason must be one of {list(REASONS)}")
    if fault.times is not None and fault.times < 1:
        raise GestureError("invalid_times", "times must be 1 or more")
    return fault


class Faults:
    """The faults in force, first come first struck."""

    def __init__(self) -> None:
        self._active: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Put one in force."""
        self._active.append(fault)

    def clear(self) -> None:
        """Lift them all."""
        self._active.clear()

    def listed(self) -> list[Json]:
        """Those in force, as JSON."""
        return [asdict(fault) for fault in self._active]

    def web(self, method: str, channel: str) -> Fault | None:
        """Take the fault that strikes this Web API call, if any."""
        return self._take(lambda f: f.kind in WEB_KINDS and _on_web(f) and f.strikes(method, channel))

    def socket(self, kind: str) -> Fault | None:
        """Take a fault of this kind on Socket Mode deliveries, if any."""
        return self._take(lambda f: f.kind == kind and (f.method == SOCKET or (kind != "delay" and f.method is None)))

    def _take(self, wanted: Any) -> Fault | None:
        fault = next((f for f in self._active if wanted(f)), None)
        if fault is not None and fault.times is not None:
            fault.times -= 1
            if fault.times == 0:
                self._active.remove(fault)
        return fault


def _on_web(fault: Fault) -> bool:
    return fault.method != SOCKET and (fault.kind != "drop" or fault.method is not None)
