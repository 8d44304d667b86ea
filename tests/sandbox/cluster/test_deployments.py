import threading
from typing import Any

import pytest
from kubernetes.client import ApiException

from bot.sandbox.cluster import ClusterEmulator
from tests.sandbox.cluster.kube import NAMESPACE, Kube, wait_until

REVISION = "deployment.kubernetes.io/revision"


def _revisions(kube: Kube) -> dict[str, str]:
    found = kube.apps.list_namespaced_replica_set(NAMESPACE, label_selector="app=api").items
    tags = {one.metadata.annotations[REVISION]: one.spec.template.spec.containers[0].image for one in found}
    return {revision: image.rpartition(":")[2] for revision, image in tags.items()}


def _condition(kube: Kube, kind: str) -> Any:
    return next((one for one in kube.deployment().status.conditions or [] if one.type == kind), None)


def test_a_deployment_gets_its_pods(kube: Kube, emulator: ClusterEmulator) -> None:
    kube.deploy(replicas=3)
    emulator.wait_settled()
    status = kube.deployment().status
    assert (status.replicas, status.ready_replicas, status.available_replicas, status.updated_replicas) == (3, 3, 3, 3)
    assert _condition(kube, "Available").status == "True"
    assert _condition(kube, "Progressing").reason == "NewReplicaSetAvailable"
    (replica_set,) = kube.apps.list_namespaced_replica_set(NAMESPACE).items
    assert replica_set.metadata.owner_references[0].name == "api"
    assert all(pod.metadata.name.startswith(replica_set.metadata.name + "-") for pod in kube.pods())


def test_each_template_is_a_revision_and_an_old_one_comes_back_with_a_new_number(
    kube: Kube, emulator: ClusterEmulator
) -> None:
    kube.deploy(tag="v1")
    for tag in ("v2", "v3"):
        emulator.wait_settled()
        kube.set_image(tag)
    emulator.wait_settled()
    assert _revisions(kube) == {"1": "v1", "2": "v2", "3": "v3"}
    kube.set_image("v2")
    emulator.wait_settled()
    assert _revisions(kube) == {"1": "v1", "3": "v3", "4": "v2"}
    assert kube.deployment().metadata.annotations[REVISION] == "4"


def test_a_rolling_update_keeps_enough_pods_ready(kube: Kube, emulator: ClusterEmulator) -> None:
    kube.deploy(replicas=4, strategy={"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}})
    kube.serve()
    emulator.wait_settled()
    lowest, most, done = [4], [4], threading.Event()

    def look() -> None:
        while not done.wait(0.003):
            pods = emulator.state()["namespaces"][NAMESPACE]["pods"].values()
            lowest[0] = min(lowest[0], sum(pod["ready"] and not pod["terminating"] for pod in pods))
            most[0] = max(most[0], sum(not pod["terminating"] for pod in pods))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        kube.set_image("v2")
        emulator.wait_settled()
    finally:
        done.set()
        watcher.join()
    assert (lowest[0], most[0]) == (4, 5)
    assert {pod.spec.containers[0].image for pod in kube.pods()} == {"registry.example/api:v2"}


def test_recreate_never_runs_two_versions_at_once(kube: Kube, emulator: ClusterEmulator) -> None:
    kube.deploy(replicas=2, strategy={"type": "Recreate"})
    emulator.wait_settled()
    kube.set_image("v2")
    seen = set()

    def rolled() -> bool:
        images = {pod.spec.containers[0].image[-2:] for pod in kube.pods()}
        seen.add(frozenset(images))
        return images == {"v2"}

    wait_until(rolled)
    assert frozenset({"v1", "v2"}) not in seen
    emulator.wait_settled()


def test_old_replicasets_beyond_the_limit_are_forgotten(kube: Kube, emulator: ClusterEmulator) -> None:
    kube.deploy(replicas=0, revisionHistoryLimit=2)
    for number in range(2, 6):
        emulator.wait_settled()
        kube.set_image(f"v{number}")
    emulator.wait_settled()
    wait_until(lambda: _revisions(kube) == {"3": "v3", "4": "v4", "5": "v5"})


def test_a_rollout_that_stands_still_misses_its_deadline(kube: Kube, emulator: ClusterEmulator) -> None:
    kube.deploy(replicas=2, progressDeadlineSeconds=1)
    emulator.wait_settled()
    emulator.fault({"kind": "pod-never-ready", "deployment": "api", "image": ":v2"})
    kube.set_image("v2")
    wait_until(lambda: _condition(kube, "Progressing").reason == "ProgressDeadlineExceeded")
    assert _condition(kube, "Progressing").status == "False"
    assert _condition(kube, "Available").status == "True"  # the old pods still serve
    emulator.clear_faults()
    emulator.wait_settled()
    assert _condition(kube, "Progressing").reason == "NewReplicaSetAvailable"


def test_pods_count_only_after_min_ready_seconds(kube: Kube) -> None:
    kube.deploy(minReadySeconds=1)
    wait_until(lambda: kube.deployment().status.ready_replicas == 1)
    assert kube.deployment().status.available_replicas is None
    wait_until(lambda: kube.deployment().status.available_replicas == 1)


def test_a_paused_deployment_scales_but_does_not_roll(kube: Kube, emulator: ClusterEmulator) -> None:
    kube.deploy()
    emulator.wait_settled()
    kube.apps.patch_namespaced_deployment("api", NAMESPACE, {"spec": {"paused": True}})
    kube.set_image("v2")
    kube.scale(2)
    wait_until(lambda: len(kube.pods()) == 2)
    assert {pod.spec.containers[0].image for pod in kube.pods()} == {"registry.example/api:v1"}


def test_a_deleted_deployment_takes_everything_along(kube: Kube, emulator: ClusterEmulator) -> None:
    kube.deploy(replicas=2)
    emulator.wait_settled()
    answer = kube.apps.delete_namespaced_deployment("api", NAMESPACE)
    assert (answer["status"], answer["details"]["name"]) == ("Success", "api")
    wait_until(lambda: not kube.pods())
    assert kube.apps.list_namespaced_replica_set(NAMESPACE).items == []
    with pytest.raises(ApiException):
        kube.deployment()


def test_an_orphaning_deletion_leaves_the_pods(kube: Kube, emulator: ClusterEmulator) -> None:
    kube.deploy()
    emulator.wait_settled()
    kube.apps.delete_namespaced_deployment("api", NAMESPACE, propagation_policy="Orphan")
    (replica_set,) = kube.apps.list_namespaced_replica_set(NAMESPACE).items
    assert replica_set.metadata.owner_references is None
    assert len(kube.pods()) == 1


def test_scaling_is_in_the_events(kube: Kube, emulator: ClusterEmulator) -> None:
    kube.deploy(replicas=2)
    emulator.wait_settled()
    events = kube.core.list_namespaced_event(NAMESPACE, field_selector="involvedObject.name=api").items
    assert [event.reason for event in events] == ["ScalingReplicaSet"]
