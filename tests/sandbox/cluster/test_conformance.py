"""The emulator answers as a real API server did: Kubernetes 1.36, seen on a cluster of its own."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import urllib3

from bot.sandbox.cluster import ClusterEmulator
from tests.sandbox.cluster.conftest import QUICK
from tests.sandbox.cluster.kube import NAMESPACE, Kube

MERGE, JSON, APPLY = "application/merge-patch+json", "application/json-patch+json", "application/apply-patch+yaml"
DEPLOYMENTS = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
WEB = f"{DEPLOYMENTS}/web"
SERVICE = f"/api/v1/namespaces/{NAMESPACE}/services/web"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
TRY = "?dryRun=All"
SCALE = {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "web", "namespace": NAMESPACE}}
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


@dataclass(frozen=True)
class Call:
    """A request, and the real server's answer: code, kind, reason, and what `pick` finds in it.

    In `path`, ``POD`` stands for a running pod of the api.
    """

    title: str
    method: str
    path: str
    answer: tuple[int, str | None, str | None]
    body: object = None
    type: str = MERGE
    pick: Callable[[Any], object] = lambda _: None
    picked: object = None
    headers: dict[str, str] = field(default_factory=dict)


OK, INVALID, BAD = (200, "Deployment", None), (422, "Status", "Invalid"), (400, "Status", "BadRequest")


def replace(path: str, value: object) -> list[dict[str, object]]:
    return [{"op": "replace", "path": path, "value": value}]


def replicas(answer: Any) -> object:
    return answer["spec"].get("replicas")


CALLS = (
    Call("a patch of no known type", "PATCH", WEB, (415, "Status", "UnsupportedMediaType"), {}, "text/plain"),
    Call("a patch of plain JSON", "PATCH", WEB, (415, "Status", "UnsupportedMediaType"), {}, "application/json"),
    Call("server-side apply", "PATCH", f"{WEB}?fieldManager=x&force=true", OK,
         {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "labels": {"applied": "1"}}},
         APPLY,
         lambda answer: answer["metadata"]["labels"].get("applied"), "1"),
    Call("server-side apply without a manager", "PATCH", WEB, BAD,
         {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}}, APPLY),
    Call("a dry run's answer", "PATCH", WEB + TRY, OK, {"spec": {"replicas": 7}}, pick=replicas, picked=7),
    Call("nothing after a dry run", "GET", WEB, OK, pick=replicas, picked=1),
    Call("a dry run of scale", "PATCH", f"{WEB}/scale{TRY}", (200, "Scale", None), {"spec": {"replicas": 7}},
         pick=replicas, picked=7),
    Call("an unknown field, strictly", "PATCH", f"{WEB}{TRY}&fieldValidation=Strict", INVALID, {"spec": {"no": 1}}),
    Call("an unknown field", "PATCH", WEB + TRY, OK, {"spec": {"no": 1}}, pick=lambda answer: "no" in answer["spec"],
         picked=False),
    Call("another selector", "PATCH", WEB + TRY, INVALID, {"spec": {"selector": {"matchLabels": {"app": "other"}}}}),
    Call("a template that the selector misses", "PATCH", WEB + TRY, INVALID,
         replace("/spec/template/metadata/labels", {"app": "x"}), JSON),
    Call("no containers", "PATCH", WEB + TRY, INVALID, replace("/spec/template/spec/containers", []), JSON),
    Call("a path that is not there", "PATCH", WEB + TRY, INVALID, replace("/spec/no/such", 1), JSON),
    Call("a stale version", "PATCH", WEB + TRY, (409, "Status", "Conflict"), replace("/metadata/resourceVersion",
         "1"), JSON),
    Call("a version that is no number", "PATCH", WEB + TRY, (500, "Status", None),
         {"metadata": {"resourceVersion": "x"}}),
    Call("another object's uid", "PATCH", WEB + TRY, INVALID, {"metadata": {"uid": "0000"}}),
    Call("an illegal annotation", "PATCH", WEB + TRY, INVALID, {"metadata": {"annotations": {"not legal!": "1"}}}),
    Call("an annotation of 300 kB", "PATCH", WEB + TRY, INVALID, {"metadata": {"annotations": {"big": "x" * 300_000}}}),
    Call("a status by the main resource", "PATCH", WEB + TRY, OK, {"status": {"replicas": 99}},
         pick=lambda answer: answer["status"].get("replicas"), picked=1),
    Call("a Service without selector", "PATCH", SERVICE + TRY, (200, "Service", None), {"spec": {"selector": None}},
         pick=lambda answer: answer["spec"].get("selector")),
    Call("an external Service without a name", "PATCH", SERVICE + TRY, INVALID, {"spec": {"type": "ExternalName"}}),
    Call("another cluster IP", "PATCH", SERVICE + TRY, INVALID, {"spec": {"clusterIP": "10.96.9.9"}}),
    Call("the first of several pods", "GET", f"{PODS}?limit=1", (200, "PodList", None),
         pick=lambda answer: [len(answer["items"]), bool(answer["metadata"].get("continue"))], picked=[1, True]),
    Call("a token to go on that is made up", "GET", f"{PODS}?limit=1&continue=zzz", BAD),
    Call("pods by their phase", "GET", f"{PODS}?fieldSelector=status.phase%3DRunning", (200, "PodList", None),
         pick=lambda answer: len(answer["items"]) > 0, picked=True),
    Call("pods by a field that is none", "GET", f"{PODS}?fieldSelector=spec.nonsense%3Da", BAD),
    Call("a watch from a version long gone", "GET", f"{DEPLOYMENTS}?watch=1&resourceVersion=1&timeoutSeconds=1",
         (200, None, None)),
    Call("a list from the cache", "GET", f"{DEPLOYMENTS}?resourceVersion=0", (200, "DeploymentList", None),
         pick=lambda answer: len(answer["items"]), picked=2),
    Call("an old group version", "GET", DEPLOYMENTS.replace("/v1/", "/v1beta1/"), (404, "Status", "NotFound")),
    Call("autoscalers, version 1", "GET", f"/apis/autoscaling/v1/namespaces/{NAMESPACE}/horizontalpodautoscalers",
         (200, "HorizontalPodAutoscalerList", None)),
    Call("stateful sets", "GET", f"/apis/apps/v1/namespaces/{NAMESPACE}/statefulsets", (200, "StatefulSetList", None)),
    Call("the proxy of no pod", "GET", f"{PODS}/none:80/proxy/health", (404, "Status", "NotFound")),
    Call("the proxy of a pod", "GET", f"{PODS}/POD:7011/proxy/health", (200, None, None)),
    Call("a port that nobody listens on", "GET", f"{PODS}/POD:7999/proxy/health", (503, "Status",
         "ServiceUnavailable")),
    Call("what the app does not have", "GET", f"{PODS}/POD:7011/proxy/no-such", (404, None, None)),
    Call("the log of no container", "GET", f"{PODS}/POD/log?container=none", BAD),
    Call("scale by PUT", "PUT", f"{WEB}/scale{TRY}", (200, "Scale", None), SCALE | {"spec": {"replicas": 2}},
         "application/json"),
    Call("a delete with a stale condition", "DELETE", WEB + TRY, (409, "Status", "Conflict"),
         {"preconditions": {"uid": "0000"}}, "application/json"),
    Call("a table for people", "GET", DEPLOYMENTS, (200, "Table", None), headers={"Accept": TABLE}),
    Call("a wrong token", "GET", WEB, (401, "Status", "Unauthorized"), headers={"Authorization": "Bearer nope"}),
    Call("events", "GET", f"/api/v1/namespaces/{NAMESPACE}/events", (200, "EventList", None),
         pick=lambda answer: len(answer["items"]) > 0, picked=True),
)  # fmt: skip


@pytest.fixture(scope="module")
def cluster() -> Iterator[Kube]:
    with ClusterEmulator(HealthyApp(), namespaces=(NAMESPACE,), delays=QUICK) as emulator, Kube(emulator) as kube:
        for name in ("web", "api"):
            kube.deploy(name)
            kube.serve(name)
        emulator.wait_settled()
        yield kube


class HealthyApp:
    """An app with one page."""

    def answer(self, *asked: Any) -> Any:
        path = asked[4]
        page = b'{"status": "ok"}' if path == "/health" else b'{"error": "no such page"}'
        return 200 if path == "/health" else 404, {"Content-Type": "application/json"}, page

    def pod_started(self, namespace: str, pod: Any) -> None:
        """Nothing is opened."""

    def pod_stopping(self, namespace: str, pod: Any) -> None:
        """Nothing is closed."""


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.title)
def test_the_answer_is_the_real_servers(cluster: Kube, call: Call) -> None:
    pod = next(pod.metadata.name for pod in cluster.pods("app=api") if not pod.metadata.deletion_timestamp)
    headers = {"Authorization": f"Bearer {cluster.token}", "Content-Type": call.type} | call.headers
    body = None if call.body is None else json.dumps(call.body)
    with urllib3.PoolManager(retries=False) as pool:
        url = cluster.url + call.path.replace("POD", pod)
        answer = pool.request(call.method, url, body=body, headers=headers)
    text = answer.data.decode()
    said = json.loads(text) if text.startswith("{") and "\n{" not in text else {}
    reason = said.get("reason") if said.get("kind") == "Status" else None
    assert (answer.status, said.get("kind"), reason) == call.answer, text[:300]
    assert call.pick(said) == call.picked
