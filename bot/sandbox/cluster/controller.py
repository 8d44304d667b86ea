"""Reconciles the cluster in one thread, after each change and when something is due."""

import logging
import random
import threading
import time
from collections.abc import Callable

from bot.sandbox.cluster import defaults, endpoints, owners, schema
from bot.sandbox.cluster.deployments import DeploymentController
from bot.sandbox.cluster.gitops import GitOps
from bot.sandbox.cluster.kubelet import Delays, Kubelet
from bot.sandbox.cluster.resources import DEPLOYMENTS, PODS, REPLICA_SETS
from bot.sandbox.cluster.statuses import ApiError, Obj
from bot.sandbox.cluster.store import Store, stamp_now

_LOG = logging.getLogger(__name__)
_IDLE_S = 1.0  # a look at the clock even when nothing changes: deadlines, minReadySeconds


class Controller:
    """Runs the Deployment, ReplicaSet, endpoints and GitOps controllers and the kubelet."""

    def __init__(self, store: Store, kubelet: Kubelet, gitops: GitOps, delays: Delays, seed: int = 0) -> None:
        self._store, self._kubelet, self._gitops, self._delays = store, kubelet, gitops, delays
        self._deployments = DeploymentController(store)
        self._dice = random.Random(seed)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="cluster-controller")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; returns when the thread is gone."""
        self._stopping.set()
        self._store.poke()
        self._thread.join()

    def _loop(self) -> None:
        while not self._stopping.is_set():
            with self._store.lock:
                seen = (self._store.version, self._store.pokes)
            try:
                due = self.reconcile()
            except Exception:  # noqa: BLE001 -- the loop must outlive a bug in one pass, and show it
                _LOG.exception("cluster controller pass failed")
                due = None
            self._wait(seen, due)

    def _wait(self, seen: tuple[int, int], due: float | None) -> None:
        wait_s = _IDLE_S if due is None else min(_IDLE_S, max(due - time.monotonic(), 0))
        with self._store.changed:
            self._store.changed.wait_for(
                lambda: self._stopping.is_set() or (self._store.version, self._store.pokes) != seen, timeout=wait_s
            )
        self._stopping.wait(self._delays.reconcile_s)  # so that observedGeneration lags as it does for real

    def reconcile(self) -> float | None:
        """Make one pass over everything; the answer is when the next thing is due (monotonic seconds)."""
        calls: list[Callable[[], None]]
        with self._store.lock:
            now = time.monotonic()
            self.reconcile_workloads()
            calls, pods_due = self._kubelet.advance(now)
            git_due = self._gitops.advance(now)
            endpoints.reconcile(self._store)
        for call in calls:
            call()
        return min((due for due in (pods_due, git_due) if due is not None), default=None)

    def reconcile_workloads(self) -> None:
        """Make one pass over Deployments and ReplicaSets alone."""
        with self._store.lock:
            owners.collect_orphans(self._store)
            for deployment in self._store.list(DEPLOYMENTS):
                self._deployments.reconcile(deployment)
            for replica_set in self._store.list(REPLICA_SETS):
                _reconcile_replica_set(self._store, self._kubelet, replica_set, self._dice)


_MANAGER = "kube-controller-manager"


def _reconcile_replica_set(store: Store, kubelet: Kubelet, replica_set: Obj, dice: random.Random) -> None:
    """Create or delete pods towards `spec.replicas`, then write the status."""
    pods = [pod for pod in owners.owned_by(store, PODS, replica_set) if owners.is_active(pod)]
    missing = replica_set["spec"].get("replicas", 1) - len(pods)
    problem = ""
    try:
        pods += [_create_pod(store, kubelet, replica_set, dice) for _ in range(max(missing, 0))]
    except ApiError as error:
        problem = error.message
    for pod in _expendable(pods)[: max(-missing, 0)]:
        owners.terminate_pod(store, pod, _MANAGER)
        pods.remove(pod)
    _write_status(store, kubelet, replica_set, pods, problem)


def _expendable(pods: list[Obj]) -> list[Obj]:
    """Not ready ones first, then the youngest."""
    youngest = sorted(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"]), reverse=True)
    return sorted(youngest, key=owners.is_ready)


def _create_pod(store: Store, kubelet: Kubelet, replica_set: Obj, dice: random.Random) -> Obj:
    template, metadata = replica_set["spec"]["template"], replica_set["metadata"]
    suffix = defaults.encode_word(str(dice.random()), 5)
    described = template.get("metadata", {})
    pod = {
        "metadata": {
            "name": f"{metadata['name']}-{suffix}",
            "generateName": f"{metadata['name']}-",
            "namespace": metadata["namespace"],
            "labels": described.get("labels", {}),
            "annotations": described.get("annotations", {}),
            "ownerReferences": [owners.refer_to(REPLICA_SETS, replica_set)],
        },
        "spec": template["spec"],
        "status": {"phase": "Pending"},
    }
    return store.create(PODS, kubelet.admit(pod), _MANAGER)


def _write_status(store: Store, kubelet: Kubelet, replica_set: Obj, pods: list[Obj], problem: str) -> None:
    min_ready_s = replica_set["spec"].get("minReadySeconds", 0)
    status = {
        "replicas": len(pods),
        "fullyLabeledReplicas": len(pods),
        "readyReplicas": sum(owners.is_ready(pod) for pod in pods),
        "availableReplicas": sum(kubelet.is_available(pod, min_ready_s) for pod in pods),
        "observedGeneration": replica_set["metadata"]["generation"],
        "conditions": [_failure(replica_set, problem)] if problem else [],
    }
    store.put(REPLICA_SETS, replica_set | {"status": schema.decode("V1ReplicaSetStatus", status)}, _MANAGER, "status")


def _failure(replica_set: Obj, problem: str) -> Obj:
    old: Obj = next(iter(replica_set.get("status", {}).get("conditions", [])), {})
    failure = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": problem}
    return failure | {"lastTransitionTime": old.get("lastTransitionTime") or stamp_now()}
