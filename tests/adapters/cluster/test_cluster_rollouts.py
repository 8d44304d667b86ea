from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bot.adapters.cluster import KubernetesCluster
from bot.adapters.cluster.workloads import is_gone, is_settled, read_pod, template_images
from bot.domain.environments import Workloads
from bot.domain.versions import AppVersion
from bot.domain.workloads import ClusterFacts
from bot.errors import PermanentError, TemporaryError
from bot.sandbox.cluster import ClusterEmulator
from bot.sandbox.cluster.resources import AUTOSCALERS, DEPLOYMENTS, PODS, REPLICA_SETS
from tests.adapters.cluster.app import NAMESPACE, connected, deployment, eventually, service

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

LABELS = {"app": "physioflow", "component": "api"}


def test_what_runs(cluster: KubernetesCluster, emulator: ClusterEmulator) -> None:
    facts = cluster.inspect()
    api = facts.deployment("physioflow-api")
    assert api.uid == deployment(emulator)["metadata"]["uid"]
    assert api.image == "registry.physioflow.example/physioflow-api:v1.3.0"
    assert (api.version, api.replicas, api.ready_replicas, api.settled) == (AppVersion(1, 3, 0), 3, 3, True)
    assert [str(revision.version) for revision in api.history] == ["v1.3.0", "v1.2.3", "v1.1.4", "v1.0.9"]
    assert [revision.number for revision in api.history] == [4, 3, 2, 1]
    assert {revision.replicaset.rpartition("-")[0] for revision in api.history} == {"physioflow-api"}
    assert [(item.name, item.selector, item.held_by) for item in facts.services] == [
        ("physioflow-api", LABELS, None),
        ("physioflow-web", LABELS | {"component": "web"}, None),
    ]
    assert facts.services[0].uid == service(emulator)["metadata"]["uid"]


def test_zero_replicas_that_the_server_leaves_out(cluster: KubernetesCluster, emulator: ClusterEmulator) -> None:
    cluster.scale("physioflow-api", 0, "rk3f9a")
    eventually(lambda: not cluster.pods("physioflow-api"))
    eventually(lambda: "replicas" not in deployment(emulator)["status"])
    api = cluster.inspect().deployment("physioflow-api")
    assert (api.replicas, api.ready_replicas, api.settled) == (0, 0, True)


def test_a_status_about_an_older_spec_is_not_settled(cluster: KubernetesCluster, emulator: ClusterEmulator) -> None:
    with emulator.store.lock:  # the controller cannot look while it is held
        found = deployment(emulator)
        emulator.store.put(DEPLOYMENTS, found | {"spec": found["spec"] | {"minReadySeconds": 1}}, "kubectl")
        now = deployment(emulator)
        assert now["status"]["observedGeneration"] < now["metadata"]["generation"]
        assert not is_settled(now)
    eventually(lambda: cluster.inspect().deployment("physioflow-api").settled)


def test_an_unready_pod_is_not_settled(cluster: KubernetesCluster, emulator: ClusterEmulator) -> None:
    emulator.fault({"kind": "pod-never-ready", "namespace": NAMESPACE, "deployment": "physioflow-api"})
    cluster.scale("physioflow-api", 4, "rk3f9a")
    eventually(lambda: len(cluster.pods("physioflow-api")) == 4)
    api = cluster.inspect().deployment("physioflow-api")
    assert (api.replicas, api.settled) == (4, False)


def test_a_history_without_owner_is_none_of_its(cluster: KubernetesCluster, emulator: ClusterEmulator) -> None:
    source = emulator.store.list(
        REPLICA_SETS, NAMESPACE, lambda one: one["metadata"]["name"].startswith("physioflow-api")
    )[0]
    metadata = {key: value for key, value in source["metadata"].items() if key not in {"ownerReferences", "uid"}}
    stray = {
        **source,
        "metadata": metadata | {"name": "stray", "annotations": {"deployment.kubernetes.io/revision": "9"}},
    }
    emulator.store.create(REPLICA_SETS, stray, "kubectl")
    history = cluster.inspect().deployment("physioflow-api").history
    assert "stray" not in {revision.replicaset for revision in history}
    assert len(history) == 4


