"""One environment's workloads, through the Kubernetes API."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from bot.adapters.cluster import traffic
from bot.adapters.cluster.annotations import before_of, has_note, metadata_with
from bot.adapters.cluster.api import Api, Obj, decide_again_on_conflict
from bot.adapters.cluster.namespace import Namespace, selector_text
from bot.adapters.cluster.pod_proxy import ask_pod
from bot.adapters.cluster.pods import app_container, image_of, is_gone, read_pod, template_images
from bot.adapters.cluster.rights import list_missing
from bot.adapters.cluster.rollouts import find_template, history_of, read_deployment, replicas_of, without_hash
from bot.domain.environments import HttpCheck, Workloads
from bot.domain.workloads import ClusterFacts, HttpAnswer, Pod, Service
from bot.errors import BotError, PermanentError

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

_LOG_LIMIT_BYTES = 64 * 1024  # a pod's part of an escalation
_ASKERS = 8


class KubernetesCluster:
    """Implements `bot.ports.Cluster`. Thread-safe; keeps nothing between calls.

    Args:
        client: see `client.connect`.
        workloads: what belongs to the environment.
    """

    def __init__(self, client: "ApiClient", workloads: Workloads) -> None:
        self._api = Api(client)
        self._workloads = workloads
        self._namespace = Namespace(self._api, workloads.namespace)

    def inspect(self) -> ClusterFacts:
        """See `bot.ports.Cluster.inspect`."""
        deployments = [self._namespace.deployment(name) for name in self._workloads.deployments]
        services = [self._namespace.service(name) for name in self._workloads.services]
        autoscalers = self._namespace.autoscalers() if deployments else []
        return ClusterFacts(
            tuple(read_deployment(item, self._replicasets(item), autoscalers) for item in deployments),
            tuple(_read_service(item) for item in services),
        )

    def missing_rights(self) -> Sequence[str]:
        """See `bot.ports.Cluster.missing_rights`."""
        return list_missing(self._api, self._workloads)

    def pods(self, deployment: str) -> Sequence[Pod]:
        """See `bot.ports.Cluster.pods`. Pods that ended (evicted ones stay as objects) are gone."""
        # Reading the Deployment also proves the namespace: a list in one that does not exist is just empty.
        owner = self._namespace.deployment(deployment)
        found = self._namespace.pods(selector_text(owner["spec"]["selector"]))
        images = template_images(self._replicasets(owner), deployment) if found else {}
        return [read_pod(pod, deployment, images) for pod in found if not is_gone(pod)]

    def hold_service(self, service: str, run_id: str) -> None:
        """See `bot.ports.Cluster.hold_service`.

        Raises:
            PermanentError: ``held-by-another-run``, ``service-without-selector``.
        """
        decide_again_on_conflict(partial(traffic.hold, self._namespace, service, run_id))

    def release_service(self, service: str, selector: Mapping[str, str]) -> None:
        """See `bot.ports.Cluster.release_service`."""
        decide_again_on_conflict(partial(traffic.release, self._namespace, service, selector))

    def scale(self, deployment: str, replicas: int, run_id: str) -> None:
        """See `bot.ports.Cluster.scale`."""

        def change() -> None:
            found = self._namespace.deployment(deployment)
            if not has_note(found) or _is_outdated(found, run_id):
                # First the note, then the scale: between the two nothing is lost.
                image = image_of(found["spec"]["template"], deployment)
                note = {"run": run_id, "replicas": replicas_of(found), "image": image}
                self._namespace.patch_deployment(deployment, {"metadata": metadata_with(found, note)})
            if replicas_of(found) != replicas:
                self._namespace.scale_deployment(deployment, replicas)

        decide_again_on_conflict(change)

    def set_image(self, deployment: str, image: str, revision: int) -> None:
        """See `bot.ports.Cluster.set_image`."""

        def change() -> None:
            found = self._namespace.deployment(deployment)
            template = find_template(history_of(found, self._replicasets(found)), deployment, image, revision)
            if template is None:
                raise PermanentError(
                    "revision-not-found",
                    f"The rollout history of {deployment} holds no revision with image {image}.",
                    "Deploy that version by hand, or choose another with --app.",
                )
            if template != without_hash(found["spec"]["template"]):
                self._namespace.edit_deployment(deployment, _put_template(found, template))

        decide_again_on_conflict(change)

    def clear_notes(self, deployment: str) -> None:
        """See `bot.ports.Cluster.clear_notes`."""

        def change() -> None:
            found = self._namespace.deployment(deployment)
            if has_note(found):
                self._namespace.patch_deployment(deployment, {"metadata": metadata_with(found, None)})

        decide_again_on_conflict(change)

    def get_http(self, check: HttpCheck) -> Sequence[HttpAnswer]:
        """See `bot.ports.Cluster.get_http`. Pods are asked side by side; terminating ones are not asked."""
        ready = [pod.name for pod in self.pods(check.deployment) if pod.ready and not pod.terminating]
        with ThreadPoolExecutor(_ASKERS, thread_name_prefix="smoke") as threads:
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
        return self._namespace.replicasets(selector_text(deployment["spec"]["selector"]))


def _is_outdated(deployment: Obj, run_id: str) -> bool:
    """Whether the note is not this run's, and the Deployment has been started since: its count is not what runs now."""
    before = before_of(deployment)
    return (before is None or before.run != run_id) and replicas_of(deployment) > 0


def _read_service(service: Obj) -> Service:
    metadata = service["metadata"]
    return Service(
        metadata["name"],
        metadata["uid"],
        dict(service["spec"].get("selector") or {}),
        dict(metadata.get("annotations") or {}),
    )


def _put_template(deployment: Obj, template: Obj) -> list[Obj]:
    # The whole template is replaced: a merge would keep what the newer version added, its environment and volumes.
    version = deployment["metadata"]["resourceVersion"]
    return [
        {"op": "replace", "path": "/metadata/resourceVersion", "value": version},
        {"op": "replace", "path": "/spec/template", "value": template},
    ]
