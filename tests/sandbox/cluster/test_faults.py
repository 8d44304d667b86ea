import time
from typing import Any

import pytest
from kubernetes import client
from kubernetes.client import ApiException
from urllib3.exceptions import HTTPError

from bot.sandbox.cluster import ClusterEmulator
from tests.sandbox.cluster.kube import MERGE, NAMESPACE, Kube, status_of, wait_until


def _states(emulator: ClusterEmulator) -> list[dict[str, Any]]:
    return list(emulator.state()["namespaces"][NAMESPACE]["pods"].values())


def _refusal(kube: Kube) -> dict[str, Any]:
    with pytest.raises(ApiException) as refused:
        kube.scale(2)
    return status_of(refused.value)


def test_a_pod_that_never_gets_ready(kube: Kube, emulator: ClusterEmulator) -> None:
    emulator.fault({"kind": "pod-never-ready", "namespace": NAMESPACE, "deployment": "api"})
    kube.deploy()
    kube.deploy("web")
    wait_until(lambda: [pod["phase"] for pod in _states(emulator)] == ["Running", "Running"])
    wait_until(lambda: [pod["ready"] for pod in _states(emulator)] == [False, True])
    assert emulator.clear_faults(kind="pod-never-ready") == 1
    emulator.wait_settled()


def test_only_the_image_named_never_gets_ready(kube: Kube, emulator: ClusterEmulator) -> None:
    emulator.fault({"kind": "pod-never-ready", "image": ":v2"})
    kube.deploy(tag="v1")
    emulator.wait_settled()
    kube.set_image("v2")
    wait_until(lambda: sorted(pod["ready"] for pod in _states(emulator)) == [False, True])


def test_a_pod_that_never_stops(kube: Kube, emulator: ClusterEmulator) -> None:
    kube.deploy()
    emulator.wait_settled()
    emulator.fault({"kind": "pod-stuck-terminating", "deployment": "api"})
    kube.scale(0)
    wait_until(lambda: [pod["terminating"] for pod in _states(emulator)] == [True])
    time.sleep(0.3)  # three times what a pod may take
    (pod,) = kube.pods()
    assert pod.metadata.deletion_timestamp
    assert kube.deployment().status.replicas is None
    emulator.clear_faults()
    wait_until(lambda: not _states(emulator))


def test_a_stuck_pod_goes_by_force(kube: Kube, emulator: ClusterEmulator) -> None:
    kube.deploy()
    emulator.wait_settled()
    emulator.fault({"kind": "pod-stuck-terminating", "deployment": "api"})
    kube.scale(0)
    wait_until(lambda: [pod["terminating"] for pod in _states(emulator)] == [True])
    (pod,) = kube.pods()
    kube.core.delete_namespaced_pod(pod.metadata.name, NAMESPACE, grace_period_seconds=0)
    assert kube.pods() == []


def test_a_crash_loop_counts_its_restarts(kube: Kube, emulator: ClusterEmulator) -> None:
    kube.deploy()
    emulator.wait_settled()
    emulator.fault({"kind": "crash-loop", "deployment": "api"})
    wait_until(lambda: _states(emulator)[0]["restarts"] >= 2)
    (pod,) = kube.pods()
    (box,) = pod.status.container_statuses
    assert box.state.waiting.reason == "CrashLoopBackOff"
    assert box.last_state.terminated.exit_code == 1
    assert not box.ready
    assert "exited with code 1" in kube.core.read_namespaced_pod_log(pod.metadata.name, NAMESPACE, previous=True)
    assert any(event.reason == "BackOff" for event in kube.core.list_namespaced_event(NAMESPACE).items)
    emulator.clear_faults()
    emulator.wait_settled()
    assert _states(emulator)[0]["restarts"] >= 2


def test_an_image_that_cannot_be_pulled(kube: Kube, emulator: ClusterEmulator) -> None:
    emulator.fault({"kind": "image-pull", "image": "api:v1"})
    kube.deploy()
    seen: set[str] = set()

    def saw_both() -> bool:
        seen.update(pod["problem"] for pod in _states(emulator))
        return {"ErrImagePull", "ImagePullBackOff"} <= seen

    wait_until(saw_both)
    assert _states(emulator)[0]["phase"] == "Pending"
    emulator.clear_faults()
    emulator.wait_settled()


def test_the_next_writes_conflict(kube: Kube, emulator: ClusterEmulator) -> None:
    kube.deploy()
    emulator.fault({"kind": "conflict", "resource": "deployments/scale", "times": 2})
    assert [_refusal(kube)["reason"] for _ in range(2)] == ["Conflict", "Conflict"]
    assert kube.deployment().spec.replicas == 1
    assert kube.scale(2).spec.replicas == 2


