"""Rolls a Deployment out: ReplicaSets with revisions, RollingUpdate and Recreate, status and conditions."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from bot.sandbox.cluster import defaults, owners, schema
from bot.sandbox.cluster.resources import DEPLOYMENTS, PODS, REPLICA_SETS
from bot.sandbox.cluster.statuses import Obj
from bot.sandbox.cluster.store import Store, stamp_now

REVISION = "deployment.kubernetes.io/revision"
_HISTORY = "deployment.kubernetes.io/revision-history"
_NOT_COPIED = (REVISION, _HISTORY, "kubectl.kubernetes.io/last-applied-configuration")
_MANAGER = "kube-controller-manager"


@dataclass
class _Progress:
    figures: tuple[int, int, int, int] | None = None
    since: float = 0.0
    rolling: bool = True


class DeploymentController:
    """Reconciles Deployments; remembers only when each last made progress."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._progress: dict[str, _Progress] = {}

    def reconcile(self, deployment: Obj) -> None:
        """Take one step towards the spec."""
        owned = owners.owned_by(self._store, REPLICA_SETS, deployment)
        current = self._current(deployment, owned)
        if current is None and not deployment["spec"].get("paused"):
            current = self._create_replica_set(deployment, owned)
        if current:
            current = self._number(deployment, current, owned)
            deployment = self._annotate(deployment, current)
            self._scale_all(deployment, current, [one for one in owned if not _same(one, current)])
        elif len(live := [one for one in owned if one["spec"]["replicas"] > 0]) == 1:
            self._scale(deployment, live[0], deployment["spec"]["replicas"])  # paused: the old template stays
        self._forget_old(deployment, current)
        self._write_status(deployment, current)

    def _current(self, deployment: Obj, owned: list[Obj]) -> Obj | None:
        wanted = defaults.hash_template(deployment["spec"]["template"])
        return next((one for one in owned if _hash_template(one) == wanted), None)

    def _create_replica_set(self, deployment: Obj, owned: list[Obj]) -> Obj:
        metadata, spec = deployment["metadata"], deployment["spec"]
        digest = defaults.hash_template(spec["template"])
        mark = {"pod-template-hash": digest}
        described = spec["template"].get("metadata", {})
        labels = described.get("labels", {}) | mark
        selector = spec["selector"] | {"matchLabels": spec["selector"].get("matchLabels", {}) | mark}
        replica_set = {
            "metadata": {
                "name": f"{metadata['name']}-{digest}",
                "namespace": metadata["namespace"],
                "labels": labels,
                "annotations": {REVISION: str(_newest(owned) + 1)},
                "ownerReferences": [owners.refer_to(DEPLOYMENTS, deployment)],
            },
            "spec": {
                "replicas": 0,
                "selector": selector,
                "template": spec["template"] | {"metadata": described | {"labels": labels}},
                "minReadySeconds": spec.get("minReadySeconds", 0),
            },
            "status": {"replicas": 0},
        }
        self._progress.pop(metadata["uid"], None)
        return self._store.create(REPLICA_SETS, replica_set, _MANAGER)

    def _number(self, deployment: Obj, current: Obj, owned: list[Obj]) -> Obj:
        """Give the current ReplicaSet the highest revision number, and the Deployment's annotations."""
        old = current["metadata"].get("annotations", {})
        copied = deployment["metadata"].get("annotations", {})
        annotations = old | {key: value for key, value in copied.items() if key not in _NOT_COPIED}
        newest = _newest([one for one in owned if not _same(one, current)])
        if int(old.get(REVISION, 0)) <= newest:
            history = [*filter(None, old.get(_HISTORY, "").split(",")), old.get(REVISION, "0")]
            annotations |= {REVISION: str(newest + 1), _HISTORY: ",".join(history)}
            self._progress.pop(deployment["metadata"]["uid"], None)
        changed = current | {"metadata": current["metadata"] | {"annotations": annotations}}
        return self._store.put(REPLICA_SETS, changed, _MANAGER)

    def _annotate(self, deployment: Obj, current: Obj) -> Obj:
        revision = {REVISION: current["metadata"]["annotations"][REVISION]}
        annotations = deployment["metadata"].get("annotations", {}) | revision
        changed = deployment | {"metadata": deployment["metadata"] | {"annotations": annotations}}
        return self._store.put(DEPLOYMENTS, changed, _MANAGER)

    def _scale_all(self, deployment: Obj, current: Obj, old: list[Obj]) -> None:
        wanted = deployment["spec"]["replicas"]
        live = [one for one in old if one["spec"]["replicas"] > 0]
        if deployment["spec"]["strategy"]["type"] == "Recreate":
            for one in live:
                self._scale(deployment, one, 0)
            if not any(owners.owned_by(self._store, PODS, one) for one in old):
                self._scale(deployment, current, wanted)
            return
        surge, unavailable = _limits(deployment)
        if not live or wanted == 0:
            for one in live:
                self._scale(deployment, one, 0)
            self._scale(deployment, current, wanted)
            return
        room = wanted + surge - sum(one["spec"]["replicas"] for one in (current, *live))
        now = current["spec"]["replicas"]
        grown = min(wanted, now + room) if now < wanted and room > 0 else min(now, wanted)
        current = self._scale(deployment, current, grown)
        self._shrink_old(deployment, current, live, wanted - unavailable)

    def _shrink_old(self, deployment: Obj, current: Obj, live: list[Obj], least: int) -> None:
        """Scale old ReplicaSets down as far as `least` available pods allow; unavailable old pods go first."""
        ready = _available(current)
        total = sum(one["spec"]["replicas"] for one in (current, *live))
        budget = total - least - (current["spec"]["replicas"] - ready)  # pods still starting count for nothing
        spare = ready + sum(_available(one) for one in live) - least
        for one in live:
            had = one["spec"]["replicas"]
            broken = min(max(budget, 0), had - min(had, _available(one)))
            budget -= broken
            healthy = min(max(budget, 0), max(spare, 0), had - broken)
            budget, spare = budget - healthy, spare - healthy
            self._scale(deployment, one, had - broken - healthy)

    def _scale(self, deployment: Obj, replica_set: Obj, replicas: int) -> Obj:
        had = replica_set["spec"]["replicas"]
        if had == replicas:
            return replica_set
        word = "up" if replicas > had else "down"
        text = f"Scaled {word} replica set {replica_set['metadata']['name']} from {had} to {replicas}"
        owners.record_event(self._store, DEPLOYMENTS, deployment, "ScalingReplicaSet", text)
        return self._store.put(
            REPLICA_SETS, replica_set | {"spec": replica_set["spec"] | {"replicas": replicas}}, _MANAGER
        )

    def _forget_old(self, deployment: Obj, current: Obj | None) -> None:
        """Remove the oldest empty ReplicaSets beyond `revisionHistoryLimit`."""
        owned = owners.owned_by(self._store, REPLICA_SETS, deployment)
        idle = [one for one in owned if not one["spec"]["replicas"] and not one["status"].get("replicas")]
        idle = sorted((one for one in idle if not current or not _same(one, current)), key=lambda one: _newest([one]))
        surplus = len(idle) - deployment["spec"].get("revisionHistoryLimit", 10)
        for one in idle[: max(surplus, 0)]:
            self._store.remove(REPLICA_SETS, one["metadata"]["namespace"], one["metadata"]["name"])

    def _write_status(self, deployment: Obj, current: Obj | None) -> None:
        owned = owners.owned_by(self._store, REPLICA_SETS, deployment)
        counts = {key: sum(one["status"].get(key, 0) for one in owned) for key in _COUNTED}
        fresh = next((one for one in owned if current and _same(one, current)), None)
        updated = fresh["status"].get("replicas", 0) if fresh else 0
        status = counts | {
            "updatedReplicas": updated,
            "unavailableReplicas": max(counts["replicas"] - counts["availableReplicas"], 0),
            "observedGeneration": deployment["metadata"]["generation"],
        }
        old = {entry["type"]: entry for entry in deployment.get("status", {}).get("conditions", [])}
        reports = [_availability(deployment, counts["availableReplicas"])]
        if progressing := self._progressing(deployment, status, fresh, old.get("Progressing", {})):
            reports.append(progressing)
        if failing := next((one["status"]["conditions"][0] for one in owned if one["status"].get("conditions")), None):
            reports.append({key: failing[key] for key in ("type", "status", "reason", "message")})
        status["conditions"] = [_keep_times(report, old.get(report["type"], {})) for report in reports]
        decoded = schema.decode("V1DeploymentStatus", status)
        self._store.put(DEPLOYMENTS, deployment | {"status": decoded}, _MANAGER, "status")

    def _progressing(self, deployment: Obj, status: Obj, fresh: Obj | None, old: Obj) -> Obj | None:
        name = fresh["metadata"]["name"] if fresh else ""
        wanted, uid = deployment["spec"]["replicas"], deployment["metadata"]["uid"]
        progress = self._progress.setdefault(uid, _Progress())
        figures = (status["replicas"], status["updatedReplicas"], status["readyReplicas"], status["availableReplicas"])
        if figures[:2] == (wanted, wanted) and figures[3] == wanted:
            progress.rolling = False
            return _report(
                "Progressing", "True", "NewReplicaSetAvailable", f'ReplicaSet "{name}" has successfully progressed.'
            )
        if figures != progress.figures:
            progress.figures, progress.since = figures, time.monotonic()
        if not progress.rolling and old:
            return _report("Progressing", "True", old["reason"], old["message"])  # scaling is no rollout
        if time.monotonic() > progress.since + deployment["spec"]["progressDeadlineSeconds"]:
            return _report(
                "Progressing", "False", "ProgressDeadlineExceeded", f'ReplicaSet "{name}" has timed out progressing.'
            )
        return _report("Progressing", "True", "ReplicaSetUpdated", f'ReplicaSet "{name}" is progressing.')


