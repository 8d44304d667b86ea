"""Deployments and their history as the domain knows them; the way back to an earlier pod template."""

import copy
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bot.adapters.cluster.annotations import before_of
from bot.adapters.cluster.api import Obj
from bot.adapters.cluster.controllers import name_controller
from bot.adapters.cluster.pods import image_of
from bot.domain.workloads import Deployment, Revision

_REVISION = "deployment.kubernetes.io/revision"
_HASH_LABEL = "pod-template-hash"


def read_deployment(deployment: Obj, replicasets: Sequence[Obj], autoscalers: Iterable[Obj]) -> Deployment:
    """Read a Deployment. The server omits zeros, so a count that is not there is 0."""
    metadata, status = deployment["metadata"], deployment.get("status") or {}
    name = metadata["name"]
    return Deployment(
        name=name,
        uid=metadata["uid"],
        image=image_of(deployment["spec"]["template"], name),
        replicas=replicas_of(deployment),
        ready_replicas=int(status.get("readyReplicas") or 0),
        settled=is_settled(deployment),
        history=tuple(read_revision(item, name) for item in history_of(deployment, replicasets)),
        before=before_of(deployment),
        autoscaler=name_controller(deployment, autoscalers),
    )


def replicas_of(deployment: Obj) -> int:
    """The wanted replica count."""
    return int(deployment["spec"].get("replicas") or 0)


def is_settled(deployment: Obj) -> bool:
    """Whether the status is about this very spec, and its replicas, all of them and no others, are available."""
    status, wanted = deployment.get("status") or {}, replicas_of(deployment)
    if int(status.get("observedGeneration") or 0) < int(deployment["metadata"].get("generation") or 0):
        return False
    counts = ("replicas", "updatedReplicas", "availableReplicas", "readyReplicas")
    return all(int(status.get(count) or 0) == wanted for count in counts)


def history_of(deployment: Obj, replicasets: Iterable[Obj]) -> list[Obj]:
    """The ReplicaSets it owns, newest revision first."""
    uid = deployment["metadata"]["uid"]
    owned = [item for item in replicasets if _is_owned(item, uid) and _number(item)]
    return sorted(owned, key=_number, reverse=True)


def read_revision(replicaset: Obj, container: str) -> Revision:
    """Read an entry of the history."""
    image = image_of(replicaset["spec"]["template"], container)
    return Revision(_number(replicaset), image, replicaset["metadata"]["name"])


def find_template(history: Sequence[Obj], container: str, image: str, revision: int) -> Obj | None:
    """Find the pod template to go back to, ready to be put into the Deployment; None when the history has none.

    Going back gives a reused ReplicaSet a new number, so a number that is gone, or belongs to another image by now, is
    looked for by its image.
    """
    fitting = [item for item in history if read_revision(item, container).image == image]
    found = next((item for item in fitting if _number(item) == revision), fitting[0] if fitting else None)
    return without_hash(found["spec"]["template"]) if found else None


def without_hash(template: Obj) -> Obj:
    """A ReplicaSet's pod template as its Deployment had it."""
    template = copy.deepcopy(template)
    metadata = template.setdefault("metadata", {})
    (metadata.get("labels") or {}).pop(_HASH_LABEL, None)
    metadata.pop("creationTimestamp", None)  # null in every template, and sometimes left out
    return template


def _is_owned(item: Mapping[str, Any], uid: str) -> bool:
    return any(owner.get("uid") == uid for owner in item["metadata"].get("ownerReferences") or ())


def _number(replicaset: Mapping[str, Any]) -> int:
    text = (replicaset["metadata"].get("annotations") or {}).get(_REVISION, "")
    return int(text) if text.isdecimal() else 0