def test_names_who_else_scales(cluster: KubernetesCluster, emulator: ClusterEmulator) -> None:
    assert [item.autoscaler for item in cluster.inspect().deployments] == ["", ""]
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "physioflow-web"}
    spec = {"scaleTargetRef": target, "maxReplicas": 5}
    metadata = {"name": "web-load", "namespace": NAMESPACE}
    emulator.store.create(AUTOSCALERS, {"metadata": metadata, "spec": spec}, "kubectl")
    emulator.fault({"kind": "gitops", "namespace": NAMESPACE, "deployment": "physioflow-api"})
    assert [item.autoscaler for item in cluster.inspect().deployments] == [
        "Argo CD (physioflow)",
        "HorizontalPodAutoscaler web-load",
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"deployments": ("physioflow-api", "physioflow-worker")},
        {"services": ("physioflow-worker",)},
        {"namespace": "physioflow-production"},
    ],
)
def test_what_is_not_there_is_named(client: "ApiClient", change: dict[str, Any]) -> None:
    known = {"namespace": NAMESPACE, "deployments": ("physioflow-api",), "services": (), "version_deployment": "x"}
    wrong = KubernetesCluster(client, Workloads(**(known | change)))
    with pytest.raises(PermanentError, match=r"^workload-not-found: .*(worker|production)"):
        wrong.inspect()


def test_pods_of_a_namespace_that_does_not_exist_are_no_empty_list(client: "ApiClient") -> None:
    nowhere = KubernetesCluster(client, Workloads("nowhere", (), (), "physioflow-api", "app=physioflow"))
    with pytest.raises(PermanentError, match=r"^workload-not-found: .*nowhere"):
        nowhere.pods("physioflow-api")
    with pytest.raises(PermanentError, match=r"^workload-not-found: .*nowhere"):
        nowhere.database_logs(10)


def test_pods(cluster: KubernetesCluster, emulator: ClusterEmulator) -> None:
    pods = cluster.pods("physioflow-api")
    assert len(pods) == 3
    assert {(pod.phase, pod.ready, pod.terminating, pod.problem) for pod in pods} == {("Running", True, False, "")}
    assert {pod.image for pod in pods} == {"registry.physioflow.example/physioflow-api:v1.3.0"}
    fault = emulator.fault({"kind": "pod-stuck-terminating", "namespace": NAMESPACE, "deployment": "physioflow-api"})
    cluster.scale("physioflow-api", 0, "rk3f9a")
    eventually(lambda: all(pod.terminating for pod in cluster.pods("physioflow-api")))
    assert len(cluster.pods("physioflow-api")) == 3
    emulator.clear_faults(fault)
    eventually(lambda: not cluster.pods("physioflow-api"))


def test_a_quota_that_keeps_pods_from_being_made_is_quoted(
    cluster: KubernetesCluster, emulator: ClusterEmulator
) -> None:
    emulator.fault({"kind": "quota", "namespace": NAMESPACE, "deployment": "physioflow-api"})
    cluster.scale("physioflow-api", 5, "rk3f9a")
    eventually(lambda: cluster.inspect().deployment("physioflow-api").problem != "")
    found = cluster.inspect()
    assert "exceeded quota: sandbox" in found.deployment("physioflow-api").problem
    assert found.deployment("physioflow-web").problem == ""
    emulator.clear_faults()
    eventually(lambda: not cluster.inspect().deployment("physioflow-api").problem)
    assert len(cluster.pods("physioflow-api")) == 5


def test_a_webhook_that_has_images_pulled_from_elsewhere_changes_no_version(
    cluster: KubernetesCluster, emulator: ClusterEmulator
) -> None:
    emulator.fault({"kind": "image-rewrite", "namespace": NAMESPACE})
    cluster.set_image("physioflow-api", "registry.physioflow.example/physioflow-api:v1.2.3", 3)
    eventually(lambda: cluster.inspect().deployment("physioflow-api").settled)
    eventually(lambda: len(cluster.pods("physioflow-api")) == 3)
    pulled = {pod["spec"]["containers"][0]["image"] for pod in emulator.store.list(PODS, NAMESPACE)}
    assert "mirror.example/registry.physioflow.example/physioflow-api:v1.2.3" in pulled
    pods = cluster.pods("physioflow-api")
    assert {pod.image for pod in pods} == {"registry.physioflow.example/physioflow-api:v1.2.3"}


def test_a_pod_of_no_replicaset_has_its_own_image() -> None:
    template = {"spec": {"containers": [{"name": "api", "image": "api:v1"}]}}
    pod = {"metadata": {"name": "p", "ownerReferences": [{"uid": "gone"}]}, "spec": template["spec"]}
    replicaset = {"metadata": {"uid": "u"}, "spec": {"template": template}}
    assert read_pod(pod, "api", template_images([replicaset], "api")).image == "api:v1"


