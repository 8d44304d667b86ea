from typing import Any

import pytest
from kubernetes.client import ApiException

from tests.sandbox.cluster.kube import MERGE, NAMESPACE, Kube, deployment, service, status_of

PATH = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"


def _refused(kube: Kube, body: Any, content_type: str | None = None) -> dict[str, Any]:
    more = {"_content_type": content_type} if content_type else {}
    with pytest.raises(ApiException) as refused:
        kube.apps.patch_namespaced_deployment("api", NAMESPACE, body, **more)
    return status_of(refused.value)


@pytest.mark.parametrize(
    "body",
    [
        {"spec": {"replicas": -1}},
        {"spec": {"replicas": "three"}},
        {"spec": {"replicas": True}},
        {"metadata": {"annotations": {"count": 3}}},
        {"metadata": {"labels": {"run": "not a label!"}}},
        {"spec": {"template": {"spec": {"containers": "app"}}}},
        {"spec": {"selector": {"matchLabels": {"app": "another"}}}},
        {"spec": {"strategy": {"type": "Sudden"}}},
    ],
)
@pytest.mark.parametrize("content_type", [None, MERGE])
def test_a_patch_to_something_invalid(kube: Kube, body: dict[str, Any], content_type: str | None) -> None:
    kube.deploy(replicas=1)
    status = _refused(kube, body, content_type)
    assert (status["code"], status["reason"]) == (422, "Invalid")
    assert status["details"]["causes"]
    assert kube.deployment().spec.replicas == 1


def test_causes_name_the_field(kube: Kube) -> None:
    kube.deploy()
    status = _refused(kube, {"spec": {"replicas": -1}})
    cause = {
        "reason": "FieldValueInvalid",
        "message": "Invalid value: -1: must be greater than or equal to 0",
        "field": "spec.replicas",
    }
    assert status["details"] == {"name": "api", "group": "apps", "kind": "Deployment", "causes": [cause]}
    assert status["message"].startswith('Deployment.apps "api" is invalid: spec.replicas: Invalid value: -1')


@pytest.mark.parametrize("replicas", [-1, "three"])
def test_an_invalid_scale(kube: Kube, replicas: object) -> None:
    kube.deploy()
    with pytest.raises(ApiException) as refused:
        kube.scale(replicas)
    assert status_of(refused.value)["reason"] == "Invalid"


def test_a_failed_test_of_a_json_patch(kube: Kube) -> None:
    kube.deploy(replicas=1)
    status = _refused(kube, [{"op": "test", "path": "/spec/replicas", "value": 9}])
    assert (status["code"], status["reason"]) == (422, "Invalid")


def test_a_json_patch_of_a_missing_path(kube: Kube) -> None:
    kube.deploy()
    assert _refused(kube, [{"op": "remove", "path": "/metadata/labels/none"}])["code"] == 422


def test_a_json_patch_with_an_unknown_operation(kube: Kube) -> None:
    kube.deploy()
    assert _refused(kube, [{"op": "shuffle", "path": "/spec"}])["code"] == 400


def test_a_word_for_a_number_in_a_whole_object_is_a_bad_request(kube: Kube) -> None:
    body = deployment()
    body["spec"]["replicas"] = "three"
    code, status = kube.raw("POST", PATH, body)
    assert (code, status["reason"]) == (400, "BadRequest")
    assert "cannot unmarshal string" in status["message"]


def test_an_object_of_another_kind_is_a_bad_request(kube: Kube) -> None:
    with pytest.raises(ApiException) as refused:
        kube.apps.create_namespaced_deployment(NAMESPACE, deployment() | {"kind": "Service", "apiVersion": "v1"})
    assert status_of(refused.value)["reason"] == "BadRequest"


def test_another_name_than_in_the_path_is_a_bad_request(kube: Kube) -> None:
    kube.deploy()
    assert _refused(kube, {"metadata": {"name": "web"}})["code"] == 400


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"selector": None}, "spec.selector"),
        ({"template": {"metadata": {"labels": {"app": "api"}}, "spec": {}}}, "spec.template.spec.containers"),
        ({"template": {"metadata": {"labels": {"app": "x"}}}}, "spec.template.metadata.labels"),
        ({"minReadySeconds": 600}, "spec.progressDeadlineSeconds"),
        ({"strategy": {"rollingUpdate": {"maxSurge": "many"}}}, "spec.strategy.rollingUpdate.maxSurge"),
        (
            {"selector": {"matchExpressions": [{"key": "app", "operator": "Like"}]}},
            "spec.selector.matchExpressions[0].operator",
        ),
        ({"selector": {"matchExpressions": [{"operator": "Exists"}]}}, "spec.selector.matchExpressions[0].key"),
        (
            {"template": {"metadata": {"labels": {"app": "api"}}, "spec": {"containers": [{"name": "x"}]}}},
            "spec.template.spec.containers[0].image",
        ),
    ],
)
def test_an_invalid_deployment(kube: Kube, change: dict[str, Any], field: str) -> None:
    code, status = kube.raw("POST", PATH, deployment(**change))
    assert code == 422
    assert field in [cause["field"] for cause in status["details"]["causes"]]


def test_an_invalid_service_selector(kube: Kube) -> None:
    kube.core.create_namespaced_service(NAMESPACE, service())
    with pytest.raises(ApiException) as refused:
        kube.core.patch_namespaced_service("api", NAMESPACE, {"spec": {"selector": {"hold": "a b"}}})
    assert status_of(refused.value)["details"]["causes"][0]["field"] == "spec.selector"


def test_an_invalid_name(kube: Kube) -> None:
    with pytest.raises(ApiException) as refused:
        kube.core.create_namespaced_config_map(NAMESPACE, {"metadata": {"name": "Not_A_Name"}})
    assert status_of(refused.value)["details"]["causes"][0]["field"] == "metadata.name"


def test_a_pod_s_spec_cannot_be_changed(kube: Kube) -> None:
    box = {"name": "app", "image": "registry.example/app:v1"}
    kube.core.create_namespaced_pod(NAMESPACE, {"metadata": {"name": "one"}, "spec": {"containers": [box]}})
    with pytest.raises(ApiException) as refused:
        kube.core.patch_namespaced_pod("one", NAMESPACE, {"spec": {"restartPolicy": "Never"}})
    assert status_of(refused.value)["code"] == 422
