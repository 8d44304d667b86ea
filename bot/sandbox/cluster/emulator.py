"""Starts the cluster emulator, switches faults on, and describes its state as JSON for the control API."""

import itertools
import secrets
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from bot.sandbox.cluster import endpoints, owners
from bot.sandbox.cluster.access import Access
from bot.sandbox.cluster.api import Api
from bot.sandbox.cluster.controller import Controller
from bot.sandbox.cluster.faults import Fault, FaultBoard
from bot.sandbox.cluster.gitops import GitOps
from bot.sandbox.cluster.kubelet import Delays, Kubelet
from bot.sandbox.cluster.ports import Answer, AppBehaviour, StaticApp
from bot.sandbox.cluster.probes import Prober
from bot.sandbox.cluster.proxy import Proxy
from bot.sandbox.cluster.rbac import Rule
from bot.sandbox.cluster.resources import DEPLOYMENTS, NAMESPACES, PODS, REPLICA_SETS, SERVICES
from bot.sandbox.cluster.server import HttpServer
from bot.sandbox.cluster.statuses import Obj
from bot.sandbox.cluster.store import Store

_POLL_S = 0.02


class ClusterEmulator:
    """A Kubernetes API server with its controllers and one node, on loopback.

    Args:
        app: the program in the pods.
        namespaces: the namespaces to begin with.
        port: 0 for a free one.
        token: the bearer token asked for; made up when empty.
        delays: how long pods take.
        probe_readiness: whether a pod's HTTP readiness probe decides when it is ready.
        seed: of the dice for names and delays.
    """

    def __init__(
        self,
        app: AppBehaviour | None = None,
        *,
        namespaces: tuple[str, ...] = ("default",),
        port: int = 0,
        token: str = "",
        delays: Delays | None = None,
        probe_readiness: bool = False,
        seed: int = 0,
    ) -> None:
        delays = delays or Delays()
        self.token = token or secrets.token_urlsafe(24)
        self.store, self._app, self._port = Store(), app or StaticApp(), port
        self._board = FaultBoard()
        self.kubelet = Kubelet(self.store, self._board, delays, seed)
        self.kubelet.started = lambda pod: self._app.pod_started(pod.namespace, pod)
        self.kubelet.stopping = lambda pod: self._app.pod_stopping(pod.namespace, pod)
        self._proxy = Proxy(self.store, self.kubelet, self._app, itertools.count())
        self._gitops = GitOps(self.store, self._board)
        self.controller = Controller(self.store, self.kubelet, self._gitops, delays, seed)
        self._prober = Prober(self.store, self.kubelet, self._proxy, delays.probe_s) if probe_readiness else None
        self._access = Access(self.token, self._board)
        self._api = Api(self.store, self._access, self._board, self._proxy)
        self._server: HttpServer | None = None
        for namespace in namespaces:
            self.add_namespace(namespace)

    def limit(self, rules: Sequence[Rule]) -> None:
        """Let the token's account do no more than that; without, it may do everything."""
        self._access.rules = rules

    def add_namespace(self, name: str) -> None:
        """Create a namespace."""
        labels = {"kubernetes.io/metadata.name": name}
        obj = {"metadata": {"name": name, "labels": labels}, "status": {"phase": "Active"}}
        self.store.create(NAMESPACES, obj, "sandbox")

    def start(self) -> Self:
        """Listen, and let the controllers run.

        Raises:
            OSError: the port is taken.
        """
        self._server = HttpServer(self._port, self._api.handle)
        self._server.start()
        self.controller.start()
        if self._prober:
            self._prober.start()
        return self

    def stop(self) -> None:
        """End everything: no thread, socket or app session is left. A second call does nothing."""
        server, self._server = self._server, None
        if server is None:
            return
        self.store.close()
        server.stop()
        if self._prober:
            self._prober.stop()
        self.controller.stop()
        for pod in self.kubelet.running():
            self._app.pod_stopping(pod.namespace, pod)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Return the address it listens on.

        Raises:
            RuntimeError: it is not started.
        """
        if self._server is None:
            raise RuntimeError("the cluster emulator is not started")
        return self._server.url

    def fault(self, spec: Mapping[str, Any]) -> str:
        """Switch a misbehaviour on; see `Fault` for the keys. The answer is its id.

        Raises:
            ValueError: it makes no sense.
        """
        fault = Fault.parse(spec)
        fault_id = self._board.add(fault)
        if fault.kind == "gitops":
            self._gitops.track(fault)
        self.store.poke()
        return fault_id

    def clear_faults(self, fault_id: str = "", kind: str = "") -> int:
        """Switch misbehaviours off: all, one, or one kind. The answer is how many were on."""
        cleared = self._board.clear(fault_id, kind)
        self.store.poke()
        return cleared

    def faults(self) -> list[Fault]:
        """List what is switched on."""
        return self._board.active()

    def through_service(
        self, namespace: str, service: str, method: str = "GET", path: str = "/", body: bytes = b""
    ) -> Answer:
        """Do what a user's browser does: status, headers and body from any ready pod, 503 when there is none."""
        return self._proxy.through_service(namespace, service, method, path, body)

    def state(self) -> Obj:
        """Describe namespaces with their deployments, services and pods, for the control API."""
        with self.store.lock:
            return _overview(self.store)

    def write_log(self, namespace: str, pod: str, lines: list[str]) -> None:
        """Add lines to a pod's log.

        Raises:
            ApiError: no such pod.
        """
        self.kubelet.write_log(self.store.get(PODS, namespace, pod)["metadata"]["uid"], lines)

    def wait_settled(self, namespace: str = "", timeout_s: float = 10) -> None:
        """Wait until every Deployment runs what it asks for and no pod is starting or leaving.

        Raises:
            TimeoutError: not within `timeout_s`.
        """
        until = time.monotonic() + timeout_s
        while not self._is_settled(namespace):
            if time.monotonic() > until:
                raise TimeoutError(f"cluster not settled after {timeout_s} s")
            time.sleep(_POLL_S)

    def _is_settled(self, namespace: str) -> bool:
        with self.store.lock:
            pods = self.store.list(PODS, namespace)
            ready = all(owners.is_ready(pod) and not owners.is_terminating(pod) for pod in pods)
            return ready and all(_is_rolled_out(one) for one in self.store.list(DEPLOYMENTS, namespace))


