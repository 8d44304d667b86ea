"""Defines the faults that can be switched on while the cluster runs."""

import itertools
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

POD_KINDS = ("pod-never-ready", "pod-stuck-terminating", "crash-loop", "image-pull", "image-rewrite", "quota")
REQUEST_KINDS = ("conflict", "5xx", "delay", "connection-reset", "forbidden")
KINDS = (*POD_KINDS, *REQUEST_KINDS, "gitops")


@dataclass
class Fault:
    """One misbehaviour; what is left empty matches everything.

    Args:
        kind: one of `KINDS`.
        namespace, deployment, image: what it concerns; `image` is a part of the image's name.
        verb, resource, path: the requests it concerns: ``patch``, ``deployments`` (``deployments/scale`` for a
            subresource), a regular expression found in the path.
        status: code of a ``5xx``, 500–599, or 429.
        when: ``before`` or ``after`` the request took effect (``5xx``, ``connection-reset``).
        delay_ms: of a ``delay``; how long a ``gitops`` controller takes to notice.
        times: how many requests it hits; None: until cleared.
        replicas: what ``gitops`` insists on; None: what is set now.
        manager: the name the ``gitops`` controller writes under.
    """

    kind: str
    namespace: str = ""
    deployment: str = ""
    image: str = ""
    verb: str = ""
    resource: str = ""
    path: str = ""
    status: int = 500
    when: str = "before"
    delay_ms: int = 200
    times: int | None = None
    replicas: int | None = None
    manager: str = "argocd-controller"
    fault_id: str = ""

    @classmethod
    def parse(cls, spec: Mapping[str, Any]) -> "Fault":
        """Read a fault from JSON; `target` is ignored.

        Raises:
            ValueError: an unknown kind or key, or a value out of range.
        """
        given = {key: value for key, value in spec.items() if key != "target"}
        known = {field.name for field in fields(cls)} - {"fault_id"}
        if given.get("kind") not in KINDS:
            raise ValueError(f"unknown cluster fault {given.get('kind')!r}; known: {', '.join(KINDS)}")
        if unknown := given.keys() - known:
            raise ValueError(f"unknown keys {sorted(unknown)}; known: {', '.join(sorted(known))}")
        fault = cls(**given)
        fault.check()
        return fault

    def check(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: a value out of range.
        """
        if self.when not in ("before", "after"):
            raise ValueError(f"when is 'before' or 'after', not {self.when!r}")
        if self.kind == "5xx" and self.status not in (429, *range(500, 600)):
            raise ValueError(f"status of a 5xx fault is 429 or 500-599, not {self.status!r}")
        if self.kind == "gitops" and not self.namespace:
            raise ValueError("a gitops fault needs a namespace")
        re.compile(self.path)

    def hits(self, asked: "Asked") -> bool:
        """Tell whether a request is concerned."""
        return (
            self.verb in ("", "*", asked.verb)
            and self.resource in ("", "*", asked.resource)
            and self.namespace in ("", asked.namespace)
            and self.deployment in ("", asked.name)
            and re.search(self.path, asked.path) is not None
        )


@dataclass(frozen=True)
class Asked:
    """The parts of a request a fault can match. `resource` carries its subresource: ``deployments/scale``."""

    verb: str
    resource: str
    namespace: str
    name: str
    path: str


class FaultBoard:
    """The faults that are on; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: dict[str, Fault] = {}
        self._numbers = itertools.count(1)

    def add(self, fault: Fault) -> str:
        """Switch a fault on; the answer is its id."""
        with self._lock:
            fault.fault_id = f"fault-{next(self._numbers)}"
            self._faults[fault.fault_id] = fault
            return fault.fault_id

    def clear(self, fault_id: str = "", kind: str = "") -> int:
        """Switch faults off, all of them or one or one kind; the answer is how many were on."""
        with self._lock:
            gone = [key for key, fault in self._faults.items() if fault_id in ("", key) and kind in ("", fault.kind)]
            for key in gone:
                del self._faults[key]
            return len(gone)

    def active(self, kind: str = "") -> list[Fault]:
        """List what is on, oldest first."""
        with self._lock:
            return [fault for fault in self._faults.values() if kind in ("", fault.kind)]

    def concerns(self, kind: str, namespace: str, deployment: str, image: str) -> bool:
        """Tell whether a pod of that deployment and image is hit."""
        return any(
            fault.namespace in ("", namespace) and fault.deployment in ("", deployment) and fault.image in image
            for fault in self.active(kind)
        )

    def take(self, kind: str, asked: Asked, when: str = "") -> Fault | None:
        """Find the fault that hits this request and use it up by one."""
        with self._lock:
            for fault in self._faults.values():
                if fault.kind == kind and when in ("", fault.when) and fault.times != 0 and fault.hits(asked):
                    fault.times = None if fault.times is None else fault.times - 1
                    return fault
        return None
