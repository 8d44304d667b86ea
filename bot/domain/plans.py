"""Plans: immutable values computed from facts, shown, approved by digest, and executed."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property

from bot.domain.differences import difference
from bot.domain.drill_evidence import PlannedProof
from bot.domain.workloads import Leftover


class PlanKind(StrEnum):
    """What a plan does."""

    CHAIN = "chain"
    RESTORE = "restore"
    UNDO = "undo"
    """A kept database is swapped back in."""
    RECREATE = "regrow"
    """What a chain dropped is created and loaded again."""
    RESTORE_IN_PLACE = "restore-in-place"
    """Retired: no such plan is made any more, and only runs of old releases have one. See `bot.planning.retired`."""


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
    """An object that will go.

    Attributes:
        kind, identity: as `pg_identify_object` names it.
        named: whether a script names it; otherwise CASCADE takes it.
        part_of: the relation it goes with; "" for one that goes by itself.
        remade: whether the chain makes another under its name; its data goes all the same.
    """

    kind: str
    identity: str
    named: bool
    part_of: str = ""
    remade: bool = False


@dataclass(frozen=True)
class PlannedRows:
    """Rows that will be saved and then go: exact count and bytes on disk at planning time.

    Where they are ``changed`` these are the whole table's: which of them go or change nobody can tell beforehand.
    """

    table: str
    rows: int
    size_bytes: int
    reason: str
    """``dropped``, ``column``, ``changed`` (a script deletes or updates rows of a table that stays) or ``derived``."""

    @property
    def all_go(self) -> bool:
        """Whether they all go, for certain."""
        return self.reason != "changed"


@dataclass(frozen=True)
class PlannedLock:
    """A relation that stays and is locked while the chain runs."""

    relation: str
    mode: str


@dataclass(frozen=True)
class PlannedWorkload:
    """A Deployment: what it runs, what it will run. `revision` is the history entry it goes back to."""

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
    """How long it should take, in seconds: in all, and the part during which the app is down."""

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
    """What takes the live database's place, and where that one is kept.

    Attributes:
        backup: name of the bundle; "" where a kept database comes back.
        key, version_id, sha256: of the bundle's object, as the bucket has it.
        created_at: when what comes was as it is, UTC; of a kept database, when it was replaced.
        verified: what was last proven of the bundle, as a phrase; "" for nothing.
        losses: tables that have another number of rows now, most rows lost first.
        compared: whether `losses` could be told.
        incoming, outgoing: the database that comes, and the live one's name afterwards; "" in a retired
            kind of plan.
        keep_s: for how many seconds the replaced database is kept.
        etag: of the bundle's object, where nothing else tells it from another; "" in a plan of an old release.
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

    @property
    def rows_lost(self) -> int:
        """How many rows fewer there will be, over the tables that lose some."""
        return sum(max(0, loss.rows_now - loss.rows_then) for loss in self.losses)


@dataclass(frozen=True)
class PlannedRecreation:
    """Where what a chain dropped is taken from: its emergency backup says how it was, its export what was in it.

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
class Plan:
    """Everything an approver consents to.

    The digest covers what is done and to what; row counts, sizes, times and texts are left out, because a live
    app writes all the time and votes must not be void for that. What rows go is part of it by table.

    Attributes:
        asked_for: what was typed.
        remaining: versions the tracking table holds afterwards, ascending.
        saves_to: the bucket that takes the emergency backup and the export.
        wished_app: the app version that was asked for; "" leaves the choice to the matrix.
        expected_fingerprint: of the catalogue afterwards; "" where it cannot be foretold.
        restore: what is swapped in; None where nothing is.
        undoes: the run that is taken back; "" where none is.
        regrowth: where what comes back is taken from; None where nothing does. `drops` and `rows` are what comes back
            then, `scripts` those whose work is taken back.
        proven: what drills have shown of it so far; None where nobody looked. Time alone moves it.
        left: what closed runs left stopped or held. It serves at the end; a run that stops early leaves it as found.
    """

    kind: PlanKind
    environment: str
    asked_for: str
    from_schema: int
    to_schema: int
    from_app: str
    to_app: str
    scripts: tuple[PlannedScript, ...]
    remaining: tuple[int, ...]
    drops: tuple[PlannedDrop, ...]
    rows: tuple[PlannedRows, ...]
    locks: tuple[PlannedLock, ...]
    workloads: tuple[PlannedWorkload, ...]
    services: tuple[PlannedService, ...]
    schema_fingerprint: str
    expected_fingerprint: str
    saves_to: str
    wished_app: str
    estimate: Estimate
    warnings: tuple[str, ...] = ()
    restore: PlannedRestore | None = None
    undoes: str = ""
    regrowth: PlannedRecreation | None = None
    proven: PlannedProof | None = None
    left: tuple[Leftover, ...] = ()

    @cached_property
    def digest(self) -> str:
        """sha256, hex, of the canonical JSON of what is approved."""
        text = json.dumps(self.approved_facts(), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def short_digest(self) -> str:
        """The digest's first 12 characters, as shown to people."""
        return self.digest[:12]

    @property
    def changes_app(self) -> bool:
        """Whether another app version will serve afterwards."""
        return self.from_app != self.to_app

    def approved_facts(self) -> dict[str, object]:
        """Say what the digest covers, in JSON's types, one entry per thing that can move."""
        return self._common_facts() | self._swapped_facts() | self._left_facts()

    def left_by(self, kind: str, name: str) -> str:
        """The run that left that Deployment at 0, or that Service held; "" for none."""
        return next((item.run for item in self.left if (item.kind, item.name) == (kind, name)), "")

    def _left_facts(self) -> dict[str, object]:
        """Nothing where nothing was left, so that the digest is what it was before this was known."""
        return {"left": sorted([item.kind, item.name, item.run] for item in self.left)} if self.left else {}

    def _swapped_facts(self) -> dict[str, object]:
        """Nothing for a chain, whose digest is what it was before there were swaps."""
        if self.regrowth is not None:
            source = self.regrowth
            bundle = [source.backup, source.key, source.version_id, source.sha256]
            return {"bundle": bundle, "export": source.export, "undoes": self.undoes}
        if self.restore is None:
            return {}
        come = self.restore
        bundle = [come.backup, come.key, come.version_id, come.sha256, *([come.etag] if come.etag else [])]
        return {"bundle": bundle, "databases": [come.incoming, come.outgoing], "undoes": self.undoes}

    def _common_facts(self) -> dict[str, object]:
        return {
            "kind": self.kind.value,
            "environment": self.environment,
            "schema": [self.from_schema, self.to_schema],
            "app": [self.from_app, self.to_app],
            "scripts": [[script.version, script.sha256] for script in self.scripts],
            "remaining": list(self.remaining),
            "drops": sorted([drop.kind, drop.identity] for drop in self.drops),
            "rows": sorted([rows.table, rows.reason] for rows in self.rows),
            "workloads": sorted(
                [work.deployment, work.uid, work.image, work.target_image, work.replicas] for work in self.workloads
            ),
            "services": sorted([service.service, service.uid, list(service.selector)] for service in self.services),
            "schema_fingerprint": self.schema_fingerprint,
        }

    def differences(self, now: "Plan") -> tuple[str, ...]:
        """Name what moved between this plan and `now`, one line each; empty when the digests are equal."""
        before, after = self.approved_facts(), now.approved_facts()
        pairs = {key: (before.get(key, []), after.get(key, [])) for key in before | after}
        return tuple(difference(key, then, now) for key, (then, now) in pairs.items() if then != now)
