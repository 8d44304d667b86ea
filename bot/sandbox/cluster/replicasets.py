"""Keeps as many pods as a ReplicaSet asks for."""

import random

from bot.sandbox.cluster import defaults, owners, schema
from bot.sandbox.cluster.kubelet import Kubelet
from bot.sandbox.cluster.resources import PODS, REPLICA_SETS
from bot.sandbox.cluster.statuses import Obj
from bot.sandbox.cluster.store import Store

_MANAGER = "kube-controller-manager"


def reconcile(store: Store, kubelet: Kubelet, replica_set: Obj, dice: random.Random) -> None:
    """Create or delete pods towards `spec.replicas`, then write the status."""
    pods = [pod for pod in owners.owned_by(store, PODS, replica_set) if owners.is_active(pod)]
    missing = replica_set["spec"].get("replicas", 1) - len(pods)
    pods += [_create_pod(store, kubelet, replica_set, dice) for _ in range(max(missing, 0))]
    for pod in _expendable(pods)[: max(-missing, 0)]:
        owners.terminate_pod(store, pod, _MANAGER)
        pods.remove(pod)
    _write_status(store, kubelet, replica_set, pods)


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


def _write_status(store: Store, kubelet: Kubelet, replica_set: Obj, pods: list[Obj]) -> None:
    min_ready_s = replica_set["spec"].get("minReadySeconds", 0)
    status = {
        "replicas": len(pods),
        "fullyLabeledReplicas": len(pods),
        "readyReplicas": sum(owners.is_ready(pod) for pod in pods),
        "availableReplicas": sum(kubelet.is_available(pod, min_ready_s) for pod in pods),
        "observedGeneration": replica_set["metadata"]["generation"],
    }
    store.put(REPLICA_SETS, replica_set | {"status": schema.decode("V1ReplicaSetStatus", status)}, _MANAGER, "status")
