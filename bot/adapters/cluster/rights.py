"""What our account must be allowed to do."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.adapters.cluster.api import Api, Obj
from bot.domain.environments import Workloads

_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@dataclass(frozen=True)
class Right:
    """A verb on a resource, e.g. ``patch`` on ``deployments`` / ``scale`` in group ``apps``."""

    verb: str
    resource: str
    group: str = ""
    sub: str = ""

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}" + (f"/{self.sub}" if self.sub else "")

    def attributes(self, namespace: str) -> Obj:
        """Write it as a review asks for it."""
        fields = {"namespace": namespace, "verb": self.verb, "group": self.group, "resource": self.resource}
        return fields | ({"subresource": self.sub} if self.sub else {})


NEEDED = (
    Right("get", "deployments", "apps"),
    Right("patch", "deployments", "apps"),
    Right("patch", "deployments", "apps", "scale"),
    Right("list", "replicasets", "apps"),
    Right("list", "horizontalpodautoscalers", "autoscaling"),
    Right("get", "services"),
    Right("patch", "services"),
    Right("list", "pods"),
    Right("get", "pods", sub="proxy"),
)
LOGS = Right("get", "pods", sub="log")


def list_missing(api: Api, workloads: Workloads) -> Sequence[str]:
    """Ask the API server about each right; one request a right."""
    wanted = (*NEEDED, LOGS) if workloads.database_pods else NEEDED
    return [str(right) for right in wanted if not _is_allowed(api, right, workloads.namespace)]


def _is_allowed(api: Api, right: Right, namespace: str) -> bool:
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": right.attributes(namespace)},
    }
    answer = api.post(_REVIEWS, f"ask whether we may {right}", review)
    return bool((answer.get("status") or {}).get("allowed"))
