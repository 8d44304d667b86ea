"""Translates Deployments, ReplicaSets, pods and our annotations into the domain's values."""

import copy
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from bot.adapters.cluster.api import Obj
from bot.adapters.cluster.failures import shown
from bot.domain.workloads import BEFORE_ANNOTATION, Before, Deployment, Pod, Revision

_REVISION = "deployment.kubernetes.io/revision"
_HASH_LABEL = "pod-template-hash"
_DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"
# Marks from the tools' own documentation, and the tool that leaves each.
_ANNOTATIONS = {
    "argocd.argoproj.io/tracking-id": "Argo CD",
    "kapp.k14s.io/identity": "kapp",
    "objectset.rio.cattle.io/id": "Fleet",
}
_LABELS = {
    "argocd.argoproj.io/instance": "Argo CD",
    "kustomize.toolkit.fluxcd.io/name": "Flux Kustomization",
    "helm.toolkit.fluxcd.io/name": "Flux HelmRelease",
}
_MANAGERS = {
    "argocd-controller": "Argo CD",
    "argocd-application-controller": "Argo CD",
    "kustomize-controller": "Flux Kustomization",
    "helm-controller": "Flux HelmRelease",
    "gotk": "Flux",
    "fleetagent": "Fleet",
}


def read_annotation(obj: Mapping[str, Any]) -> Obj | None:
    """Read our annotation, written before we change an object; None when it is missing or unreadable."""
    text = (obj["metadata"].get("annotations") or {}).get(BEFORE_ANNOTATION)
    try:
        record = json.loads(text) if text else None
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def read_before(deployment: Mapping[str, Any]) -> Before | None:
    """Read our annotation on a Deployment as a domain value; None when it is missing or unreadable."""
    record = read_annotation(deployment) or {}
    run, replicas = record.get("run"), record.get("replicas")
    if isinstance(run, str) and run and type(replicas) is int and replicas >= 0:
        return Before(run, replicas)
    return None


def has_annotation(obj: Mapping[str, Any]) -> bool:
    """Tell whether our annotation is there, readable or not."""
    return BEFORE_ANNOTATION in (obj["metadata"].get("annotations") or {})


def annotate(obj: Mapping[str, Any], record: Obj | None) -> Obj:
    """Build the metadata of a merge patch that sets our annotation (None removes it)."""
    text = None if record is None else json.dumps(record, sort_keys=True)
    # The version makes the server refuse with a conflict when somebody changed the object since we read it.
    return {"resourceVersion": obj["metadata"]["resourceVersion"], "annotations": {BEFORE_ANNOTATION: text}}


def read_deployment(deployment: Obj, replicasets: Sequence[Obj], autoscalers: Iterable[Obj]) -> Deployment:
    """Read a Deployment. The server omits zeros, so a missing count is 0."""
    metadata, status = deployment["metadata"], deployment.get("status") or {}
    name = metadata["name"]
    return Deployment(
        name=name,
        uid=metadata["uid"],
        image=find_image(deployment["spec"]["template"], name),
        replicas=count_replicas(deployment),
        ready_replicas=int(status.get("readyReplicas") or 0),
        settled=is_settled(deployment),
        history=tuple(read_revision(item, name) for item in sort_history(deployment, replicasets)),
        before=read_before(deployment),
        autoscaler=name_controller(deployment, autoscalers),
        problem=_find_failure(status),
    )


def count_replicas(deployment: Obj) -> int:
    """The desired replica count."""
    return int(deployment["spec"].get("replicas") or 0)


def is_settled(deployment: Obj) -> bool:
    """Tell whether the rollout is complete: the status is current, and exactly the desired replicas are available."""
    status, desired = deployment.get("status") or {}, count_replicas(deployment)
    if int(status.get("observedGeneration") or 0) < int(deployment["metadata"].get("generation") or 0):
        return False
    counts = ("replicas", "updatedReplicas", "availableReplicas", "readyReplicas")
    return all(int(status.get(count) or 0) == desired for count in counts)


def sort_history(deployment: Obj, replicasets: Iterable[Obj]) -> list[Obj]:
    """The ReplicaSets the Deployment owns, newest revision first."""
    uid = deployment["metadata"]["uid"]
    owned = [item for item in replicasets if uid in _owners(item) and _revision_number(item)]
    return sorted(owned, key=_revision_number, reverse=True)


def read_revision(replicaset: Obj, container: str) -> Revision:
    """Read an entry of the history."""
    image = find_image(replicaset["spec"]["template"], container)
    return Revision(_revision_number(replicaset), image, replicaset["metadata"]["name"])


def find_template(history: Sequence[Obj], container: str, image: str, revision: int) -> Obj | None:
    """Find the pod template to go back to, ready to be put into the Deployment; None when the history has none."""
    fitting = [item for item in history if read_revision(item, container).image == image]
    # A rollback gives a reused ReplicaSet a new number, so a number that is gone or reassigned is found by its image.
    found = next((item for item in fitting if _revision_number(item) == revision), fitting[0] if fitting else None)
    return without_hash(found["spec"]["template"]) if found else None