_COUNTED = ("replicas", "readyReplicas", "availableReplicas")


def _same(one: Obj, other: Obj) -> bool:
    return bool(one["metadata"]["uid"] == other["metadata"]["uid"])


def _available(one: Obj) -> int:
    return int(one["status"].get("availableReplicas", 0))


def _hash_template(one: Obj) -> str:
    return str(one["metadata"].get("labels", {}).get("pod-template-hash", ""))


def _newest(owned: list[Obj]) -> int:
    return max((int(one["metadata"].get("annotations", {}).get(REVISION, 0)) for one in owned), default=0)


def _limits(deployment: Obj) -> tuple[int, int]:
    rolling, wanted = deployment["spec"]["strategy"].get("rollingUpdate", {}), deployment["spec"]["replicas"]
    surge = _amount(rolling.get("maxSurge", "25%"), wanted, math.ceil)
    unavailable = _amount(rolling.get("maxUnavailable", "25%"), wanted, math.floor)
    return surge, unavailable if surge or unavailable else 1


def _amount(value: int | str, whole: int, rounded: Callable[[float], int]) -> int:
    return value if isinstance(value, int) else rounded(float(value.rstrip("%")) * whole / 100)


def _availability(deployment: Obj, available: int) -> Obj:
    recreates = deployment["spec"]["strategy"]["type"] == "Recreate"
    least = deployment["spec"]["replicas"] - (0 if recreates else _limits(deployment)[1])
    if available >= least:
        return _report("Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
    words = "Deployment does not have minimum availability."
    return _report("Available", "False", "MinimumReplicasUnavailable", words)


def _report(kind: str, status: str, reason: str, message: str) -> Obj:
    return {"type": kind, "status": status, "reason": reason, "message": message}


def _keep_times(report: Obj, old: Obj) -> Obj:
    stamp = stamp_now()
    turned = old["lastTransitionTime"] if old.get("status") == report["status"] else stamp
    same = all(old.get(key) == report[key] for key in ("status", "reason", "message"))
    return report | {"lastTransitionTime": turned, "lastUpdateTime": old["lastUpdateTime"] if same else stamp}
