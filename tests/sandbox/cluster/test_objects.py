from typing import Any

import pytest
from kubernetes import client
from kubernetes.client import ApiException

from bot.sandbox.cluster import ClusterEmulator
from tests.sandbox.cluster.kube import MERGE, NAMESPACE, Kube, deployment, service, status_of

PATH = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"


def test_a_created_object_has_identity_and_defaults(kube: Kube) -> None:
    made = kube.deploy(replicas=2)
    assert made.metadata.uid
    assert made.metadata.generation == 1
    assert made.metadata.resource_version.isdigit()
    assert made.spec.strategy.type == "RollingUpdate"
    assert made.spec.progress_deadline_seconds == 600
    assert made.api_version == "apps/v1"


def test_zero_values_are_omitted_as_the_real_server_omits_them(kube: Kube, emulator: ClusterEmulator) -> None:
    kube.deploy(replicas=2)
    emulator.wait_settled()
    answer = kube.scale(0)
    assert answer.spec.replicas is None
    assert answer.status.replicas == 2
    emulator.wait_settled()
    found = kube.deployment()
    assert found.spec.replicas == 0
    assert (found.status.replicas, found.status.ready_replicas, found.status.available_replicas) == (None, None, None)
    scale = kube.apps.read_namespaced_deployment_scale("api", NAMESPACE)
    assert (scale.spec.replicas, scale.status.replicas) == (None, 0)
    assert scale.status.selector == "app=api"
    _, raw = kube.raw("GET", f"{PATH}/api")
    assert "replicas" not in raw["status"]


def test_a_changed_spec_is_a_new_generation_and_metadata_is_not(kube: Kube, emulator: ClusterEmulator) -> None:
    kube.deploy()
    emulator.wait_settled()
    kube.apps.patch_namespaced_deployment("api", NAMESPACE, {"metadata": {"annotations": {"note": "x"}}})
    assert kube.deployment().metadata.generation == 1
    changed = kube.set_image("v2")
    assert changed.metadata.generation == 2
    assert changed.status.observed_generation == 1
    emulator.wait_settled()
    assert kube.deployment().status.observed_generation == 2


def test_a_write_that_changes_nothing_keeps_the_version(kube: Kube, emulator: ClusterEmulator) -> None:
    kube.deploy()
    emulator.wait_settled()
    before = kube.deployment().metadata.resource_version
    assert kube.scale(1).metadata.resource_version == before


@pytest.mark.parametrize("write", ["replace", "merge patch", "scale", "json patch"])
def test_a_stale_resource_version_is_a_conflict(kube: Kube, emulator: ClusterEmulator, write: str) -> None:
    kube.deploy()
    emulator.wait_settled()
    stale = kube.deployment()
    kube.apps.patch_namespaced_deployment("api", NAMESPACE, {"metadata": {"labels": {"by": "another"}}})
    version = stale.metadata.resource_version
    with pytest.raises(ApiException) as refused:
        _write_stale(kube, write, stale, version)
    status = status_of(refused.value)
    assert (status["code"], status["reason"]) == (409, "Conflict")
    assert status["details"] == {"name": "api", "group": "apps", "kind": "deployments"}
    assert "the object has been modified" in status["message"]


def _write_stale(kube: Kube, write: str, stale: Any, version: str) -> None:
    body: Any = {"metadata": {"resourceVersion": version}, "spec": {"replicas": 3}}
    if write == "replace":
        kube.apps.replace_namespaced_deployment("api", NAMESPACE, stale)
    elif write == "merge patch":
        kube.apps.patch_namespaced_deployment("api", NAMESPACE, body, _content_type=MERGE)
    elif write == "scale":
        kube.apps.patch_namespaced_deployment_scale("api", NAMESPACE, body)
    else:
        steps = [{"op": "replace", "path": "/metadata/resourceVersion", "value": version}]
        kube.apps.patch_namespaced_deployment("api", NAMESPACE, steps)


def test_a_fresh_replace_is_accepted_and_leaves_status_alone(kube: Kube, emulator: ClusterEmulator) -> None:
    kube.deploy()
    emulator.wait_settled()
    found = kube.deployment()
    found.metadata.annotations["note"] = "mine"
    found.status = None
    replaced = kube.apps.replace_namespaced_deployment("api", NAMESPACE, found)
    assert replaced.metadata.annotations["note"] == "mine"
    assert replaced.status.ready_replicas == 1