def _is_rolled_out(deployment: Obj) -> bool:
    status, wanted = deployment.get("status", {}), deployment["spec"]["replicas"]
    counts = [status.get(key, 0) for key in ("replicas", "updatedReplicas", "availableReplicas")]
    seen = status.get("observedGeneration", 0) >= deployment["metadata"]["generation"]
    return seen and counts == [wanted] * 3


def _overview(store: Store) -> Obj:
    """Write `{"namespaces": {name: {"deployments": …, "services": …, "pods": …}}}`."""
    names = [obj["metadata"]["name"] for obj in store.list(NAMESPACES)]
    return {"namespaces": {name: _namespace(store, name) for name in names}}


def _namespace(store: Store, name: str) -> Obj:
    return {
        "deployments": {obj["metadata"]["name"]: _deployment(store, obj) for obj in store.list(DEPLOYMENTS, name)},
        "services": {obj["metadata"]["name"]: _service(store, obj) for obj in store.list(SERVICES, name)},
        "pods": {obj["metadata"]["name"]: _pod(store, obj) for obj in store.list(PODS, name)},
    }


def _deployment(store: Store, obj: Obj) -> Obj:
    metadata, status = obj["metadata"], obj.get("status", {})
    sets = owners.owned_by(store, REPLICA_SETS, obj)
    history = {one["metadata"]["annotations"]["deployment.kubernetes.io/revision"]: _images(one)[0] for one in sets}
    return {
        "uid": metadata["uid"],
        "replicas": obj["spec"]["replicas"],
        "ready": status.get("readyReplicas", 0),
        "available": status.get("availableReplicas", 0),
        "images": _images(obj),
        "labels": metadata.get("labels", {}),
        "annotations": metadata.get("annotations", {}),
        "revisions": dict(sorted(history.items(), key=lambda item: int(item[0]))),
    }


def _images(obj: Obj) -> list[str]:
    return [box["image"] for box in obj["spec"]["template"]["spec"]["containers"]]


def _service(store: Store, obj: Obj) -> Obj:
    return {
        "uid": obj["metadata"]["uid"],
        "selector": obj["spec"].get("selector", {}),
        "annotations": obj["metadata"].get("annotations", {}),
        "endpoints": [pod["metadata"]["name"] for pod in endpoints.serving_pods(store, obj)],
    }


def _pod(store: Store, obj: Obj) -> Obj:
    status = obj.get("status", {})
    boxes = status.get("containerStatuses", [])
    waiting = [box["state"]["waiting"]["reason"] for box in boxes if "waiting" in box["state"]]
    return {
        "deployment": owners.find_deployment(store, obj),
        "phase": status.get("phase", ""),
        "ready": owners.is_ready(obj),
        "terminating": owners.is_terminating(obj),
        "restarts": sum(box["restartCount"] for box in boxes),
        "problem": waiting[0] if waiting else "",
        "images": [box["image"] for box in obj["spec"]["containers"]],
        "labels": obj["metadata"].get("labels", {}),
    }