@pytest.mark.parametrize(
    ("kind", "problem"),
    [
        ("crash-loop", {"CrashLoopBackOff", "Error"}),
        ("image-pull", {"ImagePullBackOff", "ErrImagePull"}),
        ("pod-never-ready", {"ContainersNotReady"}),
    ],
)
def test_why_a_pod_is_not_ready(
    cluster: KubernetesCluster, emulator: ClusterEmulator, kind: str, problem: set[str]
) -> None:
    emulator.fault({"kind": kind, "namespace": NAMESPACE, "deployment": "physioflow-web"})
    cluster.scale("physioflow-web", 3, "rk3f9a")
    eventually(lambda: {pod.problem for pod in cluster.pods("physioflow-web") if not pod.ready} & problem != set())


def test_an_evicted_pod_is_gone(emulator: ClusterEmulator) -> None:
    pods = emulator.store.list(PODS, NAMESPACE)
    assert not any(is_gone(pod) for pod in pods)
    assert is_gone(pods[0] | {"status": {"phase": "Failed", "reason": "Evicted"}})


def test_database_logs(cluster: KubernetesCluster, client: "ApiClient") -> None:
    logs = cluster.database_logs(2)
    assert list(logs) == ["physioflow-postgres-0"]
    lines = logs["physioflow-postgres-0"].splitlines()
    assert len(lines) == 2
    assert "checkpoint complete" in lines[1]
    assert KubernetesCluster(client, Workloads(NAMESPACE, (), (), "physioflow-api")).database_logs(2) == {}


def test_a_log_that_cannot_be_read_says_why(cluster: KubernetesCluster, emulator: ClusterEmulator) -> None:
    emulator.fault({"kind": "forbidden", "resource": "pods/log"})
    assert "(no log: The API server refused: get pods/log" in cluster.database_logs(2)["physioflow-postgres-0"]


def test_missing_rights(cluster: KubernetesCluster, emulator: ClusterEmulator) -> None:
    assert cluster.missing_rights() == []
    for resource, verb in (("deployments/scale", "patch"), ("pods/proxy", "*"), ("pods/log", "*"), ("services", "get")):
        emulator.fault({"kind": "forbidden", "resource": resource, "verb": verb, "namespace": NAMESPACE})
    assert cluster.missing_rights() == ["patch deployments/scale", "get services", "get pods/proxy", "get pods/log"]


def test_forbidden(cluster: KubernetesCluster, emulator: ClusterEmulator) -> None:
    emulator.fault({"kind": "forbidden", "resource": "replicasets"})
    with pytest.raises(PermanentError, match=r"^cluster-forbidden: .*list replicasets.*physioflow-prod"):
        cluster.inspect()


def test_a_wrong_token(emulator: ClusterEmulator, workloads: Workloads) -> None:
    with (
        connected(emulator.url, "not-the-token") as client,
        pytest.raises(PermanentError, match=r"^cluster-forbidden: ") as caught,
    ):
        KubernetesCluster(client, workloads).inspect()
    assert "not-the-token" not in str(caught.value)


def test_a_token_that_is_replaced_while_the_bot_runs(
    emulator: ClusterEmulator, workloads: Workloads, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text(f"{emulator.token}\n")
    with connected(emulator.url, "of-long-ago", token_file=file) as client:
        cluster = KubernetesCluster(client, workloads)
        assert cluster.inspect().deployments
        file.write_text("another")
        with pytest.raises(PermanentError, match=r"^cluster-forbidden: "):
            cluster.inspect()
        file.write_text(emulator.token)
        assert cluster.inspect().deployments
        file.unlink()  # as for a moment while it is replaced
        assert cluster.inspect().deployments


@pytest.mark.parametrize("fault", [{"kind": "5xx", "status": 503}, {"kind": "connection-reset"}])
def test_an_api_server_in_trouble(cluster: KubernetesCluster, emulator: ClusterEmulator, fault: dict[str, Any]) -> None:
    emulator.fault(fault)
    with pytest.raises(TemporaryError, match=r"^cluster-unavailable: "):
        cluster.inspect()
    emulator.clear_faults()
    assert isinstance(cluster.inspect(), ClusterFacts)
