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
    DrillRepository,
    Journal,
    Plotter,
    Queue,
    RowRecovery,
    Scripts,
    ScriptTests,
    Sides,
)


@dataclass(frozen=True)
class EnvironmentServices:
    """One environment and the ports into it.

    Attributes:
        keep_old_s: for how many seconds a replaced database is kept.
    """

    environment: Environment
    cluster: Cluster
    database: Database
    store: BackupStore
    sides: Sides
    row_recovery: RowRecovery
    script_tests: ScriptTests
    keep_old_s: float = 604_800.0


@dataclass(frozen=True)
class Services:
    """All ports.

    Attributes:
        envs: by environment name.
        owner: name of this process, unique among replicas, e.g. ``backstop-7d9f:41``.
        home_team: the Slack workspace whose members may vote.
        scratch_dir: where dumps are written before they are bundled.
        drills: what is known of drills.
        schedules: the drills that come round.
        plotter: draws what drills have taught.
    """

    envs: Mapping[str, EnvironmentServices]
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
    drills: DrillRepository
    calendar: Calendar
    plotter: Plotter
    schedules: tuple[Schedule, ...] = ()

    def env(self, name: str) -> EnvironmentServices:
        """Find an environment.

        Raises:
            PermanentError: ``unknown-environment``.
        """
        try:
            return self.envs[name]
        except KeyError:
            raise PermanentError(
                "unknown-environment",
                f"There is no environment {name[:60]}.",
                "Known: " + ", ".join(sorted(self.envs)) + ".",
            ) from None

    def run(self, run_id: str) -> Run:
        """Read a run.

        Raises:
            PermanentError: ``unknown-run``.
        """
        run = self.journal.runs.find(run_id)
        if run is None:
            raise PermanentError("unknown-run", f"There is no run {run_id[:60]}.", "/rollback status lists them.")
        return run
