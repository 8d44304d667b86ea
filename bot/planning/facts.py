"""What a plan is made from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from bot.domain.backups import Backup, TableContent
from bot.domain.catalogue import Catalogue, DatabaseFacts, Rehearsal, TableSize
from bot.domain.drills import Drill, DrillKind, ScriptProof
from bot.domain.environments import Environment
from bot.domain.migrations import DownScript
from bot.domain.runs import Run
from bot.domain.versions import AppVersion, Matrix
from bot.domain.workloads import ClusterFacts


@dataclass(frozen=True)
class RollbackRequest:
    """What was asked for: undo `migration` and everything newer; `app` None leaves the choice to the matrix.

    `named`: the whole name (``027_feature_flags``), where somebody gave it.
    """

    environment: str
    migration: int
    app: AppVersion | None = None
    asked_for: str = ""
    named: str = ""


@dataclass(frozen=True)
class RestoreRequest:
    """What was asked for: the content of `backup`, a name or ``latest``."""

    environment: str
    backup: str
    app: AppVersion | None = None
    asked_for: str = ""


@dataclass(frozen=True)
class UndoRequest:
    """What was asked for: take back what run `run_id` of that environment swapped in."""

    environment: str
    run_id: str
    asked_for: str = ""


PlanRequest = RollbackRequest | RestoreRequest | UndoRequest


@dataclass(frozen=True)
class Drilled:
    """What drills, and runs like the one that is wanted, have shown.

    Attributes:
        at: now, UTC.
        judged_at: the moment to which a demand for recent drills applies, see `drill_evidence`; None where it
            does not: a drill's own run is how things get proven.
        scripts: the newest proof of each script, by sha256.
        passes: the newest drill that passed of each kind and source, newest first.
        restores: restore drills that were tried, newest first.
        runs: runs now and lately, in all environments.
        grounds: where a drill of a kind can be had.
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
        matrix: which app suits which schema.
        backups: bundles to suggest instead of the chain; empty where it can be built.
        frozen: why nobody may start a run; None when anyone may.
        active: the run that holds the environment, if another.
        missing_rights: what our accounts lack.
        drilled: what drills have shown; None where that is of no matter.
    """

    environment: Environment
    database: DatabaseFacts
    cluster: ClusterFacts
    scripts: Mapping[int, DownScript]
    matrix: Matrix
    backups: tuple[Backup, ...] = ()
    frozen: str | None = None
    active: Run | None = None
    missing_rights: tuple[str, ...] = ()
    drilled: Drilled | None = None


@dataclass(frozen=True)
class Target:
    """Where a rollback leads, decided before the rehearsal.

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
    """What the rehearsal and the counts on the live database showed.

    Attributes:
        live: the live catalogue.
        rehearsal: what the chain did to the shadow.
        sizes: of every relation whose rows go or change.
        column_sizes: non-null values of dropped columns of tables that stay, `table` being ``table.column``.
    """

    live: Catalogue
    rehearsal: Rehearsal
    sizes: tuple[TableSize, ...]
    column_sizes: tuple[TableSize, ...] = ()


@dataclass(frozen=True)
class Exchange:
    """What a swap would bring, and what it would put aside.

    Attributes:
        incoming, outgoing: the database that comes, and the live one's name afterwards.
        created_at: when what comes was as it is.
        tables: what comes, by table; None where that is not known.
        live: the live catalogue.
        sizes: of every table of the live database.
        keep_s: for how many seconds the replaced database is kept.
        restored: the newest drill that passed with the very bundle that comes.
        newest: the newest bundles there are, newest first.
    """

    incoming: str
    outgoing: str
    created_at: datetime
    tables: tuple[TableContent, ...] | None
    live: Catalogue
    sizes: tuple[TableSize, ...]
    keep_s: float
    restored: Drill | None = None
    newest: tuple[Backup, ...] = ()
