"""A client's side of the emulator: the official client, manifests, and waiting."""

import json
import time
from collections.abc import Callable
from contextlib import closing
from types import TracebackType
from typing import Any, Self

import urllib3
from kubernetes import client, watch
from kubernetes.client import ApiException

from bot.sandbox.cluster import ClusterEmulator

NAMESPACE = "prod"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"


class Kube:
    """The official client, pointed at an emulator."""

    def __init__(self, emulator: ClusterEmulator, token: str | None = None, *, retries: int = 0) -> None:
        configuration = client.Configuration()
        configuration.host = emulator.url
        configuration.api_key = {"authorization": f"Bearer {token or emulator.token}"}
        configuration.retries = urllib3.Retry(retries)
        self.url, self.token = emulator.url, token or emulator.token
        self.client = client.ApiClient(configuration)
        self.apps: Any = client.AppsV1Api(self.client)  # Any: bodies here are plain JSON
        self.core: Any = client.CoreV1Api(self.client)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.rest_client.pool_manager.clear()

    def deploy(self, name: str = "api", **spec: Any) -> Any:
        return self.apps.create_namespaced_deployment(NAMESPACE, deployment(name, **spec))

    def serve(self, name: str = "api") -> Any:
        return self.core.create_namespaced_service(NAMESPACE, service(name))

    def deployment(self, name: str = "api") -> Any:
        return self.apps.read_namespaced_deployment(name, NAMESPACE)

    def scale(self, replicas: object, name: str = "api") -> Any:
        return self.apps.patch_namespaced_deployment_scale(name, NAMESPACE, {"spec": {"replicas": replicas}})

    def set_image(self, tag: str, name: str = "api") -> Any:
        containers = [{"name": "app", "image": f"registry.example/{name}:{tag}"}]
        body = {"spec": {"template": {"spec": {"containers": containers}}}}
        return self.apps.patch_namespaced_deployment(name, NAMESPACE, body)

    def pods(self, selector: str = "", **more: Any) -> list[Any]:
        found: list[Any] = self.core.list_namespaced_pod(NAMESPACE, label_selector=selector or None, **more).items
        return found

    def follow(self, listing: Any, **query: Any) -> Any:
        return watch.Watch().stream(listing, NAMESPACE, **query)  # type: ignore[no-untyped-call] # the client's own

    def raw(
        self, method: str, path: str, body: object = None, content_type: str = "application/json"
    ) -> tuple[int, Any]:
        """Send what the client would never send."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": content_type}
        data = body if isinstance(body, bytes) else json.dumps(body)
        with (
            urllib3.PoolManager(retries=False) as pool,
            closing(
                pool.request(method, self.url + path, body=data if body is not None else None, headers=headers)
            ) as answer,
        ):
            text = answer.data.decode()
            return answer.status, json.loads(text) if text.startswith("{") else text


def deployment(name: str = "api", *, replicas: int = 1, tag: str = "v1", **spec: Any) -> dict[str, Any]:
    container = {"name": "app", "image": f"registry.example/{name}:{tag}", "ports": [{"containerPort": 7011}]}
    container |= spec.pop("container", {})
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    described = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template, **spec}
    return {"metadata": {"name": name}, "spec": described}


def service(name: str = "api") -> dict[str, Any]:
    return {
        "metadata": {"name": name},
        "spec": {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": 7011}]},
    }


def status_of(error: ApiException) -> dict[str, Any]:
    """The Status object of a refusal; its code is the HTTP status."""
    status: dict[str, Any] = json.loads(str(error.body))
    assert (status["kind"], status["status"], status["code"]) == ("Status", "Failure", error.status)
    return status


def wait_until(true: Callable[[], object], timeout_s: float = 5) -> None:
    until = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < until, "it did not come true"
        time.sleep(0.01)