def test_status_is_written_only_through_its_subresource(kube: Kube) -> None:
    kube.deploy(replicas=0)
    body = {"status": {"collisionCount": 7}}
    assert kube.apps.patch_namespaced_deployment("api", NAMESPACE, body).status.collision_count is None
    assert kube.apps.patch_namespaced_deployment_status("api", NAMESPACE, body).status.collision_count == 7


def test_a_dry_run_changes_nothing(kube: Kube) -> None:
    kube.apps.create_namespaced_deployment(NAMESPACE, deployment(), dry_run="All")
    assert kube.apps.list_namespaced_deployment(NAMESPACE).items == []


def test_listing_in_a_namespace_that_does_not_exist_is_empty(kube: Kube) -> None:
    assert kube.core.list_namespaced_pod("nowhere").items == []


def test_creating_in_a_namespace_that_does_not_exist_is_not_found(kube: Kube) -> None:
    with pytest.raises(ApiException) as refused:
        kube.core.create_namespaced_service("nowhere", service())
    status = status_of(refused.value)
    assert (status["code"], status["message"]) == (404, 'namespaces "nowhere" not found')


def test_what_does_not_exist_is_not_found(kube: Kube) -> None:
    with pytest.raises(ApiException) as refused:
        kube.deployment("web")
    status = status_of(refused.value)
    assert (status["code"], status["reason"]) == (404, "NotFound")
    assert status["message"] == 'deployments.apps "web" not found'


def test_a_taken_name_is_already_exists(kube: Kube) -> None:
    kube.serve()
    with pytest.raises(ApiException) as refused:
        kube.serve()
    status = status_of(refused.value)
    assert (status["code"], status["reason"]) == (409, "AlreadyExists")


def test_lists_span_namespaces_and_select(kube: Kube) -> None:
    for namespace in (NAMESPACE, "staging"):
        for name in ("api", "web"):
            kube.core.create_namespaced_service(
                namespace, service(name) | {"metadata": {"name": name, "labels": {"app": name}}}
            )
    everywhere = kube.core.list_service_for_all_namespaces(label_selector="app=api").items
    assert [found.metadata.namespace for found in everywhere] == [NAMESPACE, "staging"]
    named = kube.core.list_namespaced_service(NAMESPACE, field_selector="metadata.name=web").items
    assert [found.metadata.name for found in named] == ["web"]


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("tier in (a, b)", ["one", "two"]),
        ("tier notin (a),held", ["three"]),
        ("held", ["three"]),
        ("!tier", ["three"]),
        ("tier!=a", ["three", "two"]),
        ("tier==a", ["one"]),
    ],
)
def test_label_selectors(kube: Kube, selector: str, names: list[str]) -> None:
    for name, labels in {"one": {"tier": "a"}, "two": {"tier": "b"}, "three": {"held": "run-1"}}.items():
        kube.core.create_namespaced_config_map(NAMESPACE, {"metadata": {"name": name, "labels": labels}})
    found = kube.core.list_namespaced_config_map(NAMESPACE, label_selector=selector).items
    assert [one.metadata.name for one in found] == names


@pytest.mark.parametrize(
    "query", [{"label_selector": "a=b=c"}, {"label_selector": "x in"}, {"field_selector": "spec.x=1"}]
)
def test_a_malformed_selector_is_a_bad_request(kube: Kube, query: dict[str, str]) -> None:
    with pytest.raises(ApiException) as refused:
        kube.core.list_namespaced_pod(NAMESPACE, **query)
    assert status_of(refused.value)["reason"] == "BadRequest"


def test_a_wrong_token_is_unauthorized(emulator: ClusterEmulator) -> None:
    with Kube(emulator, token="stolen") as stranger, pytest.raises(ApiException) as refused:
        stranger.deployment()
    assert status_of(refused.value)["reason"] == "Unauthorized"


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("PATCH", PATH, 405),
        ("PUT", f"{PATH}/api/scale/more", 404),
        ("DELETE", f"{PATH}/api/scale", 405),
        ("GET", f"/apis/apps/v1/namespaces/{NAMESPACE}/daemonsets", 404),
        ("GET", "/apis/apps/v1beta1/deployments", 404),
        ("GET", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", 405),
        ("GET", "/nonsense", 404),
    ],
)
def test_paths_and_methods_that_are_not_served(kube: Kube, method: str, path: str, code: int) -> None:
    status, body = kube.raw(method, path)
    assert (status, body["kind"], body["code"]) == (code, "Status", code)


