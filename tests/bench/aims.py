"""Compares a figure with its target."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Aim:
    """A limit and the side of it that is good.

    Attributes:
        limit: in the figure's own unit.
        at_least: whether more is better.
        unit: printed behind the limit.
    """

    limit: float
    unit: str
    at_least: bool = False

    def compare(self, figure: float) -> str:
        """Say how the figure stands to it, in rich's markup."""
        words = f"aim {'≥' if self.at_least else '<'} {self.limit:g}{self.unit}"
        margin = (figure - self.limit if self.at_least else self.limit - figure) / self.limit * 100
        met = margin >= 0 if self.at_least else margin > 0
        colour, verb = ("green", "met by") if met else ("red", "missed by")
        return f"[{colour}]{words}: {verb} {abs(margin):.0f} %[/]"


BACKUP = Aim(2.0, "×", at_least=True)
CLOSED = Aim(1.0, " s")
DOWNTIME = Aim(50.0, "×", at_least=True)
GAP = Aim(250.0, " ms")
LOAD = Aim(1.10, "×")
MEMORY = Aim(250.0, " MB")
