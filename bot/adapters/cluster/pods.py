"""Pods as the domain knows them, and the container that is the app."""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from bot.domain.workloads import Pod

_DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"
_OVER = ("Succeeded", "Failed")


def app_container(spec: Mapping[str, Any], annotations: Mapping[str, str], name: str = "") -> Mapping[str, Any]:
    """Pick the app's container of a pod spec: the one the pod names its default, the one called `name`, or the first.

    Sidecars (a mesh's proxy, a log shipper) have images of their own, and theirs is not the app's version.
    """
    containers = list(spec.get("containers") or ({},))
    wanted = (annotations.get(_DEFAULT_CONTAINER), name)
    return next((item for want in wanted for item in containers if want and item.get("name") == want), containers[0])


def image_of(template: Mapping[str, Any], name: str = "") -> str:
    """The app's image of a pod template (or of a pod)."""
    annotations = (template.get("metadata") or {}).get("annotations") or {}
    return str(app_container(template.get("spec") or {}, annotations, name).get("image", ""))


def is_gone(pod: Mapping[str, Any]) -> bool:
    """Whether no container of it runs any more and none will: an evicted pod stays as an object for days."""
    return (pod.get("status") or {}).get("phase") in _OVER


def template_images(replicasets: Iterable[Mapping[str, Any]], name: str) -> dict[str, str]:
    """The app's image by the uid of each ReplicaSet, as its template has it."""
    return {item["metadata"]["uid"]: image_of(item["spec"]["template"], name) for item in replicasets}


def read_pod(pod: Mapping[str, Any], name: str = "", images: Mapping[str, str] = MappingProxyType({})) -> Pod:
    """Read a pod.

    Args:
        pod: the object.
        name: of the container that is the app.
        images: by the uid of a ReplicaSet. Its pods have its image: what a webhook made of it (a mirror's name, a
            digest) is another text for the same version. A pod of none has its own.
    """
    status = pod.get("status") or {}
    conditions = {item["type"]: item for item in status.get("conditions") or ()}
    ready = (conditions.get("Ready") or {}).get("status") == "True"
    return Pod(
        name=pod["metadata"]["name"],
        phase=str(status.get("phase", "Unknown")),
        ready=ready,
        terminating=bool(pod["metadata"].get("deletionTimestamp")),
        image=next((images[uid] for uid in _owners(pod) if uid in images), image_of(pod, name)),
        problem="" if ready else next(_problems(status, conditions), ""),
    )


def _owners(pod: Mapping[str, Any]) -> list[str]:
    return [str(owner.get("uid", "")) for owner in pod["metadata"].get("ownerReferences") or ()]


def _problems(status: Mapping[str, Any], conditions: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Name what keeps it from being ready, the most telling first."""
    states = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    for kind in ("waiting", "terminated"):
        for state in states:
            found = (state.get("state") or {}).get(kind) or {}
            # An init container that has completed is as it should be; PodInitializing waits for one that is named.
            if found.get("reason") and found["reason"] not in {"Completed", "PodInitializing"}:
                yield str(found["reason"])
    if status.get("reason"):
        yield str(status["reason"])
    for condition in conditions.values():
        if condition.get("status") == "False" and condition.get("reason"):
            yield str(condition["reason"])
