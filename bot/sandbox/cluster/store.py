"""Stores objects, their resource versions, and the history that a watch replays."""

import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.sandbox.cluster import ownership, schema, statuses
from bot.sandbox.cluster.resources import CATALOGUE, Resource
from bot.sandbox.cluster.statuses import Obj

_HISTORY = 2_000  # events; the real server keeps minutes' worth
_SERVER_SET = ("uid", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds")


def stamp_now(offset_s: int = 0) -> str:
    """The wall clock, `offset_s` ahead, as the API writes it: in whole seconds."""
    at = time.gmtime(time.time_ns() // 1_000_000_000 + offset_s)
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", at)


@dataclass(frozen=True)
class Change:
    """One write: `kind` is ADDED, MODIFIED or DELETED; `before` is None for ADDED."""

    version: int
    kind: str
    resource: Resource
    obj: Obj
    before: Obj | None


class Store:
    """Objects by kind, namespace and name. What it hands out is shared: never change it, `put` a new one.

    All methods take the lock; a caller that must read and write in one step holds `lock` itself.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.version = 1_000
        self.pokes = 0
        self.closed = False
        self._objects: dict[Resource, dict[tuple[str, str], Obj]] = {kind: {} for kind in CATALOGUE}
        self._history: deque[Change] = deque(maxlen=_HISTORY)
        self._forgotten = self.version - 1

    def find(self, resource: Resource, namespace: str, name: str) -> Obj | None:
        """Find one object."""
        with self.lock:
            return self._objects[resource].get((namespace, name))

    def get(self, resource: Resource, namespace: str, name: str) -> Obj:
        """Get one object.

        Raises:
            ApiError: 404.
        """
        found = self.find(resource, namespace, name)
        if found is None:
            raise statuses.not_found(resource.subject(name))
        return found

    def list(self, resource: Resource, namespace: str = "", keep: Callable[[Obj], bool] | None = None) -> list[Obj]:
        """List a kind, of one namespace or of all, in name order."""
        with self.lock:
            found = [obj for (space, _), obj in sorted(self._objects[resource].items()) if namespace in ("", space)]
        return [obj for obj in found if keep is None or keep(obj)]

    def create(self, resource: Resource, obj: Obj, manager: str) -> Obj:
        """Store a new object with uid, creation time, generation 1 where it counts.

        Raises:
            ApiError: 409, the name is taken.
        """
        with self.lock:
            key = _key(obj)
            if key in self._objects[resource]:
                raise statuses.already_exists(resource.subject(key[1]))
            metadata = {name: value for name, value in obj["metadata"].items() if name not in _SERVER_SET}
            metadata |= {"uid": str(uuid.uuid4()), "creationTimestamp": stamp_now()}
            if resource.counts_generation:
                metadata["generation"] = 1
            return self._write(resource, None, obj | {"metadata": metadata}, manager, "")

    def put(self, resource: Resource, obj: Obj, manager: str, subresource: str = "") -> Obj:
        """Store a changed object; an unchanged one keeps its version. A changed spec is a new generation.

        Raises:
            ApiError: 404, gone in the meantime.
        """
        with self.lock:
            key = _key(obj)
            old = self.get(resource, *key)
            if _bare(obj) == _bare(old):
                return old
            new = schema.decode(resource.model, obj)
            metadata = new["metadata"]
            if resource.counts_generation and new.get("spec") != old.get("spec"):
                metadata["generation"] = old["metadata"]["generation"] + 1
            if _bare(new) == _bare(old):
                return old
            return self._write(resource, old, new, manager, subresource)

    def remove(self, resource: Resource, namespace: str, name: str) -> Obj:
        """Remove an object permanently.

        Raises:
            ApiError: 404.
        """
        with self.lock:
            old = self.get(resource, namespace, name)
            del self._objects[resource][(namespace, name)]
            self.version += 1
            last = old | {"metadata": old["metadata"] | {"resourceVersion": str(self.version)}}
            self._remember(Change(self.version, "DELETED", resource, last, old))
            return old

    def _write(self, resource: Resource, old: Obj | None, new: Obj, manager: str, subresource: str) -> Obj:
        new = schema.decode(resource.model, new)
        new |= {"apiVersion": resource.api_version, "kind": resource.kind}
        self.version += 1
        fields = ownership.record_write(old, new, manager, stamp_now(), subresource)
        new["metadata"] |= {"resourceVersion": str(self.version), "managedFields": fields}
        self._objects[resource][_key(new)] = new
        self._remember(Change(self.version, "MODIFIED" if old else "ADDED", resource, new, old))
        return new

    def _remember(self, change: Change) -> None:
        if len(self._history) == _HISTORY:
            self._forgotten = self._history[0].version
        self._history.append(change)
        self.changed.notify_all()

    def changes_since(self, version: int) -> Sequence[Change]:
        """List every change after that version.

        Raises:
            ApiError: 410, too old to be remembered.
        """
        with self.lock:
            if version < self._forgotten:
                raise statuses.expired(f"too old resource version: {version} ({self._forgotten})")
            return [change for change in self._history if change.version > version]

    def compact(self) -> None:
        """Forget the history, as etcd does every five minutes: older watches get a 410."""
        with self.lock:
            self._history.clear()
            self._forgotten = self.version

    def poke(self) -> None:
        """Wake everyone who waits for a change, without one."""
        with self.lock:
            self.pokes += 1
            self.changed.notify_all()

    def close(self) -> None:
        """End every wait permanently."""
        with self.lock:
            self.closed = True
            self.changed.notify_all()


def _key(obj: Obj) -> tuple[str, str]:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def _bare(obj: Obj) -> Obj:
    metadata = {key: value for key, value in obj["metadata"].items() if key not in ("resourceVersion", "managedFields")}
    return obj | {"metadata": metadata}
