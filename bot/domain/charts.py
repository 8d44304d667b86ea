"""A picture of drills, before anybody draws it: what it shows, in plain numbers."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Bar:
    """One drill.

    Attributes:
        at: when it ended, UTC.
        phases: seconds by phase, in order, of those that count as time to restore; empty where it got to none.
        size_bytes: of the database it restored; 0 if unknown.
        data_loss_s: see `bot.domain.drills.Measurement`.
        failed: whether it did not pass.
    """

    at: datetime
    phases: tuple[tuple[str, float], ...] = ()
    size_bytes: int = 0
    data_loss_s: float | None = None
    failed: bool = False

    @property
    def total_s(self) -> float:
        """All phases together."""
        return sum(seconds for _, seconds in self.phases)


@dataclass(frozen=True)
class Panel:
    """One kind of drill with one environment's backups, oldest first; targets in seconds, None for none."""

    title: str
    bars: tuple[Bar, ...]
    restore_target_s: float | None = None
    data_loss_target_s: float | None = None

    @property
    def phases(self) -> tuple[str, ...]:
        """Every phase that some bar has, in the order of restores."""
        named = {phase for bar in self.bars for phase, _ in bar.phases}
        known = [phase for phase in PHASES if phase in named]
        return (*known, *sorted(named - set(PHASES)))

    @property
    def tells_data_loss(self) -> bool:
        """Whether there is anything to show of it."""
        return any(bar.data_loss_s is not None for bar in self.bars)

    @property
    def misses_data_loss(self) -> bool:
        """Whether some drill found the newest backup older than the target."""
        target_s = self.data_loss_target_s
        return target_s is not None and any((bar.data_loss_s or 0.0) > target_s for bar in self.bars)


@dataclass(frozen=True)
class Chart:
    """The whole picture: a title, a line below it, and one panel below the other."""

    title: str
    subtitle: str
    panels: tuple[Panel, ...]


PHASES = ("fetch", "load", "verify", "swap", "app")
"""What makes up the time to restore, in the order in which it happens."""
