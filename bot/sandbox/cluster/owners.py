"""Tracks owners and finalizes deletions: cascade, orphan, grace period."""

from bot.sandbox.cluster.resources import DEPLOYMENTS, EVENTS, PODS, REPLICA_SETS, Resource
from bot.sandbox.cluster.statuses import Obj
from bot.sandbox.cluster.store import Store, stamp_now


def refer_to(resource: Resource, owner: Obj) -> Obj:
    """Write the ownerReference that makes `owner` the controller."""
    return {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def find_controller(obj: Obj) -> Obj | None:
    """The ownerReference of the controlling owner, if any."""
    references: list[Obj] = obj["metadata"].get("ownerReferences", [])
    return next((reference for reference in references if reference.get("controller")), None)


def owned_by(store: Store, resource: Resource, owner: Obj) -> list[Obj]:
    """List the objects of a kind that `owner` controls, in name order."""
    uid = owner["metadata"]["uid"]
    found = store.list(resource, owner["metadata"]["namespace"])
    return [obj for obj in found if (find_controller(obj) or {}).get("uid") == uid]


def find_deployment(store: Store, pod: Obj) -> str:
    """Name the Deployment a pod belongs to, through its ReplicaSet; empty for a bare pod."""
    namespace, owner = pod["metadata"]["namespace"], find_controller(pod)
    replica_set = store.find(REPLICA_SETS, namespace, owner["name"]) if owner else None
    above = find_controller(replica_set) if replica_set else None
    if above:
        return str(above["name"])
    return str(owner["name"]).rpartition("-")[0] if owner else ""


def is_terminating(pod: Obj) -> bool:
    """Tell whether its deletion was asked for."""
    return "deletionTimestamp" in pod["metadata"]


def is_active(pod: Obj) -> bool:
    """Tell whether it counts towards its ReplicaSet."""
    return not is_terminating(pod) and pod.get("status", {}).get("phase") not in ("Succeeded", "Failed")


def is_ready(pod: Obj) -> bool:
    """Tell whether its Ready condition is true."""
    conditions = pod.get("status", {}).get("conditions", [])
    return any(entry["type"] == "Ready" and entry["status"] == "True" for entry in conditions)


def terminate_pod(store: Store, pod: Obj, manager: str, grace_s: int | None = None) -> Obj:
    """Begin a pod's graceful deletion, or end it at once when `grace_s` is 0; the answer is its last state."""
    metadata = pod["metadata"]
    if grace_s == 0:
        return store.remove(PODS, metadata["namespace"], metadata["name"])
    grace = pod["spec"].get("terminationGracePeriodSeconds", 30) if grace_s is None else grace_s
    if is_terminating(pod) and metadata["deletionGracePeriodSeconds"] <= grace:
        return pod
    marks = {"deletionTimestamp": stamp_now(grace), "deletionGracePeriodSeconds": grace}
    return store.put(PODS, pod | {"metadata": metadata | marks}, manager)


def collect_orphans(store: Store) -> None:
    """Delete what is controlled by something that is gone, as the garbage collector does."""
    for resource, owners in ((REPLICA_SETS, DEPLOYMENTS), (PODS, REPLICA_SETS)):
        alive = {owner["metadata"]["uid"] for owner in store.list(owners)}
        for obj in store.list(resource):
            owner = find_controller(obj)
            if not owner or owner["uid"] in alive or owner["kind"] != owners.kind or is_terminating(obj):
                continue
            if resource is PODS:
                terminate_pod(store, obj, "garbage-collector")
            else:
                store.remove(resource, obj["metadata"]["namespace"], obj["metadata"]["name"])


_EVENTS_KEPT = 200


def record_event(store: Store, resource: Resource, about: Obj, reason: str, message: str, kind: str = "Normal") -> None:
    """Record an Event about an object; the oldest go when there are many."""
    metadata, stamp = about["metadata"], stamp_now()
    reference = {"apiVersion": resource.api_version, "kind": resource.kind}
    reference |= {key: metadata[key] for key in ("name", "namespace", "uid", "resourceVersion") if key in metadata}
    event = {
        "metadata": {"name": f"{metadata['name']}.{store.version:016x}", "namespace": metadata["namespace"]},
        "involvedObject": reference,
        "reason": reason,
        "message": message,
        "type": kind,
        "count": 1,
        "firstTimestamp": stamp,
        "lastTimestamp": stamp,
        "source": {"component": "controllermanager"},
    }
    store.create(EVENTS, event, "kube-controller-manager")
    kept = sorted(store.list(EVENTS), key=lambda obj: int(obj["metadata"]["resourceVersion"]))
    for old in kept[:-_EVENTS_KEPT]:
        store.remove(EVENTS, old["metadata"]["namespace"], old["metadata"]["name"])
