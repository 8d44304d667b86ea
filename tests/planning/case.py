"""A planner's case, read from JSON: what differs from an ordinary environment, and what must come out.

Keys of ``given``, all optional: `frozen`, `closed`, `active`, `lacking`, `can_fence`, `can_create`, `applied`,
`scripts` by version, `deployments`, `services`, `backups`, `before`, `live` and `after` objects, `locks`, `sizes`,
`columns`, `mentions`, `prepared`, `database_bytes`; `demand` (days, whether it blocks) and `drilled`: `proven` with the
days since each script's proof by version, `runs` with what past chains took of their estimate.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from bot.adapters.database.inspection import SHUT, closed
from bot.domain.backups import Backup, BackupName, Manifest, StoredObject
from bot.domain.catalogue import (
    Catalogue,
    ChainOutcome,
    DatabaseFacts,
    DatabaseObject,
    LoaderFacts,
    LockTaken,
    Rehearsal,
    StatementResult,
    TableSize,
)
from bot.domain.drills import DrillKind, ScriptProof
from bot.domain.environments import DrillDemand
from bot.domain.migrations import AppliedMigration, DownScript, Effect, Statement
from bot.domain.runs import Run, RunState, Step, StepState
from bot.domain.signing import SignatureState
from bot.domain.versions import AppVersion
from bot.domain.workloads import ClusterFacts, Deployment, Revision, Service
from bot.planning.facts import Drilled, Evidence, Facts, RollbackRequest
from bot.planning.rollback import choose_target, plan_rollback
from tests.domain.plans import PLAN
from tests.fakes.clock import NOON
from tests.fakes.world import ENVIRONMENT, MATRIX

Given = Mapping[str, Any]
DEFAULT: Given = {
    "applied": [24, 25, 26, 27],
    "scripts": {"27": {"drops": ["flags"], "data_loss": ["flags"]}, "26": {}, "25": {}},
    "deployments": [
        {"name": "api", "versions": ["v1.3.0", "v1.2.3", "v1.1.4"], "replicas": 3},
        {"name": "web", "versions": ["v1.3.0", "v1.2.3", "v1.1.4"], "replicas": 2},
    ],
    "services": [{"name": "api", "selector": {"app": "api"}}],
    "before": [["table", "public.flags"], ["table", "public.patients"]],
    "after": [["table", "public.patients"]],
    "sizes": [["public.flags", 42, 25000000]],
}


def plan_of(case: Given) -> Any:
    """Plan the case; raises what the planner raises."""
    given = DEFAULT | case.get("given", {})
    asked = case["request"]
    app = AppVersion.parse(asked["app"]) if "app" in asked else None
    text = f"/rollback prod {asked['migration']:03d}"
    request = RollbackRequest("prod", asked["migration"], app, text, asked.get("named", ""))
    facts = facts_of(given)
    target = choose_target(request, facts)
    return plan_rollback(request, facts, target, evidence_of(given))


def facts_of(given: Given) -> Facts:
    days, blocks = given.get("demand", (None, False))
    return Facts(
        environment=replace(ENVIRONMENT, drill_demand=DrillDemand(days * 86_400, blocks) if days else None),
        database=DatabaseFacts(
            name="physioflow",
            server_version=180006,
            size_bytes=given.get("database_bytes", 40_000_000),
            applied=tuple(AppliedMigration(version, f"{version:03d}_x") for version in given["applied"]),
            sessions=(),
            prepared=tuple(given.get("prepared", ())),
            can_take_exclusive_access=given.get("can_fence", True),
            can_create=given.get("can_create", True),
            accepts_connections=not given.get("closed", False),
            unread=closed("physioflow", SHUT) if given.get("closed") else None,
            loader=LoaderFacts("app_loader", "app", is_configured=True, is_usable=True),
        ),
        cluster=ClusterFacts(
            tuple(_deployment(item) for item in given["deployments"]),
            tuple(Service(item["name"], f"uid-svc-{item['name']}", item["selector"]) for item in given["services"]),
        ),
        scripts={int(version): _script(int(version), item) for version, item in given["scripts"].items()},
        matrix=MATRIX,
        backups=tuple(_backup(*item) for item in given.get("backups", ())),
        frozen=given.get("frozen"),
        active=_active(given["active"]) if "active" in given else None,
        missing_rights=tuple(given.get("lacking", ())),
        drilled=_drilled(given["drilled"]) if "drilled" in given else None,
    )


def _drilled(item: Given) -> Drilled:
    proofs = {}
    for version, (days, reversible) in item.get("proven", {}).items():
        sha256 = _script(int(version), {}).sha256
        proofs[sha256] = ScriptProof(int(version), sha256, NOON - timedelta(days=days), "dabcde", reversible)
    runs = tuple(_past(ratio, days) for days, ratio in enumerate(item.get("runs", ()), 1))
    return Drilled(NOON, NOON, proofs, runs=runs, grounds={DrillKind.MIGRATION: "staging"})


def _past(ratio: float, days: int) -> Run:
    """A chain in prod that took so many times its estimate of 90 s, and of 30 s for the downtime."""
    begun = NOON - timedelta(days=days)
    down, whole = begun + timedelta(seconds=30 * ratio), begun + timedelta(seconds=90 * ratio)
    steps = (
        Step("stop-traffic", 0, "", StepState.DONE, started_at=begun, ended_at=begun, attempts=1),
        Step("restore-traffic", 1, "", StepState.DONE, started_at=down, ended_at=down, attempts=1),
        Step("backup", 2, "", StepState.DONE, started_at=begun, ended_at=whole, attempts=1),
    )
    run = replace(_active("succeeded"), environment="prod", ended_at=whole, steps=steps)
    return replace(run, plan=replace(run.plan, environment="prod"))


def evidence_of(given: Given) -> Evidence:
    before, after = _catalogue(given["before"]), _catalogue(given["after"])
    locks = tuple(LockTaken(*item) for item in given.get("locks", ()))
    outcome = ChainOutcome((StatementResult(27, 8, "DROP TABLE", -1, 0.5),), locks, (27,))
    return Evidence(
        live=_catalogue(given["live"]) if "live" in given else before,
        rehearsal=Rehearsal(before, after, outcome, tuple(given.get("mentions", ()))),
        sizes=tuple(TableSize(*item) for item in given["sizes"]),
        column_sizes=tuple(TableSize(*item) for item in given.get("columns", ())),
    )


def _deployment(item: Given) -> Deployment:
    name, versions = item["name"], item["versions"]
    images = [f"registry.example/{name}:{version}" for version in versions]
    history = [Revision(len(images) - i, image, f"{name}-{len(images) - i}") for i, image in enumerate(images)]
    ready = item.get("ready", item["replicas"])
    return Deployment(
        name,
        f"uid-{name}",
        images[0],
        item["replicas"],
        ready,
        ready == item["replicas"],
        tuple(history),
        None,
        item.get("autoscaler", ""),
    )


def _script(version: int, item: Given) -> DownScript:
    statements = [Statement(f"DROP {name}", 8, Effect.DROPS, names=(name,)) for name in item.get("drops", ())]
    statements += [
        Statement(f"DELETE FROM {name}", 9, Effect.CHANGES_ROWS, relations=(name,), deletes=(name,))
        for name in item.get("changes", ())
    ]
    name = f"{version:03d}_x"
    sha256 = hashlib.sha256(name.encode()).hexdigest()
    data_loss = tuple(item.get("data_loss", ()))
    return DownScript(version, name, "x", f"No {version:03d}.", data_loss, (), tuple(statements), sha256)


def _backup(name: str, schema: int) -> Backup:
    parsed = BackupName.parse(name)
    assert parsed is not None, name
    manifest = Manifest(1, name, "prod", parsed.label, parsed.created_at, "v1.2.3", schema, 180006, "18.6", (), ())
    return Backup(
        parsed, StoredObject(f"{name}.tar.gz", 1), manifest if schema else None, signature=SignatureState.VALID
    )


def _active(state: str) -> Run:
    plan = replace(PLAN, asked_for="/rollback prod 026")
    return Run("rabcde", "prod", plan, RunState(state), "U0ONCALL", "", "C0INCIDENT", NOON, NOON)


def _object(kind: str, identity: str, part_of: str = "") -> DatabaseObject:
    return DatabaseObject(kind, identity, part_of)


def _catalogue(items: Sequence[Sequence[str]]) -> Catalogue:
    text = "\n".join(sorted(" ".join(item) for item in items))
    objects = frozenset(_object(*item) for item in items)
    return Catalogue(objects, hashlib.sha256(text.encode()).hexdigest()[:16])
