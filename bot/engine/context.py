"""Everything the engine works with, put together once at start."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bot.domain.drills import Schedule
from bot.domain.environments import Environment
from bot.domain.runs import Run
from bot.domain.versions import Matrix
from bot.errors import PermanentError
from bot.ports import (
    Announcer,
    BackupStore,
    BundleReader,
    Calendar,
    Clock,
    Cluster,
    Database,
    Directory,
    DrillBook,
    Journal,
    Plotter,
    Queue,
    Salvager,
    Scripts,
    Sides,
    Trials,
)


@dataclass(frozen=True)
class Site:
    """One environment and the ports into it.

    Attributes:
        keep_old_s: for how many seconds a replaced database is kept.
    """

    environment: Environment
    cluster: Cluster
    database: Database
    store: BackupStore
    sides: Sides
    salvager: Salvager
    trials: Trials
    keep_old_s: float = 604_800.0


@dataclass(frozen=True)
class Workplace:
    """All ports.

    Attributes:
        sites: by environment name.
        owner: name of this process, unique among replicas, e.g. ``backstop-7d9f:41``.
        home_team: the Slack workspace whose members may vote.
        scratch_dir: where dumps are written before they are bundled.
        drills: what is known of drills.
        schedules: the drills that come round.
        plotter: draws what drills have taught.
    """

    sites: Mapping[str, Site]
    journal: Journal
    queue: Queue
    announcer: Announcer
    directory: Directory
    scripts: Scripts
    reader: BundleReader
    clock: Clock
    matrix: Matrix
    owner: str
    home_team: str
    scratch_dir: Path
    drills: DrillBook
    calendar: Calendar
    plotter: Plotter
    schedules: tuple[Schedule, ...] = ()

    def site(self, name: str) -> Site:
        """Find an environment.

        Raises:
            PermanentError: ``unknown-environment``.
        """
        try:
            return self.sites[name]
        except KeyError:
            raise PermanentError(
                "unknown-environment",
                f"There is no environment {name[:60]}.",
                "Known: " + ", ".join(sorted(self.sites)) + ".",
            ) from None

    def run(self, run_id: str) -> Run:
        """Read a run.

        Raises:
            PermanentError: ``unknown-run``.
        """
        run = self.journal.run(run_id)
        if run is None:
            raise PermanentError("unknown-run", f"There is no run {run_id[:60]}.", "/rollback status lists them.")
        return run
