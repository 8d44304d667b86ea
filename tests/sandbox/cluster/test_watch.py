import threading

import pytest
from kubernetes.client import ApiException

from bot.sandbox.cluster import ClusterEmulator
from tests.sandbox.cluster.kube import NAMESPACE, Kube, service, wait_until


def test_a_watch_replays_and_then_follows(kube: Kube) -> None:
    kube.serve("one")
    seen: list[tuple[str, str]] = []

    def follow() -> None:
        stream = kube.follow(kube.core.list_namespaced_service, timeout_seconds=5)
        for event in stream:
            seen.append((event["type"], event["object"].metadata.name))
            if event["type"] == "DELETED":
                return

    reader = threading.Thread(target=follow)
    reader.start()
    wait_until(lambda: seen)
    kube.serve("two")
    kube.core.patch_namespaced_service("two", NAMESPACE, {"metadata": {"labels": {"x": "y"}}})
    kube.core.delete_namespaced_service("one", NAMESPACE)
    reader.join()
    assert seen == [("ADDED", "one"), ("ADDED", "two"), ("MODIFIED", "two"), ("DELETED", "one")]


def test_a_watch_goes_on_from_a_version(kube: Kube) -> None:
    kube.serve("one")
    version = kube.core.list_namespaced_service(NAMESPACE).metadata.resource_version
    kube.serve("two")
    stream = kube.follow(kube.core.list_namespaced_service, resource_version=version, timeout_seconds=1)
    assert [event["object"].metadata.name for event in stream] == ["two"]


def test_an_object_that_leaves_a_selector_is_deleted_to_its_watcher(kube: Kube) -> None:
    body = service("one")
    body["metadata"]["labels"] = {"tier": "a"}
    kube.core.create_namespaced_service(NAMESPACE, body)
    version = kube.core.list_namespaced_service(NAMESPACE).metadata.resource_version
    for tier in ("b", "a"):
        kube.core.patch_namespaced_service("one", NAMESPACE, {"metadata": {"labels": {"tier": tier}}})
    stream = kube.follow(
        kube.core.list_namespaced_service,
        label_selector="tier=a",
        resource_version=version,
        timeout_seconds=1,
    )
    assert [event["type"] for event in stream] == ["DELETED", "ADDED"]


def test_a_watch_ends_in_time_with_a_bookmark(kube: Kube) -> None:
    stream = kube.follow(kube.core.list_namespaced_service, allow_watch_bookmarks=True, timeout_seconds=1)
    assert [event["type"] for event in stream] == ["BOOKMARK"]


def test_a_version_too_old_is_gone(kube: Kube, emulator: ClusterEmulator) -> None:
    version = kube.core.list_namespaced_service(NAMESPACE).metadata.resource_version
    kube.serve()
    emulator.store.compact()
    stream = kube.follow(kube.core.list_namespaced_service, resource_version=version, timeout_seconds=1)
    with pytest.raises(ApiException) as refused:
        list(stream)
    assert refused.value.status == 410


def test_a_rollout_can_be_followed(kube: Kube) -> None:
    kube.deploy(replicas=2)
    stream = kube.follow(kube.apps.list_namespaced_deployment, timeout_seconds=5)
    ready = next(event for event in stream if event["object"].status.ready_replicas == 2)
    assert ready["type"] == "MODIFIED"
    stream.close()
