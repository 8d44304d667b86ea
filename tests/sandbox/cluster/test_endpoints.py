from typing import Any

from kubernetes import client

from bot.sandbox.cluster import ClusterEmulator
from tests.sandbox.cluster.kube import MERGE, NAMESPACE, Kube, wait_until


def _addresses(kube: Kube) -> int:
    subsets = kube.core.read_namespaced_endpoints("api", NAMESPACE).subsets or []
    return sum(len(subset.addresses or []) for subset in subsets)


def test_endpoints_follow_the_selector(kube: Kube, emulator: ClusterEmulator) -> None:
    kube.deploy(replicas=2)
    kube.serve()
    emulator.wait_settled()
    wait_until(lambda: _addresses(kube) == 2)
    hold = {"spec": {"selector": {"hold": "run-1"}}}
    kube.core.patch_namespaced_service("api", NAMESPACE, hold, _content_type=MERGE)
    wait_until(lambda: _addresses(kube) == 0)
    assert kube.core.read_namespaced_endpoints("api", NAMESPACE).subsets is None
    release: dict[str, object] = {"spec": {"selector": {"hold": None}}}
    kube.core.patch_namespaced_service("api", NAMESPACE, release, _content_type=MERGE)
    wait_until(lambda: _addresses(kube) == 2)


def test_slices_tell_ready_from_terminating(kube: Kube, emulator: ClusterEmulator) -> None:
    kube.deploy(replicas=1)
    kube.serve()
    emulator.wait_settled()
    api: Any = client.DiscoveryV1Api(kube.client)

    def conditions() -> list[tuple[bool, bool]]:
        label = "kubernetes.io/service-name=api"
        (found,) = api.list_namespaced_endpoint_slice(NAMESPACE, label_selector=label).items
        return [(one.conditions.ready, one.conditions.terminating or False) for one in found.endpoints or []]

    wait_until(lambda: conditions() == [(True, False)])
    emulator.fault({"kind": "pod-stuck-terminating", "deployment": "api"})
    kube.scale(0)
    wait_until(lambda: conditions() == [(False, True)])


def test_a_browser_reaches_a_ready_pod_or_nobody(kube: Kube, emulator: ClusterEmulator) -> None:
    kube.deploy(tag="v7")
    kube.serve()
    emulator.wait_settled()
    status, _, body = emulator.through_service(NAMESPACE, "api", "GET", "/health")
    assert (status, b"v7" in body) == (200, True)
    assert kube.raw("GET", f"/sandbox/service/{NAMESPACE}/api/health")[0] == 200
    kube.scale(0)
    emulator.wait_settled()
    assert emulator.through_service(NAMESPACE, "api")[0] == 503
    assert kube.raw("GET", f"/sandbox/service/{NAMESPACE}/api/health")[0] == 503
    assert emulator.through_service(NAMESPACE, "none")[0] == 404


def test_a_held_service_answers_nobody_while_its_pods_run(kube: Kube, emulator: ClusterEmulator) -> None:
    kube.deploy()
    kube.serve()
    emulator.wait_settled()
    hold = {"spec": {"selector": {"hold": "run-1"}}}
    kube.core.patch_namespaced_service("api", NAMESPACE, hold, _content_type=MERGE)
    assert emulator.through_service(NAMESPACE, "api")[0] == 503
    (pod,) = kube.pods()
    assert kube.raw("GET", f"/api/v1/namespaces/{NAMESPACE}/pods/{pod.metadata.name}:7011/proxy/")[0] == 200


def test_requests_go_round_the_pods(kube: Kube, emulator: ClusterEmulator) -> None:
    kube.deploy(replicas=3)
    kube.serve()
    emulator.wait_settled()
    for _ in range(6):
        emulator.through_service(NAMESPACE, "api", "GET", "/x")
    asked = [kube.core.read_namespaced_pod_log(pod.metadata.name, NAMESPACE).count("/x") for pod in kube.pods()]
    assert asked == [2, 2, 2]


def test_the_state_names_everything(kube: Kube, emulator: ClusterEmulator) -> None:
    kube.deploy(replicas=2)
    kube.serve()
    emulator.wait_settled()
    state = emulator.state()["namespaces"][NAMESPACE]
    assert (state["deployments"]["api"]["replicas"], state["deployments"]["api"]["ready"]) == (2, 2)
    assert state["deployments"]["api"]["images"] == ["registry.example/api:v1"]
    assert state["services"]["api"]["selector"] == {"app": "api"}
    assert sorted(state["services"]["api"]["endpoints"]) == sorted(state["pods"])
    assert {pod["deployment"] for pod in state["pods"].values()} == {"api"}
