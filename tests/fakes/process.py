"""A process that can die, or be failed, at any of its port calls. Its world lives on without it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from bot.errors import TemporaryError

_WRAPPED = {"database.take_exclusive_access": "fence", "store.open_export": "export", "export.sink": "sink"}
_CONTEXTS = {"database.shadow": "shadow", "journal.requests.claim": "claim"}


class Killed(BaseException):
    """SIGKILL."""


class Process:
    """Counts port calls; dies before or after the `kill_at`-th has had its effect.

    Attributes:
        calls: names of the calls made, e.g. ``cluster.scale``.
        faults: errors to raise, by call name, one a call; None lets one call pass.
        at_call, after_call: done once, before or after the call of that number.
        before: done before the next calls of that name, one a call.
    """

    def __init__(self, name: str, kill_at: int = 0, *, after: bool = False) -> None:
        self.name = name
        self.calls: list[str] = []
        self.faults: dict[str, list[Exception | None]] = {}
        self.at_call: dict[int, Callable[[], object]] = {}
        self.after_call: dict[int, Callable[[], object]] = {}
        self.before: dict[str, list[Callable[[], object]]] = {}
        self.dead = False
        self._kill_at, self._after = kill_at, after
        self._thread = threading.get_ident()

    def wrap(self, target: object, name: str) -> Any:
        """Reach a port through this process."""
        return _Wire(self, target, name)

    def call(self, name: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if threading.get_ident() != self._thread:  # the heartbeat comes when it will: never counted
            if self.dead:
                raise TemporaryError("process-dead", "This process has been killed.")
            return function(*args, **kwargs)
        if self.dead:
            raise Killed
        self.calls.append(name)
        number = len(self.calls)
        self.at_call.pop(number, lambda: None)()
        if self.before.get(name):
            self.before[name].pop(0)()
        self._maybe_die(number, after=False)
        fault = self.faults[name].pop(0) if self.faults.get(name) else None
        if fault is not None:
            raise fault
        result = function(*args, **kwargs)
        self.after_call.pop(number, lambda: None)()
        self._maybe_die(number, after=True)
        return self._wrapped(name, result)

    def _maybe_die(self, number: int, *, after: bool) -> None:
        if number == self._kill_at and after == self._after:
            self.dead = True
        if self.dead:
            raise Killed

    def _wrapped(self, name: str, result: Any) -> Any:
        if name in _WRAPPED:
            return self.wrap(result, _WRAPPED[name])
        return self._context(result, _CONTEXTS[name]) if name in _CONTEXTS else result

    @contextmanager
    def _context(self, context: Any, name: str) -> Iterator[Any]:
        with context as inner:
            yield None if inner is None else self.wrap(inner, name)


class _Wire:
    """A port as one process reaches it."""

    def __init__(self, process: Process, target: object, name: str) -> None:
        self._process, self._target, self._name = process, target, name

    def __getattr__(self, attribute: str) -> Any:
        found = getattr(self._target, attribute)
        if not callable(found):
            return found

        def call(*args: Any, **kwargs: Any) -> Any:
            return self._process.call(f"{self._name}.{attribute}", found, *args, **kwargs)

        return call
