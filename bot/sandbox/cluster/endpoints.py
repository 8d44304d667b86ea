"""Keeps each Service's Endpoints and EndpointSlice in step with its selector and the ready pods."""

from bot.sandbox.cluster import defaults, owners
from bot.sandbox.cluster.resources import ENDPOINT_SLICES, ENDPOINTS, PODS, SERVICES, Resource
from bot.sandbox.cluster.statuses import Obj
from bot.sandbox.cluster.store import Store

_MANAGER = "kube-controller-manager"


def selected_pods(store: Store, service: Obj) -> list[Obj]:
    """List the pods a Service selects and that have an address; none without a selector."""
    selector = service["spec"].get("selector")
    if not selector:
        return []
    pods = store.list(PODS, service["metadata"]["namespace"])
    chosen = [pod for pod in pods if selector.items() <= pod["metadata"].get("labels", {}).items()]
    return [pod for pod in chosen if pod.get("status", {}).get("podIP")]


def serving_pods(store: Store, service: Obj) -> list[Obj]:
    """List the pods that get the Service's traffic: selected, ready, not terminating."""
    return [pod for pod in selected_pods(store, service) if owners.is_ready(pod) and not owners.is_terminating(pod)]


def reconcile(store: Store) -> None:
    """Bring the endpoints of every Service up to date, and drop those of Services that are gone."""
    services = {(obj["metadata"]["namespace"], obj["metadata"]["name"]): obj for obj in store.list(SERVICES)}
    for service in services.values():
        if service["spec"].get("selector"):
            _write(store, service, selected_pods(store, service))
    for resource in (ENDPOINTS, ENDPOINT_SLICES):
        for obj in store.list(resource):
            owner = obj["metadata"].get("labels", {}).get("kubernetes.io/service-name")
            if owner and (obj["metadata"]["namespace"], owner) not in services:
                store.remove(resource, obj["metadata"]["namespace"], obj["metadata"]["name"])


def _write(store: Store, service: Obj, pods: list[Obj]) -> None:
    name, namespace = service["metadata"]["name"], service["metadata"]["namespace"]
    labels = {"kubernetes.io/service-name": name}
    base = {"namespace": namespace, "labels": labels}
    slice_name = f"{name}-{defaults.encode_word(service['metadata']['uid'], 5)}"
    entries = [_endpoint(pod) for pod in pods]
    piece = {"addressType": "IPv4", "endpoints": entries, "ports": [_port(port, "name") for port in _ports(service)]}
    _upsert(store, ENDPOINT_SLICES, {"metadata": {"name": slice_name, **base}, **piece})
    _upsert(store, ENDPOINTS, {"metadata": {"name": name, **base}, **_subsets(service, pods)})


def _ports(service: Obj) -> list[Obj]:
    ports: list[Obj] = service["spec"].get("ports", [])
    return ports


def _port(port: Obj, *keys: str) -> Obj:
    target = port.get("targetPort", port["port"])
    number = target if isinstance(target, int) else port["port"]
    return {"port": number, "protocol": port["protocol"], **{key: port[key] for key in keys if key in port}}


def _endpoint(pod: Obj) -> Obj:
    gone, ready = owners.is_terminating(pod), owners.is_ready(pod)
    conditions = {"ready": ready and not gone, "serving": ready, "terminating": gone}
    return {"addresses": [pod["status"]["podIP"]], "conditions": conditions, "targetRef": _target(pod)}


def _target(pod: Obj) -> Obj:
    metadata = pod["metadata"]
    return {"kind": "Pod", "name": metadata["name"], "namespace": metadata["namespace"], "uid": metadata["uid"]}


def _subsets(service: Obj, pods: list[Obj]) -> Obj:
    staying = [pod for pod in pods if not owners.is_terminating(pod)]
    groups = {"addresses": True, "notReadyAddresses": False}
    subset: Obj = {}
    for key, ready in groups.items():
        chosen = [pod for pod in staying if owners.is_ready(pod) is ready]
        if chosen:
            subset[key] = [{"ip": pod["status"]["podIP"], "targetRef": _target(pod)} for pod in chosen]
    return {"subsets": [subset | {"ports": [_port(port, "name") for port in _ports(service)]}]} if subset else {}


def _upsert(store: Store, resource: Resource, obj: Obj) -> None:
    metadata = obj["metadata"]
    old = store.find(resource, metadata["namespace"], metadata["name"])
    if old is None:
        store.create(resource, obj, _MANAGER)
        return
    kept = {key: old[key] for key in ("apiVersion", "kind")}
    store.put(resource, {**kept, **obj, "metadata": old["metadata"]}, _MANAGER)
