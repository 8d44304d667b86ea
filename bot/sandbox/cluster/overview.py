"""The whole cluster at a glance, as JSON for the control API."""

from bot.sandbox.cluster import endpoints, owners
from bot.sandbox.cluster.resources import DEPLOYMENTS, NAMESPACES, PODS, REPLICA_SETS, SERVICES
from bot.sandbox.cluster.statuses import Obj
from bot.sandbox.cluster.store import Store


def describe(store: Store) -> Obj:
    """Write `{"namespaces": {name: {"deployments": …, "services": …, "pods": …}}}`."""
    names = [obj["metadata"]["name"] for obj in store.list(NAMESPACES)]
    return {"namespaces": {name: _namespace(store, name) for name in names}}


def _namespace(store: Store, name: str) -> Obj:
    return {
        "deployments": {obj["metadata"]["name"]: _deployment(store, obj) for obj in store.list(DEPLOYMENTS, name)},
        "services": {obj["metadata"]["name"]: _service(store, obj) for obj in store.list(SERVICES, name)},
        "pods": {obj["metadata"]["name"]: _pod(store, obj) for obj in store.list(PODS, name)},
    }


def _deployment(store: Store, obj: Obj) -> Obj:
    metadata, status = obj["metadata"], obj.get("status", {})
    sets = owners.owned_by(store, REPLICA_SETS, obj)
    history = {one["metadata"]["annotations"]["deployment.kubernetes.io/revision"]: _images(one)[0] for one in sets}
    return {
        "uid": metadata["uid"],
        "replicas": obj["spec"]["replicas"],
        "ready": status.get("readyReplicas", 0),
        "available": status.get("availableReplicas", 0),
        "images": _images(obj),
        "labels": metadata.get("labels", {}),
        "annotations": metadata.get("annotations", {}),
        "revisions": dict(sorted(history.items(), key=lambda item: int(item[0]))),
    }


def _images(obj: Obj) -> list[str]:
    return [box["image"] for box in obj["spec"]["template"]["spec"]["containers"]]


def _service(store: Store, obj: Obj) -> Obj:
    return {
        "uid": obj["metadata"]["uid"],
        "selector": obj["spec"].get("selector", {}),
        "annotations": obj["metadata"].get("annotations", {}),
        "endpoints": [pod["metadata"]["name"] for pod in endpoints.serving_pods(store, obj)],
    }


def _pod(store: Store, obj: Obj) -> Obj:
    status = obj.get("status", {})
    boxes = status.get("containerStatuses", [])
    waiting = [box["state"]["waiting"]["reason"] for box in boxes if "waiting" in box["state"]]
    return {
        "deployment": owners.deployment_of(store, obj),
        "phase": status.get("phase", ""),
        "ready": owners.is_ready(obj),
        "terminating": owners.is_terminating(obj),
        "restarts": sum(box["restartCount"] for box in boxes),
        "problem": waiting[0] if waiting else "",
        "images": [box["image"] for box in obj["spec"]["containers"]],
        "labels": obj["metadata"].get("labels", {}),
    }
