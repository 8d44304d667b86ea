"""Collects what a verification of the audit log has found."""

from collections.abc import Iterator
from dataclasses import dataclass, field

OK, TAMPERED, UNCHECKED = 0, 1, 2


@dataclass
class Findings:
    """The result of a verification, one sentence for each finding.

    Attributes:
        faults: somebody has changed something, and where.
        unchecked: what could not be checked, and why.
        notes: what was checked, and what no check can show.
    """

    faults: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0 when all was checked and is as it was written, 1 when something was changed, 2 when not all was checked."""
        return TAMPERED if self.faults else UNCHECKED if self.unchecked else OK


class Ranges:
    """Numbers by kind, gathered into ranges: a log that was rewritten is one line, not one for each event."""

    def __init__(self) -> None:
        self._found: dict[str, list[tuple[int, int]]] = {}

    def add(self, kind: str, number: int) -> None:
        """Add a number; those of one kind come in ascending order."""
        ranges = self._found.setdefault(kind, [])
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))

    def __iter__(self) -> Iterator[tuple[str, int, int]]:
        """Yield each kind with the first and last number of each of its ranges."""
        for kind, ranges in self._found.items():
            for first, last in ranges:
                yield kind, first, last


def span(first: int, last: int, noun: str = "Event") -> str:
    """Name a range as a sentence's subject, e.g. ``Event 7 was`` or ``Events 7 to 9 were``."""
    return f"{noun} {first} was" if first == last else f"{noun}s {first} to {last} were"
