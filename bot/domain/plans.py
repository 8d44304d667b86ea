"""Plans are immutable values: computed from facts, shown to people, approved by digest, and executed."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import ClassVar, TypeVar

from bot.domain.kinds import rows_of_every_kind
from bot.domain.place import PlannedPlace, place_differences
from bot.domain.planned import (
    Estimate,
    PlannedChange,
    PlannedDrop,
    PlannedLock,
    PlannedProof,
    PlannedRecreation,
    PlannedRename,
    PlannedRestore,
    PlannedRows,
    PlannedScript,
    PlannedService,
    PlannedWorkload,
)
from bot.domain.workloads import Leftover

_PLACE = "place"
"""Key of the facts that are another kind of thing: where, not what."""


class PlanKind(StrEnum):
    """A kind of plan. Its value is on disk; `planning.kinds`, `engine.kinds` and `views.plans.kinds` have its rows."""

    CHAIN = "chain"
    RESTORE = "restore"
    UNDO_SWAP = "undo"
    """Swaps a kept database back in."""
    UNDO_ROLLBACK = "regrow"
    """Creates and loads again what a chain dropped."""
    RESTORE_IN_PLACE = "restore-in-place"
    """Retired: only runs of old releases have one. See `bot.planning.refusals.check_not_retired`."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The part of what approvers vote for that every kind of plan has; a subclass per kind adds its own.

    Attributes:
        asked_for: as typed.
        saves_to: the bucket that takes the emergency backup and the export.
        undoes: the run that it takes back; "" for none.
        proven: what drills have shown of it; None where that was not looked up. Time alone moves it.
        left: what closed runs left stopped or held. It serves at the end; a run that stops early leaves it as found.
        place: where it applies, and who decides; None in a plan of an old release.
    """

    kind: ClassVar[PlanKind]
    environment: str
    asked_for: str
    from_schema: int
    to_schema: int
    from_app: str
    to_app: str
    workloads: tuple[PlannedWorkload, ...]
    services: tuple[PlannedService, ...]
    schema_fingerprint: str
    saves_to: str
    estimate: Estimate
    warnings: tuple[str, ...] = ()
    undoes: str = ""
    proven: PlannedProof | None = None
    left: tuple[Leftover, ...] = ()
    place: PlannedPlace | None = None

    @cached_property
    def digest(self) -> str:
        """Return the sha256, hex, of the canonical JSON of what is approved."""
        text = json.dumps(self.approved_facts(), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def short_digest(self) -> str:
        """Return the digest's first 12 characters, as shown to people."""
        return self.digest[:12]

    @property
    def changes_app(self) -> bool:
        """Tells if another app version serves afterwards."""
        return self.from_app != self.to_app

    def left_by(self, kind: str, name: str) -> str:
        """Return the run that left that Deployment at 0, or that Service held; "" for none."""
        return next((item.run for item in self.left if (item.kind, item.name) == (kind, name)), "")

    def approved_facts(self) -> Mapping[str, object]:
        """Return what the digest covers, in JSON's types, one entry per thing that can move."""
        # decision 2: what is done and to what, by table. Row counts, sizes, times and texts are left out: a live app
        # writes all the time, and that must not void votes.
        # decision 28: votes in a journal are for digests of older releases, so an entry that is new is absent if empty.
        left = sorted([item.kind, item.name, item.run] for item in self.left)
        place = {_PLACE: self.place.approved_facts()} if self.place else {}
        return self._common_facts() | self._own_facts() | ({"left": left} if left else {}) | place

    def _own_facts(self) -> dict[str, object]:
        """Return what only this kind of plan has."""
        return {}

    def _common_facts(self) -> dict[str, object]:
        return {
            "kind": self.kind.value,
            "environment": self.environment,
            "schema": [self.from_schema, self.to_schema],
            "app": [self.from_app, self.to_app],
            # Digests of old releases have these entries for every kind, and a swap changes no schema.
            **{name: [] for name in ("scripts", "remaining", "drops", "rows")},
            "workloads": sorted(
                [work.deployment, work.uid, work.image, work.target_image, work.replicas] for work in self.workloads
            ),
            "services": sorted([service.service, service.uid, list(service.selector)] for service in self.services),
            "schema_fingerprint": self.schema_fingerprint,
        }

    def differences(self, now: "Plan") -> tuple[str, ...]:
        """Name what moved between this plan and `now`, one line each; empty when the digests are equal."""
        before, after = self.approved_facts(), now.approved_facts()
        keys = [key for key in {**before, **after} if key != _PLACE]
        pairs = {key: (before.get(key, []), after.get(key, [])) for key in keys}
        moved = tuple(_difference(key, then, now) for key, (then, now) in pairs.items() if then != now)
        return (*place_differences(self.place, now.place), *moved)


