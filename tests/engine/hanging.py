"""A port that does not answer."""

import threading
from typing import Any

from bot.errors import TemporaryError


class Hanging:
    """Any port; every call waits until it is let go, and fails then."""

    def __init__(self) -> None:
        self.released = threading.Event()

    def __getattr__(self, name: str) -> Any:
        def call(*_: object, **__: object) -> None:
            self.released.wait(30)
            raise TemporaryError("database-unreachable", f"{name} was given up.")

        return call
