"""Reads what the bot's account is allowed to do from the manifest that is deployed, names of objects included."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped] # it ships no types

from bot.sandbox.cluster.faults import Asked

MANIFEST = Path(__file__).parents[3] / "deploy" / "kubernetes.yaml"


@dataclass(frozen=True)
class Rule:
    """One rule of a Role, in a namespace it is bound in.

    Attributes:
        namespace: where it is bound.
        verbs, resources: a subresource is written with its resource, ``deployments/scale``.
        names: of the objects; empty for all.
    """

    namespace: str
    verbs: frozenset[str]
    resources: frozenset[str]
    names: frozenset[str]

    def allows(self, asked: Asked) -> bool:
        """Tell whether it covers a request; one without a name, as a list is, fits no rule with names."""
        # The API server takes a namespace's own name for the namespace of a request about it.
        namespace = asked.name if asked.resource == "namespaces" else asked.namespace
        if namespace != self.namespace or (self.names and asked.name not in self.names):
            return False
        return asked.verb in self.verbs and asked.resource in self.resources


def read_rules(manifest: Path = MANIFEST) -> tuple[Rule, ...]:
    """Read the ClusterRoles of a manifest, each in the namespaces it is bound in."""
    documents: list[dict[str, Any]] = [item for item in yaml.safe_load_all(manifest.read_text()) if item]
    roles = {item["metadata"]["name"]: item["rules"] for item in documents if item["kind"] == "ClusterRole"}
    bound = [
        (item["metadata"]["namespace"], item["roleRef"]["name"]) for item in documents if item["kind"] == "RoleBinding"
    ]
    return tuple(_rule(namespace, rule) for namespace, role in bound for rule in roles[role])


def _rule(namespace: str, rule: dict[str, Any]) -> Rule:
    return Rule(
        namespace, frozenset(rule["verbs"]), frozenset(rule["resources"]), frozenset(rule.get("resourceNames", ()))
    )


def is_allowed(rules: Iterable[Rule], asked: Asked) -> bool:
    """Tell whether any rule covers a request. A question about one's own rights is always allowed."""
    return asked.resource == "selfsubjectaccessreviews" or any(rule.allows(asked) for rule in rules)
