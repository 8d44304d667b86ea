"""Defines what plans are made from: requests, observed facts, evidence of rehearsals and drills."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from bot.domain.backups import Backup, TableContent
from bot.domain.catalogue import Catalogue, DatabaseFacts, Rehearsal, TableSize
from bot.domain.drills import Drill, DrillKind, ScriptProof
from bot.domain.environments import Environment
from bot.domain.migrations import DownScript
from bot.domain.obstacles import NOTHING_SEEN, Obstacles
from bot.domain.place import PlannedPlace, place_of
from bot.domain.runs import Run
from bot.domain.versions import AppVersion, Matrix
from bot.domain.workloads import ClusterFacts


@dataclass(frozen=True)
class RollbackRequest:
    """A request to undo `migration` and everything newer; `app` None leaves the choice to the matrix.

    `named` is the whole name (``027_feature_flags``), where the person typed it.
    """

    environment: str
    migration: int
    app: AppVersion | None = None
    asked_for: str = ""
    named: str = ""


@dataclass(frozen=True)
class RestoreRequest:
    """A request to restore `backup`, a name or ``latest``."""

    environment: str
    backup: str
    app: AppVersion | None = None
    asked_for: str = ""


@dataclass(frozen=True)
class UndoRequest:
    """A request to take back what run `run_id` of that environment has changed."""

    environment: str
    run_id: str
    asked_for: str = ""


PlanRequest = RollbackRequest | RestoreRequest | UndoRequest


@dataclass(frozen=True)
class Drilled:
    """Everything that past drills and runs have shown.

    Attributes:
        at: now, UTC.
        judged_at: the moment to which a demand for recent drills applies; None where it does not: a drill's own run is
            how things get proven.
        scripts: the newest proof of each script, by sha256.
        passes: the newest drill that passed of each kind and source, newest first.
        restores: restore drills that were tried, newest first.
        runs: current and recent runs, in all environments.
        grounds: the environment for a drill of each kind.
    """

    at: datetime
    judged_at: datetime | None
    scripts: Mapping[str, ScriptProof]
    passes: tuple[Drill, ...] = ()
    restores: tuple[Drill, ...] = ()
    runs: tuple[Run, ...] = ()
    grounds: Mapping[DrillKind, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Facts:
    """A frozen snapshot of what was observed.

    Attributes:
        environment: its configuration.
        database, cluster: as seen.
        scripts: every down script by version.
        matrix: of app versions and schemas.
        backups: bundles to suggest instead of the chain; empty where it can be built.
        backups_searched: among how many of the newest they were looked for; 0 for all.
        frozen: the reason of a freeze; None without one.
        active: the run that holds the environment, if another.
        missing_rights: those that our accounts lack.
        drilled: results of drills; None where they do not matter.
        obstacles: in the database and on its server.
    """

    environment: Environment
    database: DatabaseFacts
    cluster: ClusterFacts
    scripts: Mapping[int, DownScript]
    matrix: Matrix
    backups: tuple[Backup, ...] = ()
    backups_searched: int = 0
    frozen: str | None = None
    active: Run | None = None
    missing_rights: tuple[str, ...] = ()
    drilled: Drilled | None = None
    obstacles: Obstacles = NOTHING_SEEN

    @property
    def place(self) -> PlannedPlace:
        """The place where a plan from these facts applies, and who decides on it."""
        environment = self.environment
        return place_of(self.database.identity, self.cluster.identity, environment.backups, environment.approval)


@dataclass(frozen=True)
class Target:
    """The target of a rollback, decided before the rehearsal.

    Attributes:
        chain: down scripts, newest first.
        from_schema, to_schema: before and after.
        expected: versions the tracking table holds afterwards.
        from_app, to_app: serving before and after.
    """

    chain: tuple[DownScript, ...]
    from_schema: int
    to_schema: int
    expected: frozenset[int]
    from_app: AppVersion
    to_app: AppVersion


@dataclass(frozen=True)
class Evidence:
    """Results of the rehearsal and of the counts on the live database.

    Attributes:
        live: the live catalogue.
        rehearsal: the chain's effect on the shadow.
        sizes: of every relation whose rows go or change.
        column_sizes: non-null values of dropped columns of tables that stay, `table` being ``table.column``.
    """

    live: Catalogue
    rehearsal: Rehearsal
    sizes: tuple[TableSize, ...]
    column_sizes: tuple[TableSize, ...] = ()


@dataclass(frozen=True)
class Exchange:
    """The two databases of a swap: the one that comes and the live one that is put aside.

    Attributes:
        incoming, outgoing: the database that comes, and the live one's name afterwards, "" where there is none.
        created_at: the state that comes.
        tables: its content, by table; None if unknown.
        live: the live catalogue; None where nobody can look.
        sizes: of every table of the live database.
        unseen: what could not be looked at in the live database, and why, one line each.
        keep_s: for how many seconds the replaced database is kept.
        restored: the newest drill that passed with the very bundle that comes.
        newest: the newest bundles there are, newest first.
    """

    incoming: str
    outgoing: str
    created_at: datetime
    tables: tuple[TableContent, ...] | None
    live: Catalogue | None
    sizes: tuple[TableSize, ...]
    keep_s: float
    unseen: tuple[str, ...] = ()
    restored: Drill | None = None
    newest: tuple[Backup, ...] = ()
