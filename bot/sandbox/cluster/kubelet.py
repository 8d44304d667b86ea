"""Runs pods: containers start after a while, get ready or fail, and take a while to stop."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from bot.sandbox.cluster import owners, statuses
from bot.sandbox.cluster.faults import FaultBoard
from bot.sandbox.cluster.ports import PodInfo
from bot.sandbox.cluster.resources import PODS
from bot.sandbox.cluster.statuses import Obj
from bot.sandbox.cluster.store import Store, stamp_now


@dataclass(frozen=True)
class Containers:
    """State of all containers of a pod: waiting for `reason`, or running when it is empty."""

    reason: str
    message: str = ""
    crashed: bool = False
    phase: str = "Pending"
    ready: bool = False


_NODE = "sandbox-node-1"


@dataclass(frozen=True)
class Delays:
    """Durations in seconds; (shortest, longest) where they vary."""

    start_s: tuple[float, float] = (0.15, 0.4)
    terminate_s: tuple[float, float] = (0.1, 0.3)
    crash_s: float = 0.5
    reconcile_s: float = 0.02
    probe_s: float = 0.3


@dataclass
class _Run:
    info: PodInfo
    start_at: float
    ip: str
    state: str = "starting"  # running, crashing, pulling, stopping, stopped
    next_at: float = 0.0
    restarts: int = 0
    ready_since: float | None = None
    healthy: bool = True
    log: list[str] = field(default_factory=list)


class Kubelet:
    """One node. `advance` is called under the store's lock and returns calls to make to the app outside of it."""

    def __init__(self, store: Store, faults: FaultBoard, delays: Delays, seed: int = 0) -> None:
        self._store, self._faults, self._delays = store, faults, delays
        self._random = random.Random(seed)
        self._runs: dict[str, _Run] = {}
        self._addresses = 0
        self.started: Callable[[PodInfo], None] = lambda _info: None
        self.stopping: Callable[[PodInfo], None] = lambda _info: None
        self.probing: Callable[[Obj], bool] = lambda _pod: False

    def advance(self, now: float) -> tuple[list[Callable[[], None]], float | None]:
        """Move every pod on; the answer is the app calls that are due and when to come back."""
        calls: list[Callable[[], None]] = []
        pods = {pod["metadata"]["uid"]: pod for pod in self._store.list(PODS)}
        for uid in self._runs.keys() - pods.keys():
            calls += self._stop_app(self._runs.pop(uid))  # deleted by force
        for uid, pod in pods.items():
            run = self._runs[uid] = self._runs.get(uid) or self._admit(pod, now)
            calls += self._stop(run, now) if owners.is_terminating(pod) else self._run(run, pod, now)
        due = [run.next_at for run in self._runs.values() if run.next_at > now]
        return calls, min(due, default=None)

    def admit(self, pod: Obj) -> Obj:
        """Admit a new pod: with the fault ``image-rewrite``, a webhook has its images come from a mirror.

        Raises:
            ApiError: 403, the fault ``quota``.
        """
        namespace, deployment = pod["metadata"]["namespace"], owners.find_deployment(self._store, pod)
        boxes = pod["spec"]["containers"]
        if self._faults.concerns("quota", namespace, deployment, boxes[0]["image"]):
            raise statuses.over_quota(pod["metadata"]["name"])
        if not self._faults.concerns("image-rewrite", namespace, deployment, boxes[0]["image"]):
            return pod
        mirrored = [box | {"image": f"mirror.example/{box['image']}"} for box in boxes]
        return pod | {"spec": pod["spec"] | {"containers": mirrored}}

    def _admit(self, pod: Obj, now: float) -> _Run:
        self._addresses += 1
        metadata, spec = pod["metadata"], pod["spec"]
        info = PodInfo(
            metadata["namespace"],
            metadata["name"],
            metadata["uid"],
            owners.find_deployment(self._store, pod),
            spec["containers"][0]["image"],
            metadata.get("labels", {}),
        )
        start_at = now + self._random.uniform(*self._delays.start_s)
        ip = f"10.244.{self._addresses // 250}.{self._addresses % 250 + 2}"
        return _Run(info, start_at, ip, next_at=start_at)

    def _run(self, run: _Run, pod: Obj, now: float) -> list[Callable[[], None]]:
        if run.state == "starting" and now < run.start_at:
            self._show(run, pod, Containers("ContainerCreating"))
            return []
        if run.state != "running" and self._hit("image-pull", run):
            return self._fail_pull(run, pod, now)
        if self._hit("crash-loop", run):
            return self._crash(run, pod, now)
        return self._serve(run, pod, now)

    def _fail_pull(self, run: _Run, pod: Obj, now: float) -> list[Callable[[], None]]:
        if run.state != "pulling":
            run.state, run.next_at = "pulling", now + self._delays.crash_s
            owners.record_event(self._store, PODS, pod, "Failed", "Error: ErrImagePull", "Warning")
        reason = "ErrImagePull" if now < run.next_at else "ImagePullBackOff"
        self._show(run, pod, Containers(reason, message=f'Back-off pulling image "{run.info.image}"'))
        return []

    def _crash(self, run: _Run, pod: Obj, now: float) -> list[Callable[[], None]]:
        calls = self._stop_app(run) if run.state == "running" else []
        if run.state != "crashing" or now >= run.next_at:
            first = run.state != "crashing"
            run.state, run.next_at, run.ready_since = "crashing", now + self._delays.crash_s, None
            run.restarts += 0 if first else 1
            run.log.append("fatal: the process exited with code 1")
            if first:
                words = "Back-off restarting failed container"
                owners.record_event(self._store, PODS, pod, "BackOff", words, "Warning")
        words = f"back-off restarting failed container of pod {run.info.name}"
        self._show(run, pod, Containers("CrashLoopBackOff", message=words, crashed=True, phase="Running"))
        return calls

    def _serve(self, run: _Run, pod: Obj, now: float) -> list[Callable[[], None]]:
        calls: list[Callable[[], None]] = []
        if run.state != "running":
            crashed, run.state, run.next_at = run.restarts, "running", 0.0
            run.healthy = not self.probing(pod)
            run.log.append(f"started {run.info.image}" + (f" (restart {crashed})" if crashed else ""))
            calls.append(lambda: self.started(run.info))
        never = run.ready_since is None and self._hit("pod-never-ready", run)
        ready = run.healthy and not never
        if not ready:
            run.ready_since = None
        elif run.ready_since is None:
            run.ready_since = now
        self._show(run, pod, Containers("", phase="Running", ready=ready, crashed=run.restarts > 0))
        return calls

    def _stop(self, run: _Run, now: float) -> list[Callable[[], None]]:
        if run.state == "stopped":
            del self._runs[run.info.uid]
            self._store.remove(PODS, run.info.namespace, run.info.name)
            return []
        if self._hit("pod-stuck-terminating", run):
            run.next_at = 0.0
            return []
        if not run.state.startswith("stopping"):
            began = run.state == "running"
            run.state = "stopping" if began else "stopping-unstarted"
            run.next_at = now + (self._random.uniform(*self._delays.terminate_s) if began else 0.0)
        elif run.next_at == 0.0:
            run.next_at = now + self._random.uniform(*self._delays.terminate_s)
        if now < run.next_at:
            return []
        calls = self._stop_app(run) if run.state == "stopping" else []
        run.state, run.next_at = "stopped", now + 0.001  # the pod goes once the app knows
        return calls

    def _stop_app(self, run: _Run) -> list[Callable[[], None]]:
        return [lambda: self.stopping(run.info)] if run.state in ("running", "stopping") else []

    def _hit(self, kind: str, run: _Run) -> bool:
        return self._faults.concerns(kind, run.info.namespace, run.info.deployment, run.info.image)

    def _show(self, run: _Run, pod: Obj, containers: Containers) -> None:
        address = run.ip if containers.phase == "Running" else ""
        status = _status(pod, containers, run.restarts, address)
        changed = pod | {"status": status, "spec": pod["spec"] | {"nodeName": _NODE}}
        self._store.put(PODS, changed, "kubelet", "status")

    def is_available(self, pod: Obj, min_ready_s: float) -> bool:
        """Tell whether a pod has been ready for that long."""
        run = self._runs.get(pod["metadata"]["uid"])
        ready = owners.is_ready(pod) and run is not None and run.ready_since is not None
        return ready and run is not None and time.monotonic() >= (run.ready_since or 0) + min_ready_s

    def set_health(self, uid: str, *, healthy: bool) -> None:
        """Take a readiness probe's result."""
        with self._store.lock:
            run = self._runs.get(uid)
            if run and run.healthy != healthy:
                run.healthy = healthy
                self._store.poke()

    def running(self) -> list[PodInfo]:
        """List the pods whose process runs, also those that are stopping."""
        with self._store.lock:
            return [run.info for run in self._runs.values() if run.state in ("running", "stopping")]

    def info(self, uid: str) -> PodInfo | None:
        """The pod, if its process runs."""
        return next((info for info in self.running() if info.uid == uid), None)

    def log(self, uid: str) -> list[str]:
        """The lines it wrote."""
        with self._store.lock:
            return list(self._runs[uid].log) if uid in self._runs else []

    def write_log(self, uid: str, lines: list[str]) -> None:
        """Add lines to its log."""
        with self._store.lock:
            if uid in self._runs:
                self._runs[uid].log += lines


