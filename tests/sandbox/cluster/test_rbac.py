"""The emulator's account may do what the deployed Role says, and nothing else."""

import pytest

from bot.sandbox.cluster.faults import Asked
from bot.sandbox.cluster.rbac import is_allowed, read_rules

PROD = "physioflow-prod"


@pytest.mark.parametrize(
    ("verb", "resource", "namespace", "name", "allowed"),
    [
        ("patch", "deployments", PROD, "physioflow-api", True),
        ("patch", "deployments", PROD, "postgres", False),
        ("patch", "deployments", PROD, "", False),
        ("patch", "deployments/scale", PROD, "physioflow-web", True),
        ("patch", "deployments/scale", PROD, "postgres", False),
        ("get", "services", PROD, "postgres", False),
        ("patch", "deployments", "kube-system", "physioflow-api", False),
        ("delete", "deployments", PROD, "physioflow-api", False),
        ("get", "secrets", PROD, "x", False),
        ("list", "pods", PROD, "", True),
        ("list", "deployments", PROD, "", False),
        ("get", "pods/log", PROD, "postgres-0", True),
        ("get", "namespaces", "", PROD, True),
        ("get", "namespaces", "", "kube-system", False),
        ("create", "selfsubjectaccessreviews", "", "", True),
    ],
)
def test_what_is_allowed(verb: str, resource: str, namespace: str, name: str, *, allowed: bool) -> None:
    assert is_allowed(read_rules(), Asked(verb, resource, namespace, name, "")) is allowed
