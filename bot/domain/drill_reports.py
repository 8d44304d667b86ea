"""Defines what `/drill report` shows: figures for its text, and a chart for its picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.domain.drills import Drill, DrillKind
from bot.domain.planned import Forecast


@dataclass(frozen=True)
class Bar:
    """One drill.

    Attributes:
        at: when it ended, UTC.
        phases: seconds by phase, in order, of those that count as time to restore; empty where it reached none.
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
    def has_data_loss(self) -> bool:
        """True where any drill has measured it."""
        return any(bar.data_loss_s is not None for bar in self.bars)

    @property
    def misses_data_loss(self) -> bool:
        """True where a drill found the newest backup older than the target."""
        target_s = self.data_loss_target_s
        return target_s is not None and any((bar.data_loss_s or 0.0) > target_s for bar in self.bars)


@dataclass(frozen=True)
class Chart:
    """The whole picture: a title, a line below it, and one panel below the other."""

    title: str
    subtitle: str
    panels: tuple[Panel, ...]


PHASES = ("fetch", "load", "verify", "swap", "app")
"""The phases of the time to restore, in their order."""


@dataclass(frozen=True)
class DrillSeries:
    """Drills of one kind with one environment's backups.

    Attributes:
        kind, source: of all of them.
        passed, failed: how many.
        newest_s, median_s: time to restore of the newest that passed and of all that did; None without any.
        before_s: the median of those before the newest; None where it is the first.
        restore_target_s, data_loss_target_s: the environment's targets; None without any.
        newest_loss_s, worst_loss_s: data-loss windows; None where no drill saw a backup.
    """

    kind: DrillKind
    source: str
    passed: int
    failed: int
    newest_s: float | None = None
    median_s: float | None = None
    before_s: float | None = None
    restore_target_s: float | None = None
    data_loss_target_s: float | None = None
    newest_loss_s: float | None = None
    worst_loss_s: float | None = None


@dataclass(frozen=True)
class RestoreForecast:
    """The forecast of a restore of an environment's newest backup, or the reason why it is unknown.

    Attributes:
        environment: its name.
        backup: the name of the newest that can be restored; "" for none.
        estimate_s: what a plan would say.
        made: from the history; None where there is none.
        problem: why no backup can be restored; "" where one can.
    """

    environment: str
    backup: str = ""
    estimate_s: float = 0.0
    made: Forecast | None = None
    problem: str = ""


@dataclass(frozen=True)
class Overdue:
    """A schedule whose last pass is too long ago; `passed_at` None when it has never passed."""

    schedule: str
    passed_at: datetime | None


@dataclass(frozen=True)
class DrillReport:
    """The content of `/drill report`.

    Attributes:
        environment: that of the drills; "" for all.
        at: when it was made, UTC.
        tried: number of drills counted; with `truncated`, there are more.
        last_passed, last_failed: the newest of each.
        series: those with a time to restore, the busiest first.
        forecasts: of production.
        overdue: schedules to worry about.
        ground: an environment in which a drill can run; "" for none.
    """

    environment: str
    at: datetime
    tried: int
    passed: int
    failed: int
    last_passed: Drill | None = None
    last_failed: Drill | None = None
    series: Sequence[DrillSeries] = ()
    forecasts: Sequence[RestoreForecast] = ()
    overdue: Sequence[Overdue] = ()
    ground: str = ""
    truncated: bool = False
