"""Writes a pod's `status`: phase, conditions, one state per container."""

from dataclasses import dataclass

from bot.sandbox.cluster.statuses import Obj
from bot.sandbox.cluster.store import stamp_now


@dataclass(frozen=True)
class Containers:
    """What all containers of a pod do: wait for `reason`, or run when it is empty."""

    reason: str
    message: str = ""
    crashed: bool = False
    phase: str = "Pending"
    ready: bool = False


def describe(pod: Obj, containers: Containers, restarts: int, address: str) -> Obj:
    """Write the status; times of what did not change are kept."""
    old: Obj = pod.get("status", {})
    status: Obj = {"phase": containers.phase, "hostIP": "10.0.0.10", "qosClass": "BestEffort"}
    status["startTime"] = old.get("startTime", stamp_now())
    if address:
        status |= {"podIP": address, "podIPs": [{"ip": address}]}
    status["conditions"] = _conditions(old.get("conditions", []), ready=containers.ready)
    before = {entry["name"]: entry for entry in old.get("containerStatuses", [])}
    status["containerStatuses"] = [
        _container(box, containers, restarts, before.get(box["name"], {})) for box in pod["spec"]["containers"]
    ]
    return status


def _conditions(old: list[Obj], *, ready: bool) -> list[Obj]:
    values = {"PodScheduled": True, "Initialized": True, "ContainersReady": ready, "Ready": ready}
    before = {entry["type"]: entry for entry in old}
    result = []
    for name, value in values.items():
        word = str(value)
        same = before.get(name, {}).get("status") == word
        at = before[name]["lastTransitionTime"] if same else stamp_now()
        entry = {"type": name, "status": word, "lastTransitionTime": at}
        if not value:
            entry |= {"reason": "ContainersNotReady", "message": "containers with unready status"}
        result.append(entry)
    return result


def _container(box: Obj, containers: Containers, restarts: int, old: Obj) -> Obj:
    entry: Obj = {"name": box["name"], "image": box["image"], "imageID": f"sandbox://{box['image']}"}
    entry |= {"ready": containers.ready, "restartCount": restarts, "started": not containers.reason}
    if containers.reason:
        waiting = {"reason": containers.reason} | ({"message": containers.message} if containers.message else {})
        entry["state"] = {"waiting": waiting}
    else:
        since = old.get("state", {}).get("running", {}).get("startedAt", stamp_now())
        entry["state"] = {"running": {"startedAt": since}}
    if containers.crashed:
        entry["lastState"] = _crash(old, restarts)
    return entry


def _crash(old: Obj, restarts: int) -> Obj:
    last: Obj = old.get("lastState", {})
    if last and old.get("restartCount") == restarts:
        return last
    stamp = stamp_now()
    return {"terminated": {"exitCode": 1, "reason": "Error", "startedAt": stamp, "finishedAt": stamp}}
