"""Lists the permissions our service account needs, and asks the API server which of them are missing."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.adapters.cluster.api import Api
from bot.domain.environments import Workloads

_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@dataclass(frozen=True)
class Permission:
    """A verb on a resource, e.g. ``patch`` on ``deployments`` / ``scale`` in group ``apps``."""

    verb: str
    resource: str
    group: str = ""
    sub: str = ""

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}" + (f"/{self.sub}" if self.sub else "")


NEEDED = (
    Permission("get", "deployments", "apps"),
    Permission("patch", "deployments", "apps"),
    Permission("patch", "deployments", "apps", "scale"),
    Permission("list", "replicasets", "apps"),
    Permission("list", "horizontalpodautoscalers", "autoscaling"),
    Permission("get", "services"),
    Permission("patch", "services"),
    Permission("list", "pods"),
    Permission("get", "pods", sub="proxy"),
)
LOGS = Permission("get", "pods", sub="log")


def list_missing(api: Api, workloads: Workloads) -> Sequence[str]:
    """Review each permission; one request per permission."""
    needed = (*NEEDED, LOGS) if workloads.database_pods else NEEDED
    return [str(item) for item in needed if not _is_allowed(api, item, workloads.namespace)]


def _is_allowed(api: Api, item: Permission, namespace: str) -> bool:
    attributes = {"namespace": namespace, "verb": item.verb, "group": item.group, "resource": item.resource}
    if item.sub:
        attributes["subresource"] = item.sub
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    answer = api.post(_REVIEWS, f"ask whether we may {item}", review)
    return bool((answer.get("status") or {}).get("allowed"))
