from typing import Any

import pytest

from bot.sandbox.cluster import patches
from bot.sandbox.cluster.statuses import ApiError
from tests.sandbox.cluster.kube import MERGE, NAMESPACE, STRATEGIC, Kube

TWO = {"spec": {"containers": [{"name": "app", "image": "a:1"}, {"name": "proxy", "image": "p:1"}]}}


@pytest.mark.parametrize(
    ("content_type", "current", "patch", "expected"),
    [
        (MERGE, {"a": {"b": 1, "c": 2}}, {"a": {"b": None}}, {"a": {"c": 2}}),
        (MERGE, {"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        (MERGE, {}, {"a": {"b": None, "c": 1}}, {"a": {"c": 1}}),
        (
            STRATEGIC,
            TWO,
            {"spec": {"containers": [{"name": "app", "image": "a:2"}]}},
            {"spec": {"containers": [{"name": "app", "image": "a:2"}, {"name": "proxy", "image": "p:1"}]}},
        ),
        (
            STRATEGIC,
            TWO,
            {"spec": {"containers": [{"name": "app", "$patch": "delete"}]}},
            {"spec": {"containers": [{"name": "proxy", "image": "p:1"}]}},
        ),
        (
            STRATEGIC,
            TWO,
            {"spec": {"containers": [{"$patch": "replace"}, {"name": "new", "image": "n:1"}]}},
            {"spec": {"containers": [{"name": "new", "image": "n:1"}]}},
        ),
        (
            STRATEGIC,
            {"spec": {"ports": [{"port": 80, "targetPort": 1}, {"port": 443, "targetPort": 2}]}},
            {"spec": {"ports": [{"port": 80, "targetPort": 9}]}},
            {"spec": {"ports": [{"port": 80, "targetPort": 9}, {"port": 443, "targetPort": 2}]}},
        ),
        (
            STRATEGIC,
            {"containers": [{"name": "app", "ports": [{"containerPort": 1}]}]},
            {"containers": [{"name": "app", "ports": [{"containerPort": 2}]}]},
            {"containers": [{"name": "app", "ports": [{"containerPort": 1}, {"containerPort": 2}]}]},
        ),
        (STRATEGIC, {"finalizers": ["a"]}, {"finalizers": ["a", "b"]}, {"finalizers": ["a", "b"]}),
        (STRATEGIC, {"finalizers": ["a", "b"]}, {"$deleteFromPrimitiveList/finalizers": ["a"]}, {"finalizers": ["b"]}),
        (STRATEGIC, {"selector": {"a": "1"}}, {"selector": {"$patch": "replace", "b": "2"}}, {"selector": {"b": "2"}}),
        (STRATEGIC, {"args": ["x"]}, {"args": ["y"]}, {"args": ["y"]}),
        (STRATEGIC, {"labels": {"a": "1", "b": "2"}}, {"labels": {"a": None}}, {"labels": {"b": "2"}}),
    ],
)
def test_merging(content_type: str, current: Any, patch: Any, expected: Any) -> None:
    before = repr(current)
    assert patches.apply(content_type, current, patch) == expected
    assert repr(current) == before


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([{"op": "add", "path": "/m/a~1b", "value": 1}], {"m": {"a/b": 1, "k": 0}, "l": [1, 2]}),
        ([{"op": "add", "path": "/l/-", "value": 3}], {"m": {"k": 0}, "l": [1, 2, 3]}),
        ([{"op": "add", "path": "/l/0", "value": 0}], {"m": {"k": 0}, "l": [0, 1, 2]}),
        ([{"op": "remove", "path": "/l/0"}], {"m": {"k": 0}, "l": [2]}),
        ([{"op": "replace", "path": "/m/k", "value": 5}], {"m": {"k": 5}, "l": [1, 2]}),
        ([{"op": "replace", "path": "/l/0", "value": 9}], {"m": {"k": 0}, "l": [9, 2]}),
        ([{"op": "move", "from": "/m/k", "path": "/n"}], {"m": {}, "l": [1, 2], "n": 0}),
        ([{"op": "copy", "from": "/l", "path": "/n"}], {"m": {"k": 0}, "l": [1, 2], "n": [1, 2]}),
        ([{"op": "test", "path": "/m/k", "value": 0}], {"m": {"k": 0}, "l": [1, 2]}),
    ],
)
def test_json_patches(steps: list[dict[str, Any]], expected: Any) -> None:
    assert patches.apply(patches.JSON, {"m": {"k": 0}, "l": [1, 2]}, steps) == expected


@pytest.mark.parametrize(
    "step",
    [
        {"op": "replace", "path": "/none", "value": 1},
        {"op": "add", "path": "/l/9", "value": 1},
        {"op": "add", "path": "nowhere", "value": 1},
        {"op": "add", "path": "/x"},
    ],
)
def test_json_patches_that_do_not_apply(step: dict[str, Any]) -> None:
    with pytest.raises(ApiError) as refused:
        patches.apply(patches.JSON, {"l": []}, [step])
    assert refused.value.code == 422


def test_a_list_item_without_its_merge_key_is_a_bad_request() -> None:
    with pytest.raises(ApiError) as refused:
        patches.apply(STRATEGIC, TWO, {"spec": {"containers": [{"image": "x"}]}})
    assert refused.value.code == 400


def test_a_selector_key_goes_with_a_merge_patch_of_null(kube: Kube) -> None:
    kube.serve()
    kube.core.patch_namespaced_service("api", NAMESPACE, {"spec": {"selector": {"hold": "run-1"}}}, _content_type=MERGE)
    assert kube.core.read_namespaced_service("api", NAMESPACE).spec.selector == {"app": "api", "hold": "run-1"}
    kube.core.patch_namespaced_service("api", NAMESPACE, {"spec": {"selector": {"hold": None}}}, _content_type=MERGE)
    assert kube.core.read_namespaced_service("api", NAMESPACE).spec.selector == {"app": "api"}


def test_the_client_s_default_patch_merges_containers_by_name(kube: Kube) -> None:
    kube.deploy()
    changed = kube.set_image("v2")
    (container,) = changed.spec.template.spec.containers
    assert container.image == "registry.example/api:v2"
    assert container.ports[0].container_port == 7011


def test_a_merge_patch_replaces_the_container_list(kube: Kube) -> None:
    kube.deploy()
    body = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "registry.example/api:v2"}]}}}}
    changed = kube.apps.patch_namespaced_deployment("api", NAMESPACE, body, _content_type=MERGE)
    assert changed.spec.template.spec.containers[0].ports is None
