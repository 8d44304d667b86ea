"""Describes an environment: its workloads, bucket, approval policy, checks, patience and targets."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class Workloads:
    """The app of an environment.

    Attributes:
        namespace: Kubernetes namespace.
        deployments: every Deployment that uses the database.
        services: the Services in front of them.
        version_deployment: the Deployment whose image tag is "the app version".
        database_pods: label selector of the database's pods; empty where they are elsewhere.
    """

    namespace: str
    deployments: tuple[str, ...]
    services: tuple[str, ...]
    version_deployment: str
    database_pods: str = ""


@dataclass(frozen=True)
class BackupTarget:
    """The bucket of an environment; `endpoint_url` None means AWS."""

    bucket: str
    endpoint_url: str | None = None
    region: str = "us-east-1"


@dataclass(frozen=True)
class ApprovalPolicy:
    """The votes that a run needs.

    Attributes:
        quorum: votes needed, 1…10.
        approvers: ``usergroup:S…`` or ``user:U…``.
        expires_after_s: seconds a request stays open.
        allow_requester: the requester's own vote counts.
    """

    quorum: int = 2
    approvers: tuple[str, ...] = ()
    expires_after_s: int = 1800
    allow_requester: bool = False

    @property
    def window(self) -> timedelta:
        """The time that a request stays open."""
        return timedelta(seconds=self.expires_after_s)

    @property
    def groups(self) -> tuple[str, ...]:
        """The user groups among the approvers."""
        return tuple(name.partition(":")[2] for name in self.approvers if name.startswith("usergroup:"))


@dataclass(frozen=True)
class HttpCheck:
    """A smoke test through the API server's pod proxy: 2xx within `timeout_s` from every ready pod."""

    deployment: str
    port: int
    path: str
    timeout_s: float = 5.0


@dataclass(frozen=True)
class SmokeChecks:
    """Smoke tests that must pass before traffic returns; each SQL yields one true value."""

    http: tuple[HttpCheck, ...] = ()
    sql: tuple[str, ...] = ()


@dataclass(frozen=True)
class Timing:
    """The steps' patience in seconds. Long steps are judged by progress, not by the clock."""

    pods_stop_s: float = 120.0
    pods_start_s: float = 300.0
    lock_timeout_s: float = 2.0
    chain_attempts: int = 5
    smoke_s: float = 60.0
    stall_s: float = 300.0


@dataclass(frozen=True)
class DrillDemand:
    """The maximum age of a drill's proof, in seconds; without one a plan is refused (`blocks`) or warns."""

    within_s: int
    blocks: bool = False


@dataclass(frozen=True)
class Targets:
    """Promised limits of this environment's restores, in seconds; None where nothing was promised.

    Attributes:
        restore_s: from the decision to a restored database that serves.
        data_loss_s: maximum age of the newest restorable backup at any moment.
    """

    restore_s: float | None = None
    data_loss_s: float | None = None


@dataclass(frozen=True)
class Environment:
    """One place where the app runs: a namespace, a database, a bucket, a channel, a policy.

    `drill_demand` None demands no drills.
    """

    name: str
    production: bool
    incident_channel: str
    workloads: Workloads
    backups: BackupTarget
    approval: ApprovalPolicy
    smoke: SmokeChecks
    timing: Timing = Timing()
    escalation_contacts: tuple[str, ...] = ()
    targets: Targets = Targets()
    drill_demand: DrillDemand | None = None
