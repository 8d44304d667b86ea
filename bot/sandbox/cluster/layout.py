"""Builds PhysioFlow's cluster: three environments, each with api, web, Services, PostgreSQL, and a history."""

from collections.abc import Iterable, Mapping

from bot.sandbox.cluster import defaults
from bot.sandbox.cluster.emulator import ClusterEmulator
from bot.sandbox.cluster.resources import CATALOGUE, DEPLOYMENTS, NAMESPACES, PODS, SERVICES, Resource
from bot.sandbox.cluster.statuses import Obj

REGISTRY = "registry.physioflow.example"
VERSIONS = ("v1.0.9", "v1.1.4", "v1.2.3", "v1.3.0")
PORTS = {"api": 7011, "web": 3000}
REPLICAS: Mapping[str, Mapping[str, int]] = {
    "dev": {"api": 1, "web": 1},
    "staging": {"api": 2, "web": 1},
    "prod": {"api": 3, "web": 2},
}
DATABASE_POD = "physioflow-postgres-0"
_PREFIX = "physioflow-"
_MANAGER = "kubectl-client-side-apply"
_DATABASE_LOG = [
    "LOG:  starting PostgreSQL on x86_64-pc-linux-musl, 64-bit",
    'LOG:  listening on IPv4 address "0.0.0.0", port 5432',
    'LOG:  listening on Unix socket "/var/run/postgresql/.s.PGSQL.5432"',
    "LOG:  database system was shut down cleanly",
    "LOG:  database system is ready to accept connections",
    "LOG:  checkpoint starting: time",
    "LOG:  checkpoint complete: wrote 412 buffers (2.5%); 0 WAL file(s) added, 0 removed, 1 recycled",
]


def image_name(component: str, version: str) -> str:
    """Name the image of ``api`` or ``web`` at a version."""
    return f"{REGISTRY}/physioflow-{component}:{version}"


def lay_out(emulator: ClusterEmulator, environments: Iterable[str] = tuple(REPLICAS)) -> None:
    """Create those environments in a started emulator: revisions 1–4, the newest version serving.

    What an environment's namespace held before is removed first, so this is also how one is put back.

    Raises:
        TimeoutError: the pods were not ready in time.
    """
    names = [namespace_name(environment) for environment in environments]
    for namespace in names:
        with emulator.store.lock:  # nobody sees a half-built environment
            _clear(emulator, namespace)
            for component, replicas in REPLICAS[namespace.removeprefix(_PREFIX)].items():
                _build_service(emulator, namespace, component)
                _build_deployment(emulator, namespace, component, replicas)
            _create(emulator, PODS, _database_pod(namespace))
    for namespace in names:
        emulator.wait_settled(namespace, timeout_s=20)
        emulator.write_log(namespace, DATABASE_POD, _DATABASE_LOG)


def namespace_name(environment: str) -> str:
    """Name an environment's namespace."""
    return f"{_PREFIX}{environment}"


def _clear(emulator: ClusterEmulator, namespace: str) -> None:
    if emulator.store.find(NAMESPACES, "", namespace) is None:
        emulator.add_namespace(namespace)
    for resource in CATALOGUE:
        for obj in emulator.store.list(resource, namespace) if resource.namespaced else []:
            emulator.store.remove(resource, namespace, obj["metadata"]["name"])


def _build_deployment(emulator: ClusterEmulator, namespace: str, component: str, replicas: int) -> None:
    """Roll out every version at zero replicas, where a rollout takes no time, then scale up."""
    store = emulator.store
    with store.lock:
        deployment = _create(emulator, DEPLOYMENTS, _deployment(namespace, component, VERSIONS[0]))
        emulator.controller.reconcile_workloads()
        name = deployment["metadata"]["name"]
        for version in VERSIONS[1:]:
            current = store.get(DEPLOYMENTS, namespace, name)
            template = _deployment(namespace, component, version)["spec"]["template"]
            fresh = current | {"spec": current["spec"] | {"template": template}}
            defaults.fill_in("Deployment", fresh)
            store.put(DEPLOYMENTS, fresh, _MANAGER)
            emulator.controller.reconcile_workloads()
        current = store.get(DEPLOYMENTS, namespace, name)
        store.put(DEPLOYMENTS, current | {"spec": current["spec"] | {"replicas": replicas}}, _MANAGER)


def _build_service(emulator: ClusterEmulator, namespace: str, component: str) -> None:
    port = {"name": "http", "port": PORTS[component], "targetPort": PORTS[component]}
    service = {
        "metadata": {"name": f"physioflow-{component}", "namespace": namespace, "labels": _labels(component)},
        "spec": {"selector": _labels(component), "ports": [port]},
    }
    _create(emulator, SERVICES, service)


def _create(emulator: ClusterEmulator, resource: Resource, obj: Obj) -> Obj:
    defaults.fill_in(resource.kind, obj)
    return emulator.store.create(resource, obj, _MANAGER)


def _labels(component: str) -> dict[str, str]:
    return {"app": "physioflow", "component": component}


def _deployment(namespace: str, component: str, version: str) -> Obj:
    port = PORTS[component]
    container = {
        "name": component,
        "image": image_name(component, version),
        "ports": [{"name": "http", "containerPort": port}],
        "readinessProbe": {"httpGet": {"path": "/health", "port": port}, "periodSeconds": 5},
        "env": [{"name": "PORT", "value": str(port)}],
    }
    template = {
        "metadata": {"labels": _labels(component) | {"version": version}},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 30},
    }
    return {
        "metadata": {"name": f"physioflow-{component}", "namespace": namespace, "labels": _labels(component)},
        "spec": {"replicas": 0, "selector": {"matchLabels": _labels(component)}, "template": template},
    }


def _database_pod(namespace: str) -> Obj:
    container = {
        "name": "postgres",
        "image": f"{REGISTRY}/postgres:18",
        "ports": [{"name": "postgres", "containerPort": 5432}],
    }
    metadata = {"name": DATABASE_POD, "namespace": namespace, "labels": _labels("postgres")}
    return {"metadata": metadata, "spec": {"containers": [container]}}
