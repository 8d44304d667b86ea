import json

import pytest
from kubernetes.client import ApiException

from bot.sandbox.cluster import ClusterEmulator
from tests.sandbox.cluster.kube import NAMESPACE, Kube, status_of, wait_until


def test_a_pod_starts_and_gets_ready(kube: Kube) -> None:
    kube.deploy()
    wait_until(kube.pods)
    seen = set()

    def ready() -> bool:
        (pod,) = kube.pods()
        state = pod.status.container_statuses[0].state if pod.status.container_statuses else None
        seen.add(state.waiting.reason if state and state.waiting else pod.status.phase)
        return any(one.type == "Ready" and one.status == "True" for one in pod.status.conditions or [])

    wait_until(ready)
    assert "Running" in seen
    assert seen <= {"Pending", "ContainerCreating", "Running"}
    (pod,) = kube.pods(field_selector="status.phase=Running")
    assert pod.status.pod_ip
    assert kube.pods(field_selector="status.phase=Pending") == []


def test_a_terminating_pod_keeps_its_deletion_timestamp_until_gone(kube: Kube, emulator: ClusterEmulator) -> None:
    kube.deploy(replicas=1)
    emulator.wait_settled()
    (name,) = [pod.metadata.name for pod in kube.pods()]
    kube.scale(0)
    wait_until(lambda: not kube.deployment().status.replicas)
    (pod,) = kube.pods()  # the number says 0, the pod is still there
    assert pod.metadata.name == name
    assert pod.metadata.deletion_timestamp
    assert pod.metadata.deletion_grace_period_seconds == 30
    wait_until(lambda: not kube.pods())


def test_a_deleted_pod_is_replaced(kube: Kube, emulator: ClusterEmulator) -> None:
    kube.deploy()
    emulator.wait_settled()
    (old,) = kube.pods()
    answer = kube.core.delete_namespaced_pod(old.metadata.name, NAMESPACE, grace_period_seconds=5)
    assert answer.metadata.deletion_grace_period_seconds == 5
    wait_until(lambda: kube.pods() and old.metadata.name not in [pod.metadata.name for pod in kube.pods()])
    emulator.wait_settled()


def test_without_grace_a_pod_is_gone_at_once(kube: Kube, emulator: ClusterEmulator) -> None:
    kube.deploy()
    emulator.wait_settled()
    (old,) = kube.pods()
    kube.core.delete_namespaced_pod(old.metadata.name, NAMESPACE, grace_period_seconds=0)
    with pytest.raises(ApiException) as refused:
        kube.core.read_namespaced_pod(old.metadata.name, NAMESPACE)
    assert status_of(refused.value)["code"] == 404


def test_a_log_ends_with_its_last_lines(kube: Kube, emulator: ClusterEmulator) -> None:
    kube.deploy()
    emulator.wait_settled()
    (pod,) = kube.pods()
    name = pod.metadata.name
    emulator.write_log(NAMESPACE, name, ["one", "two", "three"])
    assert kube.core.read_namespaced_pod_log(name, NAMESPACE, tail_lines=2) == "two\nthree\n"
    assert kube.core.read_namespaced_pod_log(name, NAMESPACE, container="app").endswith("one\ntwo\nthree\n")
    assert kube.core.read_namespaced_pod_log(name, NAMESPACE, tail_lines=2, limit_bytes=5) == "two\nt"
    assert kube.core.read_namespaced_pod_log(name, NAMESPACE, tail_lines=0) == ""


@pytest.mark.parametrize(
    ("query", "words"),
    [({"container": "none"}, "container none is not valid"), ({"previous": True}, "previous terminated")],
)
def test_a_log_that_cannot_be_read(kube: Kube, emulator: ClusterEmulator, query: dict[str, object], words: str) -> None:
    kube.deploy()
    emulator.wait_settled()
    (pod,) = kube.pods()
    with pytest.raises(ApiException) as refused:
        kube.core.read_namespaced_pod_log(pod.metadata.name, NAMESPACE, **query)
    status = status_of(refused.value)
    assert status["code"] == 400
    assert words in status["message"]


def test_the_pod_proxy_reaches_the_app(kube: Kube, emulator: ClusterEmulator) -> None:
    kube.deploy(tag="v1.2.3")
    emulator.wait_settled()
    (pod,) = kube.pods()
    name = f"{pod.metadata.name}:7011"
    path = f"/api/v1/namespaces/{NAMESPACE}/pods/{name}/proxy/health?deep=1"
    assert kube.raw("GET", path) == (200, {"status": "ok", "version": "v1.2.3"})
    answer = kube.core.connect_get_namespaced_pod_proxy_with_path(name, NAMESPACE, "health")
    assert json.loads(answer.replace("'", '"'))["version"] == "v1.2.3"
    assert '"GET /health?deep=1" 200' in kube.core.read_namespaced_pod_log(pod.metadata.name, NAMESPACE)


def test_nothing_listens_on_another_port(kube: Kube, emulator: ClusterEmulator) -> None:
    kube.deploy()
    emulator.wait_settled()
    (pod,) = kube.pods()
    code, status = kube.raw("GET", f"/api/v1/namespaces/{NAMESPACE}/pods/{pod.metadata.name}:9/proxy/")
    assert (code, status["reason"]) == (503, "ServiceUnavailable")
    assert "connection refused" in status["message"]


def test_the_proxy_of_a_pod_that_does_not_run(kube: Kube, emulator: ClusterEmulator) -> None:
    emulator.fault({"kind": "image-pull", "deployment": "api"})
    kube.deploy()
    wait_until(kube.pods)
    (pod,) = kube.pods()
    assert kube.raw("GET", f"/api/v1/namespaces/{NAMESPACE}/pods/{pod.metadata.name}:7011/proxy/")[0] == 503
    assert kube.raw("GET", f"/api/v1/namespaces/{NAMESPACE}/pods/none:7011/proxy/")[0] == 404


def test_a_readiness_probe_decides_when_asked_to(kube: Kube, emulator: ClusterEmulator) -> None:
    probe = {"httpGet": {"path": "/health", "port": 7011}}
    kube.deploy(container={"readinessProbe": probe})
    emulator.wait_settled()  # probes are off by default
    assert kube.deployment().status.ready_replicas == 1
