"""What the adapter makes of objects as API servers send them, without one."""

from typing import Any

import pytest

from bot.adapters.cluster.api import write_selector
from bot.adapters.cluster.workloads import find_image, is_settled, name_controller, read_deployment, read_pod

SIDECAR = {"name": "istio-proxy", "image": "istio/proxyv2:1.29.0"}
APP = {"name": "physioflow-api", "image": "example/physioflow-api:v1.3.0"}


@pytest.mark.parametrize(
    ("selector", "text"),
    [
        ({"matchLabels": {"tier": "web", "app": "a"}}, "app=a,tier=web"),
        ({"matchExpressions": [{"key": "tier", "operator": "In", "values": ["web", "api"]}]}, "tier in (web,api)"),
        ({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["db"]}]}, "tier notin (db)"),
        (
            {
                "matchLabels": {"app": "a"},
                "matchExpressions": [{"key": "x", "operator": "Exists"}, {"key": "y", "operator": "DoesNotExist"}],
            },
            "app=a,x,!y",
        ),
        ({}, ""),
    ],
)
def test_selectors(selector: dict[str, Any], text: str) -> None:
    assert write_selector(selector) == text


@pytest.mark.parametrize(
    ("containers", "annotations", "image"),
    [
        ([APP, SIDECAR], {}, APP["image"]),
        ([SIDECAR, APP], {}, APP["image"]),
        ([SIDECAR, APP | {"name": "main"}], {"kubectl.kubernetes.io/default-container": "main"}, APP["image"]),
        ([APP | {"name": "main"}, SIDECAR], {"kubectl.kubernetes.io/default-container": "gone"}, APP["image"]),
        ([APP | {"name": "main"}, SIDECAR], {}, APP["image"]),
        ([], {}, ""),
    ],
)
def test_a_sidecars_image_is_not_the_apps(containers: list[Any], annotations: dict[str, str], image: str) -> None:
    template = {"metadata": {"annotations": annotations}, "spec": {"containers": containers}}
    assert find_image(template, "physioflow-api") == image


def pod(**status: Any) -> dict[str, Any]:
    return {"metadata": {"name": "p"}, "spec": {"containers": [APP]}, "status": {"phase": "Pending"} | status}


def waiting(reason: str) -> dict[str, Any]:
    return {"state": {"waiting": {"reason": reason}}}


@pytest.mark.parametrize(
    ("found", "problem"),
    [
        (pod(containerStatuses=[waiting("CrashLoopBackOff")]), "CrashLoopBackOff"),
        (
            pod(
                initContainerStatuses=[waiting("ImagePullBackOff")],
                containerStatuses=[waiting("PodInitializing")],
            ),
            "ImagePullBackOff",
        ),
        (
            pod(
                initContainerStatuses=[{"state": {"terminated": {"reason": "Completed"}}}],
                containerStatuses=[{"state": {"terminated": {"reason": "OOMKilled"}}}],
            ),
            "OOMKilled",
        ),
        (pod(conditions=[{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]), "Unschedulable"),
        (pod(reason="NodeLost"), "NodeLost"),
        (pod(), ""),
        (pod(conditions=[{"type": "Ready", "status": "True"}], containerStatuses=[waiting("x")]), ""),
    ],
)
def test_why_a_pod_is_not_ready(found: dict[str, Any], problem: str) -> None:
    assert read_pod(found).problem == problem


def deployment(**metadata: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "physioflow-api", "uid": "u", "generation": 3} | metadata,
        "spec": {"replicas": 2, "template": {"spec": {"containers": [APP]}}},
        "status": {},
    }


SETTLED = {"observedGeneration": 3, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2, "readyReplicas": 2}


@pytest.mark.parametrize(
    ("change", "settled"),
    [
        ({}, True),
        ({"observedGeneration": 2}, False),
        ({"observedGeneration": None}, False),
        ({"replicas": 3}, False),
        ({"updatedReplicas": 1}, False),
        ({"availableReplicas": None}, False),
        ({"readyReplicas": 1}, False),
    ],
)
def test_settled(change: dict[str, Any], settled: bool) -> None:  # noqa: FBT001 -- the expectation
    assert is_settled(deployment() | {"status": SETTLED | change}) is settled


def test_counts_that_are_not_there_are_zero() -> None:
    found = deployment()
    del found["spec"]["replicas"], found["status"]
    read = read_deployment(found, [], [])
    assert (read.replicas, read.ready_replicas, read.history) == (0, 0, ())


@pytest.mark.parametrize(
    ("metadata", "name"),
    [
        ({}, ""),
        ({"annotations": {"argocd.argoproj.io/tracking-id": "physio:apps/Deployment:ns/api"}}, "Argo CD (physio)"),
        ({"labels": {"kustomize.toolkit.fluxcd.io/name": "apps"}}, "Flux Kustomization (apps)"),
        ({"labels": {"helm.toolkit.fluxcd.io/name": "physio"}}, "Flux HelmRelease (physio)"),
        ({"managedFields": [{"manager": "argocd-controller", "fieldsV1": {"f:spec": {}}}]}, "Argo CD"),
        ({"managedFields": [{"manager": "argocd-controller", "fieldsV1": {"f:metadata": {}}}]}, ""),
        (
            {"managedFields": [{"manager": "helm-controller", "subresource": "status", "fieldsV1": {"f:spec": {}}}]},
            "",
        ),
        ({"managedFields": [{"manager": "kubectl-edit", "fieldsV1": {"f:spec": {}}}]}, ""),
    ],
)
def test_who_else_writes(metadata: dict[str, Any], name: str) -> None:
    assert name_controller(deployment(**metadata), []) == name


def test_an_autoscaler_of_something_else_is_none_of_its() -> None:
    def scales(kind: str, name: str) -> dict[str, Any]:
        return {"metadata": {"name": "hpa"}, "spec": {"scaleTargetRef": {"kind": kind, "name": name}}}

    assert name_controller(deployment(), [scales("StatefulSet", "physioflow-api"), scales("Deployment", "web")]) == ""
    assert name_controller(deployment(), [scales("Deployment", "physioflow-api")]) == "HorizontalPodAutoscaler hpa"
