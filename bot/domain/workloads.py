"""Describes the cluster as it was observed: Deployments, their history and pods, and Services."""

from dataclasses import dataclass

from bot.domain.place import NO_CLUSTER, ClusterIdentity
from bot.domain.versions import AppVersion

HOLD_LABEL = "backstop.dev/hold"
BEFORE_ANNOTATION = "backstop.dev/before"


@dataclass(frozen=True)
class Revision:
    """One entry of a Deployment's rollout history (a ReplicaSet it owns)."""

    number: int
    image: str
    replicaset: str

    @property
    def version(self) -> AppVersion | None:
        """The image's version; None when its tag is none."""
        return AppVersion.of_image(self.image)


@dataclass(frozen=True)
class Before:
    """A run's note on a Deployment from before it changed it; it stays until the run has put everything right."""

    run: str
    replicas: int


@dataclass(frozen=True)
class Pod:
    """A pod, gone ones excluded.

    Attributes:
        image: as the template has it that it was made from; an admission webhook may have the node pull another.
        problem: the reason it is not ready, e.g. ``CrashLoopBackOff``.
    """

    name: str
    phase: str
    ready: bool
    terminating: bool
    image: str
    problem: str = ""


@dataclass(frozen=True)
class Deployment:
    """A Deployment with its history, newest revision first.

    Attributes:
        settled: false while a rollout is under way.
        before: the note of a run that did not finish; None for none.
        autoscaler: another controller that scales it; "" for none.
        problem: the server's words on why no more pods are made (a quota, a policy), about 200 characters; "" for none.
    """

    name: str
    uid: str
    image: str
    replicas: int
    ready_replicas: int
    settled: bool
    history: tuple[Revision, ...] = ()
    before: Before | None = None
    autoscaler: str = ""
    problem: str = ""

    @property
    def version(self) -> AppVersion | None:
        """The running image's version; None when its tag is none."""
        return AppVersion.of_image(self.image)

    @property
    def stopped_by(self) -> str:
        """The run that left it at 0; "" where none did."""
        is_left = self.replicas == 0 and self.before is not None and self.before.replicas > 0
        return self.before.run if is_left and self.before else ""

    def find_revision(self, version: AppVersion) -> Revision | None:
        """Find the newest revision that ran that version."""
        return next((revision for revision in self.history if revision.version == version), None)


@dataclass(frozen=True)
class Service:
    """A Service and its selector as it is now (with our hold label, if held)."""

    name: str
    uid: str
    selector: dict[str, str]

    @property
    def held_by(self) -> str | None:
        """The run that holds its traffic."""
        return self.selector.get(HOLD_LABEL)


@dataclass(frozen=True)
class HttpAnswer:
    """A pod's answer through the pod proxy; `status` 0 means none came. `excerpt` is at most 300 characters."""

    pod: str
    status: int
    excerpt: str

    @property
    def ok(self) -> bool:
        """Tells if it is a 2xx."""
        return 200 <= self.status < 300  # noqa: PLR2004 -- HTTP's own numbers


@dataclass(frozen=True)
class Leftover:
    """A Deployment at 0 (`kind` ``deployment``) or a held Service (``service``) that a closed run has left."""

    kind: str
    name: str
    run: str


@dataclass(frozen=True)
class ClusterFacts:
    """The environment's workloads at one moment."""

    deployments: tuple[Deployment, ...]
    services: tuple[Service, ...]
    identity: ClusterIdentity = NO_CLUSTER

    @property
    def leftovers(self) -> tuple[Leftover, ...]:
        """Everything that closed runs have left."""
        stopped = (Leftover("deployment", item.name, item.stopped_by) for item in self.deployments)
        held = (Leftover("service", item.name, item.held_by or "") for item in self.services)
        return tuple(item for item in (*stopped, *held) if item.run)

    def deployment(self, name: str) -> Deployment:
        """Find a Deployment by name.

        Raises:
            KeyError: it was not observed.
        """
        for deployment in self.deployments:
            if deployment.name == name:
                return deployment
        raise KeyError(name)
