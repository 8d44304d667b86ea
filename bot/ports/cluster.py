"""Declares the port through which the engine observes and changes an environment's workloads."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from bot.domain.environments import HttpCheck
from bot.domain.workloads import ClusterFacts, HttpAnswer, Pod


class Cluster(Protocol):
    """One environment's workloads. Every change is idempotent and safe to repeat."""

    @property
    def address(self) -> str:
        """As of `ClusterIdentity`, from the configuration alone."""

    def inspect(self) -> ClusterFacts:
        """Observe the configured Deployments (with history, autoscalers) and Services.

        Raises:
            PermanentError: ``workload-not-found`` names a missing one; ``cluster-forbidden``.
        """

    def missing_rights(self) -> Sequence[str]:
        """List the permissions our account lacks, e.g. ``patch deployments/scale``; empty when all are there."""

    def pods(self, deployment: str) -> Sequence[Pod]:
        """List the pods of a Deployment's selector, terminating ones included until they are gone. Their image is
        the one in their template, even if a webhook rewrote it.
        """

    def hold_service(self, service: str, run_id: str) -> None:
        """Add the hold label to the Service's selector, and record the previous selector in an annotation (once)."""

    def release_service(self, service: str, selector: Mapping[str, str]) -> None:
        """Set the selector to exactly `selector` and drop the annotation."""

    def scale(self, deployment: str, replicas: int, run_id: str) -> None:
        """Set the replica count; record the previous one in an annotation. An annotation that is there stays, except
        another run's on a Deployment that has been started since.
        """

    def set_image(self, deployment: str, image: str, revision: int) -> None:
        """Put the Deployment's pod template back to that revision of its history (the whole template, not the image
        alone, where the history has it), so that its image becomes `image`. No-op when it already is.

        Raises:
            PermanentError: ``revision-not-found``.
        """

    def clear_annotation(self, deployment: str) -> None:
        """Drop our annotation from a Deployment."""

    def get_http(self, check: HttpCheck) -> Sequence[HttpAnswer]:
        """GET the path from every ready pod of the Deployment, through the API server's pod proxy."""

    def database_logs(self, tail_lines: int) -> Mapping[str, str]:
        """Read the last log lines of the database's pods, by pod; empty where no selector is configured."""
