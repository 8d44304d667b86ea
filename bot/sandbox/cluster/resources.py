"""Lists the kinds of object the emulator serves, with their paths."""

from dataclasses import dataclass, replace

from bot.sandbox.cluster.statuses import Obj, Subject

VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True)
class Resource:
    """One served kind. `model` names the client's model, which is where its fields and their types are read from."""

    group: str
    version: str
    plural: str
    kind: str
    model: str
    namespaced: bool = True
    subresources: tuple[str, ...] = ()
    counts_generation: bool = False
    verbs: tuple[str, ...] = VERBS

    @property
    def api_version(self) -> str:
        """``apps/v1``, or ``v1`` in the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def subject(self, name: str = "") -> Subject:
        """Return the object a refusal about it names."""
        return Subject(self.plural, self.group, self.kind, name)


NAMESPACES = Resource("", "v1", "namespaces", "Namespace", "V1Namespace", namespaced=False, subresources=("status",))
PODS = Resource("", "v1", "pods", "Pod", "V1Pod", subresources=("log", "proxy", "status"))
SERVICES = Resource("", "v1", "services", "Service", "V1Service", subresources=("proxy", "status"))
ENDPOINTS = Resource("", "v1", "endpoints", "Endpoints", "V1Endpoints")
CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap", "V1ConfigMap")
EVENTS = Resource("", "v1", "events", "Event", "CoreV1Event")
DEPLOYMENTS = Resource(
    "apps", "v1", "deployments", "Deployment", "V1Deployment", subresources=("scale", "status"), counts_generation=True
)
REPLICA_SETS = Resource(
    "apps", "v1", "replicasets", "ReplicaSet", "V1ReplicaSet", subresources=("scale", "status"), counts_generation=True
)
AUTOSCALERS = Resource(
    "autoscaling",
    "v2",
    "horizontalpodautoscalers",
    "HorizontalPodAutoscaler",
    "V2HorizontalPodAutoscaler",
    subresources=("status",),
)
# The same objects in an older version, to look at.
AUTOSCALERS_V1 = replace(AUTOSCALERS, version="v1", model="V1HorizontalPodAutoscaler", verbs=("get", "list"))
STATEFUL_SETS = Resource(
    "apps",
    "v1",
    "statefulsets",
    "StatefulSet",
    "V1StatefulSet",
    subresources=("scale", "status"),
    counts_generation=True,
)
ENDPOINT_SLICES = Resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", "V1EndpointSlice")
ACCESS_REVIEWS = Resource(
    "authorization.k8s.io",
    "v1",
    "selfsubjectaccessreviews",
    "SelfSubjectAccessReview",
    "V1SelfSubjectAccessReview",
    namespaced=False,
    verbs=("create",),
)

CATALOGUE = (
    NAMESPACES,
    PODS,
    SERVICES,
    ENDPOINTS,
    CONFIG_MAPS,
    EVENTS,
    DEPLOYMENTS,
    REPLICA_SETS,
    AUTOSCALERS,
    AUTOSCALERS_V1,
    STATEFUL_SETS,
    ENDPOINT_SLICES,
    ACCESS_REVIEWS,
)


def find_resource(group: str, version: str, plural: str) -> Resource | None:
    """Find a served kind by its place in the path."""
    wanted = (group, version, plural)
    return next((kind for kind in CATALOGUE if (kind.group, kind.version, kind.plural) == wanted), None)


def discover_resources(group: str, version: str) -> Obj | None:
    """Write the APIResourceList of a group version, None when it serves nothing."""
    served = [kind for kind in CATALOGUE if (kind.group, kind.version) == (group, version)]
    if not served:
        return None
    entries: list[Obj] = []
    for kind in served:
        base = {"singularName": kind.kind.lower(), "namespaced": kind.namespaced, "kind": kind.kind}
        entries.append({"name": kind.plural, **base, "verbs": list(kind.verbs)})
        verbs = ["get", "patch", "update"]
        entries += [{"name": f"{kind.plural}/{sub}", **base, "verbs": verbs} for sub in kind.subresources]
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": served[0].api_version,
        "resources": entries,
    }


def discover_groups() -> Obj:
    """Write the APIGroupList of every named group."""
    groups: list[Obj] = []
    for group, version in dict.fromkeys((kind.group, kind.version) for kind in CATALOGUE if kind.group):
        served = {"groupVersion": f"{group}/{version}", "version": version}
        groups.append({"name": group, "versions": [served], "preferredVersion": served})
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
