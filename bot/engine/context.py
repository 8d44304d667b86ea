"""Holds the services that the engine works with; `bot.app` builds them once at start."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bot.domain.drills import Schedule
from bot.domain.environments import Environment
from bot.domain.runs import Run
from bot.domain.signing import Keyring
from bot.domain.versions import Matrix
from bot.engine.maintenance.witness import Witness
from bot.errors import PermanentError
from bot.ports import (
    Answers,
    BackupStore,
    BundleReader,
    Calendar,
    Clock,
    Cluster,
    Database,
    Directory,
    DrillAnnouncer,
    DrillRepository,
    HomeTabs,
    JobAnnouncer,
    Journal,
    Plotter,
    Queue,
    RowRecovery,
    RunAnnouncer,
    Scripts,
    ScriptTests,
    Sides,
)


@dataclass(frozen=True)
class EnvironmentServices:
    """Every port into one environment.

    Attributes:
        keep_old_s: seconds for which a kept database stays.
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
    """Every port that the engine uses.

    Attributes:
        announcer: posts about runs.
        envs: by environment name.
        owner: name of this process, unique among replicas, e.g. ``backstop-7d9f:41``.
        keyring: signs what people asked for and what the bot relies on later.
        witness: anchors the audit log.
        home_team: the Slack workspace whose members may vote.
        scratch_dir: where dumps are written before they are bundled.
        drills: stores drills.
        schedules: of the drills that recur.
        allowed_shared_channels: ids of channels that count although another organisation is in them.
        plotter: draws what drills have measured.
    """

    envs: Mapping[str, EnvironmentServices]
    journal: Journal
    queue: Queue
    announcer: RunAnnouncer
    job_announcer: JobAnnouncer
    drill_announcer: DrillAnnouncer
    answers: Answers
    home_tabs: HomeTabs
    directory: Directory
    scripts: Scripts
    reader: BundleReader
    clock: Clock
    keyring: Keyring
    witness: Witness
    matrix: Matrix
    owner: str
    home_team: str
    scratch_dir: Path
    drills: DrillRepository
    calendar: Calendar
    plotter: Plotter
    schedules: tuple[Schedule, ...] = ()
    allowed_shared_channels: frozenset[str] = frozenset()

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