def without_hash(template: Obj) -> Obj:
    """Restore a ReplicaSet's pod template to what its Deployment had."""
    template = copy.deepcopy(template)
    metadata = template.setdefault("metadata", {})
    (metadata.get("labels") or {}).pop(_HASH_LABEL, None)
    metadata.pop("creationTimestamp", None)  # null in every template, and sometimes left out
    return template


def app_container(spec: Mapping[str, Any], annotations: Mapping[str, str], name: str = "") -> Mapping[str, Any]:
    """Pick the app's container of a pod spec: the pod's default container, the one called `name`, or the first."""
    # Sidecars (a mesh's proxy, a log shipper) have images of their own, which are not the app's version.
    containers = list(spec.get("containers") or ({},))
    names = (annotations.get(_DEFAULT_CONTAINER), name)
    return next((item for want in names for item in containers if want and item.get("name") == want), containers[0])


def find_image(template: Mapping[str, Any], name: str = "") -> str:
    """Find the app's image in a pod template (or a pod)."""
    annotations = (template.get("metadata") or {}).get("annotations") or {}
    return str(app_container(template.get("spec") or {}, annotations, name).get("image", ""))


def is_gone(pod: Mapping[str, Any]) -> bool:
    """Tell whether all containers have ended and none will start: an evicted pod stays as an object for days."""
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def template_images(replicasets: Iterable[Mapping[str, Any]], name: str) -> dict[str, str]:
    """Map each ReplicaSet's uid to the app's image in its template."""
    return {item["metadata"]["uid"]: find_image(item["spec"]["template"], name) for item in replicasets}


def read_pod(pod: Mapping[str, Any], name: str = "", images: Mapping[str, str] = MappingProxyType({})) -> Pod:
    """Read a pod; `name` is its app container's, `images` (see `template_images`) win over its own image."""
    status = pod.get("status") or {}
    conditions = {item["type"]: item for item in status.get("conditions") or ()}
    ready = (conditions.get("Ready") or {}).get("status") == "True"
    return Pod(
        name=pod["metadata"]["name"],
        phase=str(status.get("phase", "Unknown")),
        ready=ready,
        terminating=bool(pod["metadata"].get("deletionTimestamp")),
        # Decision 28: webhooks may write another image into a pod.
        image=next((images[uid] for uid in _owners(pod) if uid in images), find_image(pod, name)),
        problem="" if ready else next(_problems(status, conditions), ""),
    )


def name_controller(deployment: Mapping[str, Any], autoscalers: Iterable[Mapping[str, Any]]) -> str:
    """Name the autoscaler or GitOps controller that would revert our changes to a Deployment; "" when there is none."""
    metadata = deployment["metadata"]
    return (
        _find_autoscaler(metadata["name"], autoscalers)
        or _find_mark(metadata.get("annotations") or {}, _ANNOTATIONS)
        or _find_mark(metadata.get("labels") or {}, _LABELS)
        or _find_manager(metadata.get("managedFields") or ())
    )


def _owners(obj: Mapping[str, Any]) -> list[str]:
    return [str(owner.get("uid", "")) for owner in obj["metadata"].get("ownerReferences") or ()]


def _find_failure(status: Mapping[str, Any]) -> str:
    """Find why the controller makes no more pods: a quota, a policy or a ServiceAccount that is not there."""
    conditions = status.get("conditions") or ()
    failing = (item for item in conditions if (item["type"], item["status"]) == ("ReplicaFailure", "True"))
    return next((shown(str(item.get("message") or item.get("reason") or "")) for item in failing), "")


def _revision_number(replicaset: Mapping[str, Any]) -> int:
    text = (replicaset["metadata"].get("annotations") or {}).get(_REVISION, "")
    return int(text) if text.isdecimal() else 0


def _problems(status: Mapping[str, Any], conditions: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield the reasons why a pod is not ready, the most telling first."""
    states = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    for kind in ("waiting", "terminated"):
        for state in states:
            found = (state.get("state") or {}).get(kind) or {}
            # A completed init container is fine; PodInitializing waits for a container that is named itself.
            if found.get("reason") and found["reason"] not in {"Completed", "PodInitializing"}:
                yield str(found["reason"])
    if status.get("reason"):
        yield str(status["reason"])
    for condition in conditions.values():
        if condition.get("status") == "False" and condition.get("reason"):
            yield str(condition["reason"])


def _find_autoscaler(name: str, autoscalers: Iterable[Mapping[str, Any]]) -> str:
    for autoscaler in autoscalers:
        target = autoscaler["spec"]["scaleTargetRef"]
        if (target.get("kind"), target.get("name")) == ("Deployment", name):
            return f"HorizontalPodAutoscaler {autoscaler['metadata']['name']}"
    return ""


def _find_mark(found: Mapping[str, str], marks: Mapping[str, str]) -> str:
    return next((f"{tool} ({found[key].split(':', 1)[0]})" for key, tool in marks.items() if key in found), "")


def _find_manager(fields: Iterable[Mapping[str, Any]]) -> str:
    # Everybody writes a status; only a manager that applies the spec would put it back.
    spec = (entry for entry in fields if not entry.get("subresource") and "f:spec" in (entry.get("fieldsV1") or {}))
    return next((_MANAGERS[entry["manager"]] for entry in spec if entry.get("manager") in _MANAGERS), "")
