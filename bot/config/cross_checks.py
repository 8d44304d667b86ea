"""Checks settings against each other: contradictions are errors, valid but risky settings are warnings."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import ValidationError

from bot.config.credentials import Keys, Surroundings
from bot.config.dsn import Target, parse_dsn
from bot.config.keys import (
    ClusterKeys,
    CompatibilityKeys,
    DatabaseKeys,
    DrillKeys,
    EnvironmentKeys,
    FileKeys,
    StateKeys,
)
from bot.config.problems import line

K = TypeVar("K", bound=Keys)
_DAY_S = 86_400


def cross_check(document: Mapping[str, Any], around: Surroundings) -> Iterator[str]:
    """Describe contradictions between tables, one line for each bad value; tables that are bad alone are left out."""
    yield from _overlapping_apps(_list(document, "compatibility"), around)
    yield from _drills(_list(document, "drills"), _table(document, "environments"), around)
    yield from _shared_databases(document, around)
    yield from _unfit_helpers(document, around)
    yield from _shared_workloads(document, around)


def find_warnings(file: FileKeys) -> Iterator[str]:
    """Name valid but risky settings, one sentence each, with the key's path."""
    for name, item in file.environments.items():
        path = f"environments.{name}"
        yield from _risks(path, item)
        if item.require_drill == "block" and item.require_drill_within_s is not None:
            yield from _unmet_demands(path, name, file.drills)
        elif item.require_drill == "block":
            yield f"{path}.require_drill: blocks nothing without require_drill_within_s."
        if item.keep_old_database_s < _DAY_S:
            yield (
                f"{path}.keep_old_database_s: a replaced database is dropped after {item.keep_old_database_s:,} "
                "seconds, less than a day; nothing can be undone or salvaged after that."
            )


def _risks(path: str, item: EnvironmentKeys) -> Iterator[str]:
    policy = item.approval
    if item.production and policy.allow_requester:
        yield f"{path}.approval.allow_requester: the requester's own vote counts in production."
    if item.production and policy.quorum == 1:
        yield f"{path}.approval.quorum: one approval is enough in production."
    if item.production and not item.smoke.http and not item.smoke.sql:
        yield f"{path}.smoke: nothing is tested before traffic returns in production."
    only_people = all(approver.startswith("user:") for approver in policy.approvers)
    if only_people and not policy.allow_requester and policy.quorum == len(set(policy.approvers)):
        yield f"{path}.approval.quorum: every approver must approve, so a request by one of them can never pass."


def _unmet_demands(path: str, name: str, drills: Sequence[DrillKeys]) -> Iterator[str]:
    if not any(drill.kind == "migration" for drill in drills):
        yield f"{path}.require_drill: chains are refused without a recent drill, and no migration drill is scheduled."
    if not any(drill.kind != "migration" and (drill.bundle_of or drill.environment) == name for drill in drills):
        yield (
            f"{path}.require_drill: restores are refused without a recent proof, and no scheduled drill restores a "
            f"backup of {name}; only /backups {name} verify NAME 3 can prove one."
        )


def _overlapping_apps(rows: Sequence[Any], around: Surroundings) -> Iterator[str]:
    seen: dict[str, int] = {}
    for position, raw in enumerate(rows):
        row = _valid(CompatibilityKeys, raw, around)
        if row is None:
            continue
        twin = next((app for app in seen if _overlap(app, row.app)), None)
        if twin is not None:
            text = f'"{row.app}" is in compatibility[{seen[twin]}], "{twin}", too — keep one row per app version'
            yield line(("compatibility", position, "app"), text)
        seen.setdefault(row.app, position)


