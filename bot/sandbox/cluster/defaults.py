"""Fills in the API server's defaults."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

from bot.sandbox.cluster.statuses import Obj

_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"  # no vowels, no look-alikes


def encode_word(seed: str, length: int) -> str:
    """Derive a name part from `seed`, in the letters Kubernetes uses for them."""
    digest = hashlib.sha256(seed.encode()).digest()
    return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest[:length])


def hash_template(template: Obj) -> str:
    """Hash a pod template, its own hash label left out."""
    labels = template.get("metadata", {}).get("labels", {})
    kept = {key: value for key, value in labels.items() if key != "pod-template-hash"}
    bare = template | {"metadata": template.get("metadata", {}) | {"labels": kept}}
    return encode_word(json.dumps(bare, sort_keys=True), 10)


def fill_in(kind: str, obj: Obj) -> None:
    """Set the defaults of a Deployment, ReplicaSet, Pod or Service in place; other kinds have none here."""
    fill = _FILLERS.get(kind)
    if fill:
        fill(obj)


def _fill_deployment(obj: Obj) -> None:
    spec = obj["spec"]
    _set(spec, replicas=1, revisionHistoryLimit=10, progressDeadlineSeconds=600)
    strategy = spec.setdefault("strategy", {})
    _set(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        _set(strategy.setdefault("rollingUpdate", {}), maxSurge="25%", maxUnavailable="25%")
    _fill_pod_spec(spec["template"].setdefault("spec", {}))
    _set(obj, status={})  # a struct in Go, hence never omitted


def _fill_replica_set(obj: Obj) -> None:
    _set(obj["spec"], replicas=1)
    _fill_pod_spec(obj["spec"].setdefault("template", {}).setdefault("spec", {}))
    _set(obj, status={"replicas": 0})


def _fill_pod(obj: Obj) -> None:
    _fill_pod_spec(obj["spec"])
    obj.setdefault("status", {}).setdefault("phase", "Pending")


def _fill_pod_spec(spec: Obj) -> None:
    _set(spec, restartPolicy="Always", terminationGracePeriodSeconds=30, dnsPolicy="ClusterFirst")
    _set(spec, schedulerName="default-scheduler", securityContext={})
    for container in spec.get("containers", []):
        image = container.get("image", "")
        tagged = ":" in image.rsplit("/", 1)[-1] and not image.endswith(":latest")
        _set(container, imagePullPolicy="IfNotPresent" if tagged else "Always", resources={})
        _set(container, terminationMessagePath="/dev/termination-log", terminationMessagePolicy="File")
        for port in container.get("ports", []):
            _set(port, protocol="TCP")
        if probe := container.get("readinessProbe"):
            _set(probe, timeoutSeconds=1, periodSeconds=10, successThreshold=1, failureThreshold=3)


def _fill_service(obj: Obj) -> None:
    spec = obj["spec"]
    _set(spec, type="ClusterIP", sessionAffinity="None", internalTrafficPolicy="Cluster")
    _set(spec, ipFamilies=["IPv4"], ipFamilyPolicy="SingleStack")
    if "clusterIP" not in spec:
        seed = f"{obj['metadata'].get('namespace')}/{obj['metadata']['name']}".encode()
        low = hashlib.sha256(seed).digest()
        spec["clusterIP"] = f"10.96.{low[0]}.{low[1] or 1}"
    _set(spec, clusterIPs=[spec["clusterIP"]])
    for port in spec.get("ports", []):
        _set(port, protocol="TCP", targetPort=port.get("port"))
    _set(obj, status={"loadBalancer": {}})


def _fill_namespace(obj: Obj) -> None:
    obj["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = obj["metadata"]["name"]
    _set(obj, spec={"finalizers": ["kubernetes"]}, status={"phase": "Active"})


def _set(target: Obj, **values: Any) -> None:
    for key, value in values.items():
        target.setdefault(key, value)


_FILLERS: dict[str, Callable[[Obj], None]] = {
    "Deployment": _fill_deployment,
    "ReplicaSet": _fill_replica_set,
    "Pod": _fill_pod,
    "Service": _fill_service,
    "Namespace": _fill_namespace,
}
