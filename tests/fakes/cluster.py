"""A namespace whose pods come and go with the clock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bot.domain.environments import HttpCheck
from bot.domain.place import ClusterIdentity
from bot.domain.workloads import (
    HOLD_LABEL,
    Before,
    ClusterFacts,
    Deployment,
    HttpAnswer,
    Pod,
    Revision,
    Service,
)
from bot.errors import PermanentError
from bot.ports import Clock

STOP_S, START_S = 2.0, 3.0
READY = "2026-03-01 12:00:00.000 UTC [71] LOG:  database system is ready to accept connections"
SHOWN = "2026-03-01 12:00:00.000 UTC LOG:  database system is ready to accept connections"
"""A line of the server's log, and as much of it as is shown."""


@dataclass
class FakePod:
    """A pod; `gone_at` inf while nobody stops it."""

    name: str
    image: str
    ready_at: float
    gone_at: float = float("inf")


@dataclass
class FakeDeployment:
    """A Deployment; `stuck` pods do not stop, `broken` ones do not start, `gitops` puts replicas back."""

    name: str
    replicas: int
    image: str
    history: list[Revision]
    uid: str = ""
    note: Before | None = None
    pods: list[FakePod] = field(default_factory=list)
    stuck: bool = False
    broken: bool = False
    gitops: int | None = None
    autoscaler: str = ""
    problem: str = ""


class FakeCluster:
    """A `bot.ports.Cluster`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._made = 0
        self.identity = ClusterIdentity("physioflow-prod", "uid-namespace", "address one")
        self.deployments: dict[str, FakeDeployment] = {}
        self.services: dict[str, dict[str, str]] = {}
        self.notes: dict[str, dict[str, str]] = {}
        self.lacking: tuple[str, ...] = ()
        self.unhealthy: set[str] = set()
        self.further_log: list[str] = []
        self.sabotaged_service = ""

    def add(self, name: str, versions: Sequence[str], replicas: int = 2) -> FakeDeployment:
        """Add a Deployment and its Service; `versions` newest, that is running, first."""
        images = [f"registry.example/{name}:{version}" for version in versions]
        numbers = range(len(images), 0, -1)
        history = [Revision(number, image, f"{name}-{number}") for number, image in zip(numbers, images, strict=True)]
        made = FakeDeployment(name, 0, images[0], history, f"uid-{name}")
        self.deployments[name] = made
        self.services[name] = {"app": name}
        made.replicas = replicas
        self._reconcile(made)
        for pod in made.pods:
            pod.ready_at = 0.0
        return made

    def inspect(self) -> ClusterFacts:
        services = [Service(n, f"uid-svc-{n}", dict(s)) for n, s in self.services.items()]
        return ClusterFacts(
            tuple(self._observe(item) for item in self.deployments.values()), tuple(services), self.identity
        )

    def missing_rights(self) -> Sequence[str]:
        return self.lacking

    def pods(self, deployment: str) -> Sequence[Pod]:
        item, now = self._deployment(deployment), self._clock.monotonic()
        self._reconcile(item)
        return [
            Pod(
                pod.name,
                "Running",
                ready=pod.ready_at <= now,
                terminating=pod.gone_at != float("inf"),
                image=pod.image,
                problem="CrashLoopBackOff" if item.broken and pod.ready_at > now else "",
            )
            for pod in item.pods
        ]

    @property
    def address(self) -> str:
        return self.identity.address

    def hold_service(self, service: str, run_id: str) -> None:
        holder = self.services[service].get(HOLD_LABEL)
        if holder not in {None, run_id}:
            raise PermanentError("held-by-another-run", f"The traffic of {service} is held by run {holder}.")
        if holder is None:
            self.notes[service] = dict(self.services[service])
        self.services[service][HOLD_LABEL] = run_id

    def release_service(self, service: str, selector: Mapping[str, str]) -> None:
        self.services[service] = dict(selector)
        if service == self.sabotaged_service:
            self.services[service]["odd"] = "label"
        self.notes.pop(service, None)

    def scale(self, deployment: str, replicas: int, run_id: str) -> None:
        item = self._deployment(deployment)
        if item.note is None or (item.note.run != run_id and item.replicas > 0):
            item.note = Before(run_id, item.replicas)
        item.replicas = replicas
        self._reconcile(item)

    def set_image(self, deployment: str, image: str, revision: int) -> None:
        item = self._deployment(deployment)
        if item.image == image:
            return
        if not any(entry.number == revision and entry.image == image for entry in item.history):
            raise PermanentError("revision-not-found", f"{deployment} has no revision {revision} with {image}.")
        number = max(entry.number for entry in item.history) + 1
        left = [entry for entry in item.history if entry.image != image]
        item.history = [Revision(number, image, f"{deployment}-{revision}"), *left]
        item.image = image
        self._reconcile(item)

    def clear_annotation(self, deployment: str) -> None:
        self._deployment(deployment).note = None

    def get_http(self, check: HttpCheck) -> Sequence[HttpAnswer]:
        ready = [pod for pod in self.pods(check.deployment) if pod.ready and not pod.terminating]
        sick = check.deployment in self.unhealthy
        return [HttpAnswer(pod.name, 503 if sick else 200, "schema 26 is too old" if sick else "ok") for pod in ready]

    def database_logs(self, tail_lines: int) -> Mapping[str, str]:
        del tail_lines
        return {"postgres-0": "\n".join([READY, *self.further_log])}

    def _deployment(self, name: str) -> FakeDeployment:
        if name not in self.deployments:
            raise PermanentError("workload-not-found", f"There is no Deployment {name}.")
        return self.deployments[name]

    def _observe(self, item: FakeDeployment) -> Deployment:
        now = self._clock.monotonic()
        self._reconcile(item)
        ready = sum(pod.ready_at <= now for pod in item.pods)
        settled = ready == item.replicas == len(item.pods)
        return Deployment(
            item.name,
            item.uid,
            item.image,
            item.replicas,
            ready,
            settled,
            tuple(item.history),
            item.note,
            item.autoscaler,
            item.problem,
        )

    def _reconcile(self, item: FakeDeployment) -> None:
        now = self._clock.monotonic()
        if item.gitops is not None:
            item.replicas = item.gitops
        item.pods = [pod for pod in item.pods if pod.gone_at > now]
        wanted = [pod for pod in item.pods if pod.image == item.image and pod.gone_at == float("inf")]
        for pod in item.pods:
            if (pod not in wanted or pod in wanted[item.replicas :]) and not item.stuck:
                pod.gone_at = min(pod.gone_at, now + STOP_S)
        for _ in range(item.replicas - len(wanted)):
            self._made += 1
            ready_at = float("inf") if item.broken else now + START_S
            item.pods.append(FakePod(f"{item.name}-{self._made}", item.image, ready_at))
