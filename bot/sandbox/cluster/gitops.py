"""Emulates a GitOps controller: puts replicas and selectors back some time after a change."""

from dataclasses import dataclass, field

from bot.sandbox.cluster.faults import Fault, FaultBoard
from bot.sandbox.cluster.resources import DEPLOYMENTS, SERVICES, Resource
from bot.sandbox.cluster.statuses import Obj
from bot.sandbox.cluster.store import Store

TRACKING = "argocd.argoproj.io/tracking-id"
_FIELDS = ((DEPLOYMENTS, "replicas"), (SERVICES, "selector"))


@dataclass
class _Desired:
    """The state that git demands of a fault's objects, and since when each differs."""

    namespace: str
    values: dict[tuple[Resource, str], object] = field(default_factory=dict)
    drifted_at: dict[tuple[Resource, str], float] = field(default_factory=dict)


class GitOps:
    """Watches what each ``gitops`` fault tracks; git holds what was set when the fault was switched on."""

    def __init__(self, store: Store, faults: FaultBoard) -> None:
        self._store, self._faults = store, faults
        self._tracked: dict[str, _Desired] = {}

    def track(self, fault: Fault) -> None:
        """Take the present state as git's, and mark the objects as tracked."""
        desired = _Desired(fault.namespace)
        with self._store.lock:
            for resource, key in _FIELDS:
                for obj in self._concerned(fault, resource):
                    name = obj["metadata"]["name"]
                    insisted = fault.replicas if key == "replicas" and fault.replicas is not None else None
                    desired.values[(resource, name)] = obj["spec"].get(key) if insisted is None else insisted
                    self._mark(fault, resource, obj)
            self._tracked[fault.fault_id] = desired

    def _concerned(self, fault: Fault, resource: Resource) -> list[Obj]:
        found = self._store.list(resource, fault.namespace)
        return [obj for obj in found if fault.deployment in ("", obj["metadata"]["name"])]

    def _mark(self, fault: Fault, resource: Resource, obj: Obj) -> None:
        metadata = obj["metadata"]
        value = f"physioflow:{resource.group}/{resource.kind}:{metadata['namespace']}/{metadata['name']}"
        annotations = metadata.get("annotations", {}) | {TRACKING: value}
        self._store.put(resource, obj | {"metadata": metadata | {"annotations": annotations}}, fault.manager)

    def _unmark(self, desired: _Desired) -> None:
        for resource, name in desired.values:
            obj = self._store.find(resource, desired.namespace, name)
            if obj:
                metadata = obj["metadata"]
                left = {key: value for key, value in metadata.get("annotations", {}).items() if key != TRACKING}
                self._store.put(resource, obj | {"metadata": metadata | {"annotations": left}}, "sandbox")

    def advance(self, now: float) -> float | None:
        """Put back what has differed for long enough; the answer is when to come back."""
        due: list[float] = []
        active = {fault.fault_id: fault for fault in self._faults.active("gitops")}
        for key in self._tracked.keys() - active.keys():
            self._unmark(self._tracked.pop(key))
        for key, desired in self._tracked.items():
            fault = active[key]
            for (resource, name), value in desired.values.items():
                at = self._watch_one(fault, desired, resource, name, value, now)
                due += [at] if at else []
        return min(due, default=None)

    def _watch_one(
        self, fault: Fault, desired: _Desired, resource: Resource, name: str, value: object, now: float
    ) -> float | None:
        place = "replicas" if resource is DEPLOYMENTS else "selector"
        obj = self._store.find(resource, fault.namespace, name)
        if obj is None or obj["spec"].get(place) == value:
            desired.drifted_at.pop((resource, name), None)
            return None
        at = desired.drifted_at.setdefault((resource, name), now) + fault.delay_ms / 1000
        if now < at:
            return at
        self._store.put(resource, obj | {"spec": obj["spec"] | {place: value}}, fault.manager)
        return None
