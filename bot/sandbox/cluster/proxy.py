"""Serves a pod's log, the API server's pod proxy, and Services."""

import itertools
from dataclasses import dataclass

from bot.sandbox.cluster import endpoints, statuses
from bot.sandbox.cluster.kubelet import Kubelet
from bot.sandbox.cluster.ports import Answer, AppBehaviour, PodInfo
from bot.sandbox.cluster.requests import Request, Response, Target
from bot.sandbox.cluster.resources import PODS, SERVICES
from bot.sandbox.cluster.statuses import Obj
from bot.sandbox.cluster.store import Store

_TEXT = {"Content-Type": "text/plain"}


@dataclass(frozen=True)
class Proxy:
    """Reaches the app in the pods."""

    store: Store
    kubelet: Kubelet
    app: AppBehaviour
    turns: "itertools.count[int]"

    def to_pod(self, target: Target, request: Request) -> Response:
        """Forward to ``pods/NAME:PORT/proxy/PATH``, or to a Service likewise.

        Raises:
            ApiError: 404, no such object; 503, nothing listens there.
        """
        name, port = _split(target.name)
        if target.resource is SERVICES:
            service = self.store.get(SERVICES, target.namespace, name)
            pod = self._next(service)
            if pod is None:
                raise _unreachable(f'no endpoints available for service "{name}"')
        else:
            pod = self.store.get(PODS, target.namespace, name)
            _check_port(pod, port)
        info = self.kubelet.info(pod["metadata"]["uid"])
        if info is None:
            address = f"{pod.get('status', {}).get('podIP', '')}:{port}"
            raise _unreachable(f"error trying to reach service: dial tcp {address}: connect: connection refused")
        status, headers, body = self._ask(info, request.method, _path(target.rest, request), request.body)
        return Response(status, body, headers)

    def through_service(self, namespace: str, service: str, method: str, path: str, body: bytes = b"") -> Answer:
        """Do what a browser outside does: any ready pod of the Service answers, in turn; 503 when there is none."""
        found = self.store.find(SERVICES, namespace, service)
        if found is None:
            return 404, _TEXT, f"no service {service} in {namespace}\n".encode()
        pod = self._next(found)
        info = self.kubelet.info(pod["metadata"]["uid"]) if pod else None
        if info is None:
            return 503, _TEXT, b"no endpoints available\n"
        return self._ask(info, method, path, body)

    def _next(self, service: Obj) -> Obj | None:
        pods = endpoints.serving_pods(self.store, service)
        return pods[next(self.turns) % len(pods)] if pods else None

    def _ask(self, info: PodInfo, method: str, path: str, body: bytes) -> Answer:
        answer = self.app.answer(info.namespace, info.deployment, info.image, method, path, body)
        self.kubelet.write_log(info.uid, [f'"{method} {path}" {answer[0]}'])
        return answer

    def is_healthy(self, pod: Obj) -> bool:
        """Run a pod's HTTP readiness probe once; true without one."""
        probe = pod["spec"]["containers"][0].get("readinessProbe", {}).get("httpGet")
        info = self.kubelet.info(pod["metadata"]["uid"])
        if not probe or info is None:
            return True
        status, _, _ = self.app.answer(info.namespace, info.deployment, info.image, "GET", probe.get("path", "/"), b"")
        return 200 <= status < 400  # noqa: PLR2004 -- what a kubelet takes for success

    def read_log(self, target: Target, request: Request) -> Response:
        """Answer ``pods/NAME/log`` with `tailLines`, `limitBytes`, `container`, `previous`.

        Raises:
            ApiError: 400, the container is unknown, not started, or has no previous run; 404.
        """
        pod = self.store.get(PODS, target.namespace, target.name)
        box = _container(pod, request.query.get("container", ""))
        state: Obj = next((one for one in pod["status"].get("containerStatuses", []) if one["name"] == box), {})
        words = f'container "{box}" in pod "{target.name}"'
        if request.flag("previous") and "lastState" not in state:
            raise statuses.bad_request(f'previous terminated container "{box}" in pod "{target.name}" not found')
        waiting = state.get("state", {}).get("waiting", {"reason": "ContainerCreating"} if not state else {})
        if waiting and not state.get("lastState"):
            raise statuses.bad_request(f"{words} is waiting to start: {waiting['reason']}")
        lines, tail = self.kubelet.log(pod["metadata"]["uid"]), request.natural("tailLines")
        kept = lines if tail is None else lines[max(len(lines) - tail, 0) :]
        text = "".join(f"{line}\n" for line in kept).encode()
        return Response(200, text[: request.natural("limitBytes")], _TEXT)


def _split(name: str) -> tuple[str, str]:
    parts = name.split(":")
    if len(parts) == 3:  # noqa: PLR2004 -- SCHEME:NAME:PORT
        return parts[1], parts[2]
    return parts[0], parts[1] if len(parts) > 1 else ""


def _path(rest: str, request: Request) -> str:
    query = request.headers.get(":query", "")
    return rest + (f"?{query}" if query else "")


def _check_port(pod: Obj, port: str) -> None:
    boxes = pod["spec"]["containers"]
    open_ports = [one for box in boxes for one in box.get("ports", [])]
    listens = any(port in (str(one["containerPort"]), one.get("name", "")) for one in open_ports)
    if port and not listens:
        address = f"{pod.get('status', {}).get('podIP', '')}:{port}"
        raise _unreachable(f"error trying to reach service: dial tcp {address}: connect: connection refused")


def _unreachable(message: str) -> statuses.ApiError:
    return statuses.ApiError(503, "ServiceUnavailable", message)


def _container(pod: Obj, asked: str) -> str:
    names = [box["name"] for box in pod["spec"]["containers"]]
    name = pod["metadata"]["name"]
    if asked and asked not in names:
        raise statuses.bad_request(f"container {asked} is not valid for pod {name}")
    if not asked and len(names) > 1:
        words = f"a container name must be specified for pod {name}, choose one of: [{' '.join(names)}]"
        raise statuses.bad_request(words)
    return asked or str(names[0])
