"""Describes the parts of a plan: what goes, what moves, where content comes from, and what drills have proven."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class PlannedScript:
    """A down script in the chain. `sha256` is of its bytes; `statements` counts those the bot will run."""

    version: int
    name: str
    sha256: str
    impact: str
    statements: int


@dataclass(frozen=True)
class PlannedDrop:
    """An object that goes, or comes back.

    Attributes:
        kind, identity: as `pg_identify_object` names it.
        named: a script names it; otherwise CASCADE takes it.
        part_of: the relation it goes with; "" for one that goes by itself.
        remade: the chain makes another under its name; its data goes all the same.
    """

    kind: str
    identity: str
    named: bool
    part_of: str = ""
    remade: bool = False


@dataclass(frozen=True)
class PlannedChange:
    """An object that is new afterwards, or has another definition.

    Attributes:
        kind, identity: as `pg_identify_object` names it afterwards.
        definition: as of `DatabaseObject`.
        how: see `bot.domain.changes.How`; "" in a plan of an old release.
        words: each property that differs.
        alarms: sentences on rights that are widened and code that is added.
        part_of: the relation it is a part of; "" for none.
    """

    kind: str
    identity: str
    definition: str
    how: str = ""
    words: tuple[str, ...] = ()
    alarms: tuple[str, ...] = ()
    part_of: str = ""


@dataclass(frozen=True)
class PlannedRename:
    """An object that gets another name, or another schema, and stays the same.

    Attributes:
        kind, identity: as `pg_identify_object` names it before.
        to: its identity afterwards.
        rows: exact count of those it keeps; None for what has none of its own.
    """

    kind: str
    identity: str
    to: str
    rows: int | None = None


@dataclass(frozen=True)
class PlannedRows:
    """Rows that are saved and then go: exact count and bytes on disk at planning time.

    Of ``changed`` rows these are the whole table's: only the run shows which of them go or change.
    """

    table: str
    rows: int
    size_bytes: int
    reason: str
    """``dropped``, ``column``, ``changed`` (a script deletes or updates rows of a table that stays) or ``derived``."""

    @property
    def all_go(self) -> bool:
        """Tells if all of them go, for certain."""
        return self.reason != "changed"


@dataclass(frozen=True)
class PlannedLock:
    """A relation that stays and is locked while the chain runs."""

    relation: str
    mode: str


@dataclass(frozen=True)
class PlannedWorkload:
    """A Deployment with the image it runs and the one it will run; `revision` is that one's entry in the history."""

    deployment: str
    uid: str
    image: str
    target_image: str
    replicas: int
    revision: int


@dataclass(frozen=True)
class PlannedService:
    """A Service whose traffic is held and returned; `selector` as it was, sorted by key."""

    service: str
    uid: str
    selector: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Estimate:
    """Seconds that it should take: in all, and the part during which the app is down."""

    total_s: float
    downtime_s: float


@dataclass(frozen=True)
class PlannedLoss:
    """A table that will have other rows after a swap: exact counts at planning time. `gone`: the table itself goes."""

    table: str
    rows_now: int
    rows_then: int
    gone: bool = False


@dataclass(frozen=True)
class PlannedRestore:
    """The database that takes the live one's place, and the name under which the live one is kept.

    Attributes:
        backup: name of the bundle; "" where a kept database comes back.
        key, version_id, sha256: of the bundle's object, as the bucket has it.
        created_at: the state it has, UTC; of a kept database, the moment it was replaced.
        verified: the bundle's last verification, as a phrase; "" for none.
        losses: tables that have another number of rows now, most rows lost first.
        compared: false where `losses` is not known.
        incoming: the database that comes; "" in a retired plan.
        outgoing: the live one's name afterwards; "" where there is none, so nothing is kept, or in a retired plan.
        keep_s: for how many seconds the replaced database is kept.
        etag: of the bundle's object, where nothing else tells it from another; "" in a plan of an old release.
        found_closed: people had closed the live database before.
        doubts: what speaks against its origin, each approved with the plan; see `bot.planning.bundle_doubts`.
        proof: what its content is compared with before the swap, as a phrase; "" in a plan of an old release.
    """

    backup: str
    key: str
    version_id: str
    sha256: str
    created_at: datetime
    verified: str
    losses: tuple[PlannedLoss, ...]
    compared: bool
    incoming: str
    outgoing: str
    keep_s: float = 0.0
    etag: str = ""
    found_closed: bool = False
    doubts: tuple[str, ...] = ()
    proof: str = ""

    @property
    def rows_lost(self) -> int:
        """Rows that go, over the tables that lose some."""
        return sum(max(0, loss.rows_now - loss.rows_then) for loss in self.losses)


@dataclass(frozen=True)
class PlannedRecreation:
    """The source of what a chain dropped: structure from its emergency backup, rows from its export.

    Attributes:
        backup: name of the bundle.
        key, version_id, sha256: of the bundle's object, as the bucket has it.
        created_at: when the bundle was taken, UTC.
        export: the prefix the saved rows are under; "" where none had to be saved.
    """

    backup: str
    key: str
    version_id: str
    sha256: str
    created_at: datetime
    export: str


@dataclass(frozen=True)
class Forecast:
    """The time that the next run takes, judged by those before it.

    Attributes:
        expected_s: the median.
        low_s, high_s: the next one lies between with probability `coverage`; None where there are too few.
        coverage: 0…1; 0 without an interval.
        samples: number of runs it is made from.
        places: the environments in which they ran, sorted.
    """

    expected_s: float
    low_s: float | None
    high_s: float | None
    coverage: float
    samples: int
    places: tuple[str, ...] = ()


@dataclass(frozen=True)
class Proof:
    """The last proof of something, UTC; `drill` is "" for a verification at level 3, `place` the environment."""

    at: datetime
    drill: str = ""
    place: str = ""


@dataclass(frozen=True)
class ProvenScript:
    """A script of a chain and its newest proof.

    Attributes:
        version, name: of the script.
        proof: of its very bytes; None when no drill has ever run them.
        reversible: its up script led back to the same schema; None where there is no up script.
    """

    version: int
    name: str
    proof: Proof | None
    reversible: bool | None = None


@dataclass(frozen=True)
class PlannedProof:
    """Proofs and forecasts that were known when the plan was made.

    Attributes:
        at: the moment of the look-up, UTC.
        scripts: of the chain, newest first; empty for a restore.
        bundle: of the very bundle that is restored.
        backups: of any backup of this environment, by a drill.
        practice: of the whole way, swap and undo included, by a drill in any environment.
        total, downtime: by the history; None where there is none.
    """

    at: datetime
    scripts: tuple[ProvenScript, ...] = ()
    bundle: Proof | None = None
    backups: Proof | None = None
    practice: Proof | None = None
    total: Forecast | None = None
    downtime: Forecast | None = None

    @property
    def unproven(self) -> tuple[ProvenScript, ...]:
        """Scripts that no drill has ever run as they are."""
        return tuple(script for script in self.scripts if script.proof is None)

    @property
    def oldest(self) -> Proof | None:
        """The oldest of the scripts' proofs: a chain is as proven as its least proven script."""
        found = [script.proof for script in self.scripts if script.proof is not None]
        return min(found, key=lambda proof: proof.at, default=None)