def _overlap(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    return one == other or (short.endswith(".x") and long.startswith(short[:-1]))


def _drills(drills: Sequence[Any], environments: Mapping[str, Any], around: Surroundings) -> Iterator[str]:
    seen: dict[str, int] = {}
    for position, raw in enumerate(drills):
        drill = _valid(DrillKeys, raw, around)
        if drill is None:
            continue
        yield from _drill_places(drill, position, environments)
        if drill.full_name in seen:
            text = f'"{drill.full_name}" is drills[{seen[drill.full_name]}], too — give each a name of its own'
            yield line(("drills", position, "name"), text)
        seen.setdefault(drill.full_name, position)


def _drill_places(drill: DrillKeys, position: int, environments: Mapping[str, Any]) -> Iterator[str]:
    known = ", ".join(environments) or "there are none"
    path = ("drills", position, "environment")
    if drill.environment not in environments:
        yield line(path, f'"{drill.environment}" is not an environment — name one of them: {known}')
    elif _table(environments, drill.environment).get("production") is True:
        yield line(path, f'"{drill.environment}" is production — drills run in the other environments only')
    source = drill.bundle_of if drill.bundle_of is not None else drill.environment
    path = ("drills", position, "bundle_of")
    if source != drill.environment and source not in environments:
        yield line(path, f'"{source}" is not an environment — name one of them: {known}')
    elif source != drill.environment and drill.kind == "restore":
        yield line(path, "a restore drill takes its own backup — leave it out, or practise migration or bundle")


def _shared_databases(document: Mapping[str, Any], around: Surroundings) -> Iterator[str]:
    places: dict[Target, str] = {}
    state = _valid(StateKeys, document.get("state"), around)
    if state is not None and (target := parse_dsn(state.dsn.get_secret_value())):
        places[target] = "state"
    for name, database in _each(DatabaseKeys, document, "database", around):
        target = parse_dsn(database.dsn.get_secret_value())
        if target is None:
            continue
        path = f"environments.{name}.database"
        if target in places:
            yield f"{path}: is the same database as {places[target]} — give each its own"
        places.setdefault(target, path)


def _unfit_helpers(document: Mapping[str, Any], around: Surroundings) -> Iterator[str]:
    """Refuse the database itself as a helper: it cannot be closed from inside, and a copy of it is not empty."""
    for name, database in _each(DatabaseKeys, document, "database", around):
        target = parse_dsn(database.dsn.get_secret_value())
        for key in ("maintenance_database", "shadow_template"):
            if target is not None and getattr(database, key) == target.database:
                yield line(
                    ("environments", name, "database", key),
                    "is the very database that is rolled back — name another one of the same server",
                )


def _shared_workloads(document: Mapping[str, Any], around: Surroundings) -> Iterator[str]:
    """Refuse one workload in two environments: a drill in one would stop the other."""
    seen: dict[tuple[str, ...], str] = {}
    for name, cluster in _each(ClusterKeys, document, "cluster", around):
        server = (cluster.server or "").lower()
        place = (server, str(cluster.kubeconfig or ""), cluster.context or "", cluster.namespace)
        for key, items in (("deployments", cluster.deployments), ("services", cluster.services)):
            for item in dict.fromkeys(items):
                other = seen.setdefault((*place, key, item), name)
                if other != name:
                    text = f'"{item}" in {cluster.namespace} is in environments.{other}.cluster.{key}, too'
                    yield line(("environments", name, "cluster", key), f"{text} — give each environment its own")


def _each(model: type[K], document: Mapping[str, Any], key: str, around: Surroundings) -> Iterator[tuple[str, K]]:
    """Yield the environments' tables of that name that are valid alone."""
    for name, raw in _table(document, "environments").items():
        table = _valid(model, raw.get(key) if isinstance(raw, dict) else None, around)
        if table is not None:
            yield name, table


def _valid(model: type[K], raw: Any, around: Surroundings) -> K | None:
    try:
        return model.model_validate(raw, context=around)
    except ValidationError:
        return None  # reported by the validation of the whole file


def _table(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    table = document.get(key)
    return table if isinstance(table, dict) else {}


def _list(document: Mapping[str, Any], key: str) -> Sequence[Any]:
    items = document.get(key)
    return items if isinstance(items, list) else []
