"""Counts a scenario's checks, passed and failed."""

from collections.abc import Callable
from typing import Any


class Checks:
    """Counts checks, and says each as it is made."""

    def __init__(self, say: Callable[[bool, str], None]) -> None:
        self._say = say
        self.passed = 0
        self.failures: list[str] = []

    def that(self, claim: str, fact: object, because: object = "") -> None:
        """Note whether something holds."""
        if fact:
            self.passed += 1
        else:
            self.failures.append(f"{claim} -- {str(because)[:600]}" if because else claim)
        self._say(bool(fact), claim if fact else self.failures[-1])

    def equal(self, claim: str, actual: Any, expected: Any) -> None:
        """Note whether two values are equal; a failure shows both."""
        self.that(claim, actual == expected, f"is {actual!r}, should be {expected!r}")

    def says(self, claim: str, text: str, *parts: str) -> None:
        """Note whether a text holds every part; a failure shows what is missing and the text."""
        missing = [part for part in parts if part not in text]
        self.that(claim, not missing, f"missing {missing} in: {text}")

    def summary(self, title: str) -> str:
        """The closing line."""
        return f"{title}: {self.passed} checks passed, {len(self.failures)} failed"