def test_an_unknown_content_type_is_unsupported(kube: Kube) -> None:
    kube.deploy()
    code, status = kube.raw("PATCH", f"{PATH}/api", {}, "text/yaml")
    assert (code, status["reason"]) == (415, "UnsupportedMediaType")
    assert "application/merge-patch+json" in status["message"]


@pytest.mark.parametrize(
    "query", ["watch=true&resourceVersion=soon", "watch=true&timeoutSeconds=-1", "labelSelector=!", "fieldSelector=x"]
)
def test_a_malformed_parameter_is_a_bad_request(kube: Kube, query: str) -> None:
    code, status = kube.raw("GET", f"{PATH}?{query}")
    assert (code, status["reason"]) == (400, "BadRequest")


def test_a_collection_is_deleted_by_selector(kube: Kube) -> None:
    for name in ("one", "two"):
        kube.core.create_namespaced_config_map(NAMESPACE, {"metadata": {"name": name, "labels": {"name": name}}})
    kube.core.delete_collection_namespaced_config_map(NAMESPACE, label_selector="name=one")
    assert [one.metadata.name for one in kube.core.list_namespaced_config_map(NAMESPACE).items] == ["two"]


def test_a_body_that_is_no_json_is_a_bad_request(kube: Kube) -> None:
    code, status = kube.raw("POST", PATH, b"{no")
    assert (code, status["reason"]) == (400, "BadRequest")


def test_discovery_and_health(kube: Kube) -> None:
    assert client.VersionApi(kube.client).get_code().git_version.startswith("v1.36")
    groups = [group.name for group in client.ApisApi(kube.client).get_api_versions().groups]
    assert {"apps", "autoscaling", "authorization.k8s.io", "discovery.k8s.io"} <= set(groups)
    names = [found.name for found in kube.apps.get_api_resources().resources]
    assert {"deployments", "deployments/scale", "replicasets"} <= set(names)
    assert kube.raw("GET", "/readyz") == (200, "ok")


def test_autoscalers_are_kept_and_listed(kube: Kube) -> None:
    api: Any = client.AutoscalingV2Api(kube.client)
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "api"}
    body = {"metadata": {"name": "api"}, "spec": {"maxReplicas": 5, "minReplicas": 2, "scaleTargetRef": target}}
    api.create_namespaced_horizontal_pod_autoscaler(NAMESPACE, body)
    found = api.list_namespaced_horizontal_pod_autoscaler(NAMESPACE).items
    assert [one.spec.scale_target_ref.name for one in found] == ["api"]


def test_who_wrote_a_field_is_recorded(kube: Kube) -> None:
    kube.deploy(replicas=0)
    body = {"spec": {"replicas": 1}}
    kube.apps.patch_namespaced_deployment("api", NAMESPACE, body, field_manager="helm")
    fields = kube.deployment().metadata.managed_fields
    owners = [one.manager for one in fields if "f:replicas" in one.fields_v1.get("f:spec", {})]
    assert owners == ["helm"]


def test_a_deleted_service_takes_its_endpoints_along(kube: Kube, emulator: ClusterEmulator) -> None:
    kube.deploy()
    kube.serve()
    emulator.wait_settled()
    kube.core.delete_namespaced_service("api", NAMESPACE)
    kube.deploy("web")  # something to settle
    emulator.wait_settled()
    assert kube.core.list_namespaced_endpoints(NAMESPACE).items == []


def test_a_deletion_with_a_wrong_uid_is_a_conflict(kube: Kube) -> None:
    kube.serve()
    body = client.V1DeleteOptions(preconditions=client.V1Preconditions(uid="another"))
    with pytest.raises(ApiException) as refused:
        kube.core.delete_namespaced_service("api", NAMESPACE, body=body)
    assert status_of(refused.value)["reason"] == "Conflict"


def test_a_namespace_goes_with_all_that_is_in_it(kube: Kube) -> None:
    kube.serve()
    kube.core.delete_namespace(NAMESPACE)
    assert kube.core.list_namespaced_service(NAMESPACE).items == []
