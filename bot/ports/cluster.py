"""An environment's workloads."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from bot.domain.environments import HttpCheck
from bot.domain.workloads import ClusterFacts, HttpAnswer, Pod


class Cluster(Protocol):
    """One environment's workloads. Every change is idempotent and safe to repeat."""

    def inspect(self) -> ClusterFacts:
        """Observe the configured Deployments (with history, autoscalers) and Services.

        Raises:
            PermanentError: ``workload-not-found`` names one that is not there; ``cluster-forbidden``.
        """

    def missing_rights(self) -> Sequence[str]:
        """Say what our account may not do and must, e.g. ``patch deployments/scale``; empty when all is well."""

    def pods(self, deployment: str) -> Sequence[Pod]:
        """List the pods of a Deployment's selector, terminating ones included until they are gone. Their image is
        that of the template they were made from, whatever a webhook made of it.
        """

    def hold_service(self, service: str, run_id: str) -> None:
        """Add the hold label to the Service's selector, and note the selector from before in an annotation (once)."""

    def release_service(self, service: str, selector: Mapping[str, str]) -> None:
        """Set the selector to exactly `selector` and drop the annotation."""

    def scale(self, deployment: str, replicas: int, run_id: str) -> None:
        """Set the replica count; note the one from before in an annotation unless one is noted (then keep it, but for
        another run's on a Deployment that has been started since).
        """

    def set_image(self, deployment: str, image: str, revision: int) -> None:
        """Put the Deployment's pod template back to that revision of its history (the whole template, not the image
        alone, where the history has it), so that its image becomes `image`. No-op when it is already so.

        Raises:
            PermanentError: ``revision-not-found``.
        """

    def clear_notes(self, deployment: str) -> None:
        """Drop our annotations from a Deployment."""

    def get_http(self, check: HttpCheck) -> Sequence[HttpAnswer]:
        """GET the path from every ready pod of the Deployment, through the API server's pod proxy."""

    def database_logs(self, tail_lines: int) -> Mapping[str, str]:
        """Last log lines of the database's pods, by pod; empty where no selector is configured."""
