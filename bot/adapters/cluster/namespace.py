"""One namespace's objects, by kind and name."""

from collections.abc import Mapping
from typing import Any

from bot.adapters.cluster.api import JSON, Api, Obj, path_of

CORE, APPS, AUTOSCALING = "v1", "apps/v1", "autoscaling/v2"


class Namespace:
    """Reads and patches the kinds we deal with. Raises what `failures.refusal` names.

    Args:
        api: the API server.
        name: of the namespace. Listing in one that does not exist is an empty list, so read a named object first.
    """

    def __init__(self, api: Api, name: str) -> None:
        self.api = api
        self.name = name

    def deployment(self, name: str) -> Obj:
        """Read a Deployment."""
        return self._get(APPS, "deployments", name)

    def service(self, name: str) -> Obj:
        """Read a Service."""
        return self._get(CORE, "services", name)

    def replicasets(self, selector: str) -> list[Obj]:
        """List ReplicaSets."""
        return self._list(APPS, "replicasets", selector)

    def pods(self, selector: str) -> list[Obj]:
        """List pods."""
        return self._list(CORE, "pods", selector)

    def autoscalers(self) -> list[Obj]:
        """List HorizontalPodAutoscalers."""
        return self._list(AUTOSCALING, "horizontalpodautoscalers", "")

    def log(self, pod: str, container: str, tail_lines: int, limit_bytes: int) -> str:
        """Read the end of a container's log."""
        query = {"container": container, "tailLines": tail_lines, "limitBytes": limit_bytes}
        return self.api.text(path_of(CORE, self.name, "pods", pod, "log"), self._what("get", "pods/log", pod), query)

    def patch_deployment(self, name: str, change: Obj) -> None:
        """Merge-patch a Deployment."""
        self._patch(APPS, "deployments", name, change)

    def patch_service(self, name: str, change: Obj) -> None:
        """Merge-patch a Service."""
        self._patch(CORE, "services", name, change)

    def edit_deployment(self, name: str, operations: list[Obj]) -> None:
        """JSON-patch a Deployment."""
        path = path_of(APPS, self.name, "deployments", name)
        self.api.patch(path, self._what("patch", "deployments", name), operations, JSON)

    def scale_deployment(self, name: str, replicas: int) -> None:
        """Set the replica count through the scale subresource."""
        path = path_of(APPS, self.name, "deployments", name, "scale")
        self.api.patch(path, self._what("patch", "deployments/scale", name), {"spec": {"replicas": replicas}})

    def _get(self, group: str, plural: str, name: str) -> Obj:
        return self.api.get(path_of(group, self.name, plural, name), self._what("get", plural, name))

    def _list(self, group: str, plural: str, selector: str) -> list[Obj]:
        query = {"labelSelector": selector} if selector else None
        found = self.api.get(path_of(group, self.name, plural), self._what("list", plural), query)
        return list(found.get("items") or ())

    def _patch(self, group: str, plural: str, name: str, change: Obj) -> None:
        self.api.patch(path_of(group, self.name, plural, name), self._what("patch", plural, name), change)

    def _what(self, verb: str, plural: str, name: str = "") -> str:
        return f"{verb} {plural} {name}".rstrip() + f" in namespace {self.name}"


def selector_text(selector: Mapping[str, Any]) -> str:
    """Write a LabelSelector as the query parameter does: ``app=api,tier in (web,api),!legacy``."""
    labels = selector.get("matchLabels") or {}
    terms = [f"{key}={value}" for key, value in sorted(labels.items())]
    return ",".join(terms + [_term(rule) for rule in selector.get("matchExpressions") or ()])


def _term(rule: Mapping[str, Any]) -> str:
    key, values = str(rule["key"]), ",".join(rule.get("values") or ())
    words: dict[str, str] = {
        "In": f"{key} in ({values})",
        "NotIn": f"{key} notin ({values})",
        "Exists": key,
        "DoesNotExist": f"!{key}",
    }
    return words[str(rule["operator"])]
