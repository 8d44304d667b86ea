"""Observes and changes one environment's workloads through the Kubernetes API."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.adapters.cluster.api import Api, Namespace, Obj, retry_on_conflict, write_selector
from bot.adapters.cluster.pod_proxy import ask_pod
from bot.adapters.cluster.workloads import (
    annotate,
    app_container,
    count_replicas,
    find_image,
    find_template,
    has_annotation,
    is_gone,
    read_annotation,
    read_before,
    read_deployment,
    read_pod,
    sort_history,
    template_images,
    without_hash,
)
from bot.domain.environments import HttpCheck, Workloads
from bot.domain.place import ClusterIdentity
from bot.domain.workloads import HOLD_LABEL, ClusterFacts, HttpAnswer, Pod, Service
from bot.errors import BotError, PermanentError

_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@dataclass(frozen=True)
class Permission:
    """A verb on a resource, e.g. ``patch`` on ``deployments`` / ``scale`` in group ``apps``."""

    verb: str
    resource: str
    group: str = ""
    sub: str = ""

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}" + (f"/{self.sub}" if self.sub else "")


NEEDED = (
    Permission("get", "deployments", "apps"),
    Permission("patch", "deployments", "apps"),
    Permission("patch", "deployments", "apps", "scale"),
    Permission("list", "replicasets", "apps"),
    Permission("list", "horizontalpodautoscalers", "autoscaling"),
    Permission("get", "services"),
    Permission("patch", "services"),
    Permission("list", "pods"),
    Permission("get", "pods", sub="proxy"),
)
LOGS = Permission("get", "pods", sub="log")


def list_missing(api: Api, workloads: Workloads) -> Sequence[str]:
    """Review each permission; one request per permission."""
    needed = (*NEEDED, LOGS) if workloads.database_pods else NEEDED
    return [str(item) for item in needed if not _is_allowed(api, item, workloads.namespace)]


def _is_allowed(api: Api, item: Permission, namespace: str) -> bool:
    attributes = {"namespace": namespace, "verb": item.verb, "group": item.group, "resource": item.resource}
    if item.sub:
        attributes["subresource"] = item.sub
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    answer = api.post(_REVIEWS, f"ask whether we may {item}", review)
    return bool((answer.get("status") or {}).get("allowed"))


if TYPE_CHECKING:
    from kubernetes.client import ApiClient

_LOG_LIMIT_BYTES = 64 * 1024  # a pod's part of an escalation
_SMOKE_THREADS = 8


class KubernetesCluster:
    """Implements `bot.ports.Cluster`. Thread-safe; keeps nothing between calls."""

    def __init__(self, client: "ApiClient", workloads: Workloads) -> None:
        self._api = Api(client)
        self._workloads = workloads
        self._namespace = Namespace(self._api, workloads.namespace)

    @property
    def address(self) -> str:
        """See `bot.ports.Cluster.address`."""
        return self._api.address

    def inspect(self) -> ClusterFacts:
        """See `bot.ports.Cluster.inspect`."""
        deployments = [self._namespace.deployment(name) for name in self._workloads.deployments]
        services = [self._namespace.service(name) for name in self._workloads.services]
        autoscalers = self._namespace.autoscalers() if deployments else []
        return ClusterFacts(
            tuple(read_deployment(item, self._replicasets(item), autoscalers) for item in deployments),
            tuple(_read_service(item) for item in services),
            # Last: an API server that has just started refuses everything for a moment, and then the first read fails.
            ClusterIdentity(self._workloads.namespace, self._namespace.uid(), self.address),
        )

    def missing_rights(self) -> Sequence[str]:
        """See `bot.ports.Cluster.missing_rights`."""
        return list_missing(self._api, self._workloads)

    def pods(self, deployment: str) -> Sequence[Pod]:
        """See `bot.ports.Cluster.pods`. Ended pods (evicted ones stay as objects) count as gone."""
        # Reading the Deployment also proves the namespace: a list in one that does not exist is just empty.
        owner = self._namespace.deployment(deployment)
        found = self._namespace.pods(write_selector(owner["spec"]["selector"]))
        images = template_images(self._replicasets(owner), deployment) if found else {}
        return [read_pod(pod, deployment, images) for pod in found if not is_gone(pod)]

    def hold_service(self, service: str, run_id: str) -> None:
        """See `bot.ports.Cluster.hold_service`. Raises ``held-by-another-run``, ``service-without-selector``."""

        def change() -> None:
            found = self._namespace.service(service)
            selector = _read_free_selector(found, run_id)
            recorded = read_annotation(found)
            is_recorded = (recorded or {}).get("run") == run_id
            if HOLD_LABEL in found["spec"]["selector"] and is_recorded:
                return
            # Decision 7: the label stops new traffic at once, and removing it is all it takes to undo that.
            # A label without our annotation, or the reverse, was left by a person or a GitOps controller.
            record = recorded if is_recorded else {"run": run_id, "selector": selector}
            patch = {"metadata": annotate(found, record), "spec": {"selector": {HOLD_LABEL: run_id}}}
            self._namespace.patch_service(service, patch)

        retry_on_conflict(change)

    def release_service(self, service: str, selector: Mapping[str, str]) -> None:
        """See `bot.ports.Cluster.release_service`."""

        def change() -> None:
            found = self._namespace.service(service)
            now = found["spec"].get("selector") or {}
            if now == dict(selector) and not has_annotation(found):
                return
            # A merge patch removes a key by null; leaving it out keeps it.
            wanted: dict[str, str | None] = {key: None for key in now if key not in selector}
            patch = {"metadata": annotate(found, None), "spec": {"selector": wanted | dict(selector)}}
            self._namespace.patch_service(service, patch)

        retry_on_conflict(change)

    def scale(self, deployment: str, replicas: int, run_id: str) -> None:
        """See `bot.ports.Cluster.scale`."""

        def change() -> None:
            found = self._namespace.deployment(deployment)
            if not has_annotation(found) or _is_outdated(found, run_id):
                # Annotate first, then scale: a crash in between loses nothing.
                image = find_image(found["spec"]["template"], deployment)
                record = {"run": run_id, "replicas": count_replicas(found), "image": image}
                self._namespace.patch_deployment(deployment, {"metadata": annotate(found, record)})
            if count_replicas(found) != replicas:
                self._namespace.scale_deployment(deployment, replicas)

        retry_on_conflict(change)

    def set_image(self, deployment: str, image: str, revision: int) -> None:
        """See `bot.ports.Cluster.set_image`."""

        def change() -> None:
            found = self._namespace.deployment(deployment)
            template = find_template(sort_history(found, self._replicasets(found)), deployment, image, revision)
            if template is None:
                raise PermanentError(
                    "revision-not-found",
                    f"The rollout history of {deployment} holds no revision with image {image}.",
                    "Deploy that version by hand, or choose another with --app.",
                )
            if template != without_hash(found["spec"]["template"]):
                self._namespace.patch_deployment(deployment, _replace_template(found, template))

        retry_on_conflict(change)

    def clear_annotation(self, deployment: str) -> None:
        """See `bot.ports.Cluster.clear_annotation`."""

        def change() -> None:
            found = self._namespace.deployment(deployment)
            if has_annotation(found):
                self._namespace.patch_deployment(deployment, {"metadata": annotate(found, None)})

        retry_on_conflict(change)

    def get_http(self, check: HttpCheck) -> Sequence[HttpAnswer]:
        """See `bot.ports.Cluster.get_http`. Asks the pods in parallel, terminating ones left out."""
        ready = [pod.name for pod in self.pods(check.deployment) if pod.ready and not pod.terminating]
        with ThreadPoolExecutor(_SMOKE_THREADS, thread_name_prefix="smoke") as threads:
            return list(threads.map(lambda pod: ask_pod(self._namespace, pod, check), ready))

    def database_logs(self, tail_lines: int) -> Mapping[str, str]:
        """See `bot.ports.Cluster.database_logs`. A log that cannot be read is replaced by the reason."""
        if not self._workloads.database_pods:
            return {}
        self._namespace.deployment(self._workloads.version_deployment)  # proves the namespace, see `pods`
        found = self._namespace.pods(self._workloads.database_pods)
        return {pod["metadata"]["name"]: self._log(pod, tail_lines) for pod in found}

    def _log(self, pod: Obj, tail_lines: int) -> str:
        metadata = pod["metadata"]
        container = app_container(pod["spec"], metadata.get("annotations") or {}).get("name", "")
        try:
            return self._namespace.log(metadata["name"], container, tail_lines, _LOG_LIMIT_BYTES)
        except BotError as error:  # one pod's trouble must not hide another's log
            return f"(no log: {error.message})"

    def _replicasets(self, deployment: Obj) -> list[Obj]:
        return self._namespace.replicasets(write_selector(deployment["spec"]["selector"]))


def _read_free_selector(service: Obj, run_id: str) -> dict[str, str]:
    """Read a Service's selector without the hold label; refuse one that another run holds or that selects nothing."""
    name, selector = service["metadata"]["name"], dict(service["spec"].get("selector") or {})
    holder = selector.pop(HOLD_LABEL, None)
    if holder not in {None, run_id}:
        raise PermanentError(
            "held-by-another-run",
            f"The traffic of {name} is already held by run {holder}.",
            f"Finish or cancel run {holder} first.",
        )
    if not selector:
        raise PermanentError(
            "service-without-selector",
            f"Service {name} selects no pods by label, so its traffic cannot be held.",
            "Name the Service that does in the environment's cluster section.",
        )
    return selector


def _is_outdated(deployment: Obj, run_id: str) -> bool:
    """Tell whether another run's annotation is left over: the Deployment has been started since."""
    # Decision 28: an annotation at 0 replicas says what to start again, so it stays.
    before = read_before(deployment)
    return (before is None or before.run != run_id) and count_replicas(deployment) > 0


def _read_service(service: Obj) -> Service:
    metadata, spec = service["metadata"], service["spec"]
    return Service(metadata["name"], metadata["uid"], dict(spec.get("selector") or {}))


def _replace_template(deployment: Obj, template: Obj) -> list[Obj]:
    # The whole template is replaced: a merge would keep what the newer version added, its environment and volumes.
    version = deployment["metadata"]["resourceVersion"]
    return [
        {"op": "replace", "path": "/metadata/resourceVersion", "value": version},
        {"op": "replace", "path": "/spec/template", "value": template},
    ]