@dataclass(frozen=True, kw_only=True)
class SchemaPlan(Plan):
    """A plan that changes the live database's schema in one transaction.

    Attributes:
        scripts: the down scripts that it runs, or whose work it takes back.
        remaining: versions the tracking table holds afterwards, ascending.
        drops, rows: what goes, or comes back.
        expected_fingerprint: of the catalogue afterwards; "" where it cannot be predicted.
    """

    scripts: tuple[PlannedScript, ...]
    remaining: tuple[int, ...]
    drops: tuple[PlannedDrop, ...]
    rows: tuple[PlannedRows, ...]
    expected_fingerprint: str

    @property
    def versions(self) -> frozenset[int]:
        """Return the versions of its scripts."""
        return frozenset(script.version for script in self.scripts)

    @property
    def applied_before(self) -> frozenset[int]:
        """Return the versions that the tracking table holds until it commits."""
        return self.versions | set(self.remaining)

    def _own_facts(self) -> dict[str, object]:
        return {
            "scripts": [[script.version, script.sha256] for script in self.scripts],
            "remaining": list(self.remaining),
            "drops": sorted([drop.kind, drop.identity] for drop in self.drops),
            "rows": sorted([rows.table, rows.reason] for rows in self.rows),
        }


@dataclass(frozen=True, kw_only=True)
class ChainPlan(SchemaPlan):
    """Rolls migrations back.

    Attributes:
        requested_app: "" where the matrix chooses the app version.
        changes: what is new or another in the catalogue afterwards; None in a plan of an old release.
        renames: what has another name afterwards and is the same.
    """

    kind = PlanKind.CHAIN
    locks: tuple[PlannedLock, ...]
    requested_app: str
    changes: tuple[PlannedChange, ...] | None = None
    renames: tuple[PlannedRename, ...] = ()

    def _own_facts(self) -> dict[str, object]:
        # decision 28: plans of an old release do not say how anything changes; their digests have no such entries.
        changes = sorted([item.kind, item.identity, item.definition] for item in self.changes or () if item.how)
        renames = sorted([item.kind, item.identity, item.to] for item in self.renames)
        optional = {"changes": changes, "renames": renames}
        return super()._own_facts() | {name: entries for name, entries in optional.items() if entries}


@dataclass(frozen=True, kw_only=True)
class UndoRollbackPlan(SchemaPlan):
    """Takes a chain back: creates and loads again what it dropped, from `source`."""

    kind = PlanKind.UNDO_ROLLBACK
    source: PlannedRecreation

    @property
    def applied_before(self) -> frozenset[int]:
        """Return the versions that the tracking table holds until it commits."""
        return frozenset(self.remaining) - self.versions

    def _own_facts(self) -> dict[str, object]:
        source = self.source
        bundle = [source.backup, source.key, source.version_id, source.sha256]
        return super()._own_facts() | {"bundle": bundle, "export": source.export, "undoes": self.undoes}


@dataclass(frozen=True, kw_only=True)
class SwapPlan(Plan):
    """A plan in which the content of `restore` replaces the live database's."""

    restore: PlannedRestore

    def _own_facts(self) -> dict[str, object]:
        come = self.restore
        bundle = [come.backup, come.key, come.version_id, come.sha256, *([come.etag] if come.etag else [])]
        facts: dict[str, object] = {
            "bundle": bundle,
            "databases": [come.incoming, come.outgoing],
            "undoes": self.undoes,
        }
        facts |= {"doubts": sorted(come.doubts)} if come.doubts else {}
        return facts | ({"closed": ["somebody has closed the live database"]} if come.found_closed else {})


@dataclass(frozen=True, kw_only=True)
class RestorePlan(SwapPlan):
    """Loads a backup beside the live database and swaps it in; `requested_app` as of a chain."""

    kind = PlanKind.RESTORE
    requested_app: str = ""


@dataclass(frozen=True, kw_only=True)
class UndoSwapPlan(SwapPlan):
    """Swaps a kept database back in."""

    kind = PlanKind.UNDO_SWAP


@dataclass(frozen=True, kw_only=True)
class RetiredPlan(SwapPlan):
    """Restored in place, in an old release; `restore` names no databases."""

    kind = PlanKind.RESTORE_IN_PLACE


PLANS: Mapping[PlanKind, type[Plan]] = rows_of_every_kind(
    PlanKind, {plan.kind: plan for plan in (ChainPlan, RestorePlan, UndoSwapPlan, UndoRollbackPlan, RetiredPlan)}
)
P = TypeVar("P", bound=Plan)


def narrow(plan: Plan, wanted: type[P]) -> P:
    """Return the plan as what a step of its checklist knows it to be.

    Raises:
        TypeError: it is none, so its kind has a step of another kind.
    """
    if not isinstance(plan, wanted):
        raise TypeError(f"a plan of kind {plan.kind} is no {wanted.__name__}")
    return plan


def _difference(key: str, before: object, after: object) -> str:
    """Name what moved in one of a plan's facts, e.g. ``drops: now table public.visits``; values are JSON's types."""
    name = key.replace("_", " ")
    if isinstance(before, list) and isinstance(after, list) and key not in {"schema", "app"}:
        parts = [f"no longer {_text(item)}" for item in before if item not in after]
        parts += [f"now {_text(item)}" for item in after if item not in before]
        return f"{name}: " + "; ".join(parts)
    return f"{name}: {_text(before)} → {_text(after)}"


def _text(item: object) -> str:
    if isinstance(item, list):
        return " ".join(_text(part) for part in item)
    if isinstance(item, tuple):
        return "=".join(_text(part) for part in item)
    return str(item)[:80]