def _status(pod: Obj, containers: Containers, restarts: int, address: str) -> Obj:
    """Write the status; times of what did not change are kept."""
    old: Obj = pod.get("status", {})
    status: Obj = {"phase": containers.phase, "hostIP": "10.0.0.10", "qosClass": "BestEffort"}
    status["startTime"] = old.get("startTime", stamp_now())
    if address:
        status |= {"podIP": address, "podIPs": [{"ip": address}]}
    status["conditions"] = _conditions(old.get("conditions", []), ready=containers.ready)
    before = {entry["name"]: entry for entry in old.get("containerStatuses", [])}
    status["containerStatuses"] = [
        _container(box, containers, restarts, before.get(box["name"], {})) for box in pod["spec"]["containers"]
    ]
    return status


def _conditions(old: list[Obj], *, ready: bool) -> list[Obj]:
    values = {"PodScheduled": True, "Initialized": True, "ContainersReady": ready, "Ready": ready}
    before = {entry["type"]: entry for entry in old}
    result = []
    for name, value in values.items():
        word = str(value)
        same = before.get(name, {}).get("status") == word
        at = before[name]["lastTransitionTime"] if same else stamp_now()
        entry = {"type": name, "status": word, "lastTransitionTime": at}
        if not value:
            entry |= {"reason": "ContainersNotReady", "message": "containers with unready status"}
        result.append(entry)
    return result


def _container(box: Obj, containers: Containers, restarts: int, old: Obj) -> Obj:
    entry: Obj = {"name": box["name"], "image": box["image"], "imageID": f"sandbox://{box['image']}"}
    entry |= {"ready": containers.ready, "restartCount": restarts, "started": not containers.reason}
    if containers.reason:
        waiting = {"reason": containers.reason} | ({"message": containers.message} if containers.message else {})
        entry["state"] = {"waiting": waiting}
    else:
        since = old.get("state", {}).get("running", {}).get("startedAt", stamp_now())
        entry["state"] = {"running": {"startedAt": since}}
    if containers.crashed:
        entry["lastState"] = _crash(old, restarts)
    return entry


def _crash(old: Obj, restarts: int) -> Obj:
    last: Obj = old.get("lastState", {})
    if last and old.get("restartCount") == restarts:
        return last
    stamp = stamp_now()
    return {"terminated": {"exitCode": 1, "reason": "Error", "startedAt": stamp, "finishedAt": stamp}}
