"""What drills have taught, summed up for people."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.domain.drills import Drill, DrillKind
from bot.domain.proofs import Forecast


@dataclass(frozen=True)
class Course:
    """Drills of one kind with one environment's backups.

    Attributes:
        kind, source: of all of them.
        passed, failed: how many.
        newest_s, median_s: time to restore of the newest that passed and of all that did; None without any.
        before_s: the median of those before the newest; None where it is the first.
        restore_target_s, data_loss_target_s: what was promised for that environment; None for nothing.
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
    """How long a restore of an environment's newest backup should take, or why nobody can say.

    Attributes:
        environment: whose.
        backup: the name of the newest that can be restored; "" for none.
        estimate_s: what a plan would say.
        made: by the history; None where there is none.
        problem: why there is no backup to speak of; "" otherwise.
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
    """What `/drill report` shows.

    Attributes:
        environment: whose drills; "" for all.
        at: when it was made, UTC.
        tried: how many are counted; `truncated` says that there are more.
        last_passed, last_failed: the newest of each.
        courses: with a time to restore, the busiest first.
        forecasts: of production.
        overdue: schedules to worry about.
        ground: an environment in which a drill can be had; "" for none.
    """

    environment: str
    at: datetime
    tried: int
    passed: int
    failed: int
    last_passed: Drill | None = None
    last_failed: Drill | None = None
    courses: Sequence[Course] = ()
    forecasts: Sequence[RestoreForecast] = ()
    overdue: Sequence[Overdue] = ()
    ground: str = ""
    truncated: bool = False