@pytest.mark.parametrize(("when", "replicas"), [("before", 1), ("after", 2)])
def test_a_server_error_before_or_after_taking_effect(
    kube: Kube, emulator: ClusterEmulator, when: str, replicas: int
) -> None:
    kube.deploy()
    emulator.fault({"kind": "5xx", "status": 504, "verb": "patch", "path": "/scale$", "when": when, "times": 1})
    status = _refusal(kube)
    assert (status["code"], status["reason"]) == (504, "Timeout")
    assert kube.deployment().spec.replicas == replicas


def test_too_many_requests_say_when_to_come_back(kube: Kube, emulator: ClusterEmulator) -> None:
    kube.deploy()
    emulator.fault({"kind": "5xx", "status": 429, "times": 1})
    with pytest.raises(ApiException) as refused:
        kube.scale(2)
    assert refused.value.headers
    assert refused.value.headers["Retry-After"] == "1"


def test_a_delay(kube: Kube, emulator: ClusterEmulator) -> None:
    kube.deploy()
    emulator.fault({"kind": "delay", "delay_ms": 250, "verb": "get"})
    began = time.monotonic()
    kube.deployment()
    assert time.monotonic() - began >= 0.25


@pytest.mark.parametrize(("when", "replicas"), [("before", 1), ("after", 2)])
def test_a_connection_that_is_reset(kube: Kube, emulator: ClusterEmulator, when: str, replicas: int) -> None:
    kube.deploy()
    emulator.fault({"kind": "connection-reset", "verb": "patch", "when": when, "times": 1})
    with pytest.raises(HTTPError, match=r"(?i)reset by peer"):
        kube.scale(2)
    assert kube.deployment().spec.replicas == replicas


def test_a_gitops_controller_puts_things_back_and_can_be_named(kube: Kube, emulator: ClusterEmulator) -> None:
    kube.deploy(replicas=2)
    kube.serve()
    emulator.wait_settled()
    emulator.fault({"kind": "gitops", "namespace": NAMESPACE, "delay_ms": 100})
    kube.scale(0)
    hold = {"spec": {"selector": {"hold": "run-1"}}}
    kube.core.patch_namespaced_service("api", NAMESPACE, hold, _content_type=MERGE)
    assert kube.deployment().spec.replicas == 0
    wait_until(lambda: kube.deployment().spec.replicas == 2)
    wait_until(lambda: kube.core.read_namespaced_service("api", NAMESPACE).spec.selector == {"app": "api"})
    metadata = kube.deployment().metadata
    assert "argocd.argoproj.io/tracking-id" in metadata.annotations
    owners = [one.manager for one in metadata.managed_fields if "f:replicas" in one.fields_v1.get("f:spec", {})]
    assert owners == ["argocd-controller"]
    emulator.clear_faults()
    kube.scale(0)
    emulator.wait_settled()
    assert kube.deployment().spec.replicas == 0
    assert "argocd.argoproj.io/tracking-id" not in kube.deployment().metadata.annotations


def test_a_gitops_controller_with_a_number_of_its_own(kube: Kube, emulator: ClusterEmulator) -> None:
    kube.deploy(replicas=1)
    emulator.fault({"kind": "gitops", "namespace": NAMESPACE, "deployment": "api", "replicas": 3, "delay_ms": 10})
    wait_until(lambda: kube.deployment().spec.replicas == 3)


def test_forbidden_requests_are_refused_and_named(kube: Kube, emulator: ClusterEmulator) -> None:
    kube.deploy()
    emulator.fault({"kind": "forbidden", "verb": "patch", "resource": "deployments/scale", "namespace": NAMESPACE})
    status = _refusal(kube)
    assert (status["code"], status["reason"]) == (403, "Forbidden")
    assert 'cannot patch resource "deployments"' in status["message"]
    assert not _may(kube, "patch", NAMESPACE)
    assert _may(kube, "get", NAMESPACE)
    assert _may(kube, "patch", "staging")


def _may(kube: Kube, verb: str, namespace: str) -> bool:
    wanted = {"verb": verb, "group": "apps", "resource": "deployments", "subresource": "scale", "namespace": namespace}
    body = {"spec": {"resourceAttributes": wanted}}
    reviews: Any = client.AuthorizationV1Api(kube.client)
    return bool(reviews.create_self_subject_access_review(body).status.allowed)


@pytest.mark.parametrize(
    "spec",
    [
        {"kind": "earthquake"},
        {"kind": "5xx", "colour": "red"},
        {"kind": "5xx", "status": 404},
        {"kind": "5xx", "when": "later"},
        {"kind": "gitops"},
        {},
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(emulator: ClusterEmulator, spec: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"unknown|status|when|namespace"):
        emulator.fault(spec)
    assert emulator.faults() == []


def test_faults_are_cleared_one_by_one_or_all(emulator: ClusterEmulator) -> None:
    first = emulator.fault({"target": "cluster", "kind": "delay", "delay_ms": 1})
    emulator.fault({"kind": "conflict"})
    assert emulator.clear_faults(first) == 1
    assert [fault.kind for fault in emulator.faults()] == ["conflict"]
    assert emulator.clear_faults() == 1
