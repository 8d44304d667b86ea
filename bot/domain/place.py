"""Describes where a plan applies, and who decides on it there: database, cluster, bucket, approval policy."""

from collections.abc import Iterator
from dataclasses import astuple, dataclass, replace

from bot.domain.environments import ApprovalPolicy, BackupTarget

_NO_DATABASE = 0


@dataclass(frozen=True)
class DatabaseIdentity:
    """Tells a database from every other one.

    Attributes:
        name: of the database.
        oid: 0 where the server has no database of that name.
        server: the server's system identifier; "" where our role may not read it.
        timeline: grows with every fail-over and every restore of the server's files; 0 where it cannot be read, or on a
            standby.
        address: sha256, hex, of host, port and name as configured; nobody is shown a host.
    """

    name: str
    oid: int
    server: str = ""
    timeline: int = 0
    address: str = ""

    def other_than(self, approved: "DatabaseIdentity") -> str:
        """Say in a clause how it is not the `approved` one; "" where it is, as far as both are known."""
        if "" not in {self.server, approved.server} and self.server != approved.server:
            return f"it is on server {self.server}, and the approved one on {approved.server}"
        if self.oid != approved.oid:
            return f"the server has {_numbered(self)}, and the approved one was {_numbered(approved)}"
        if 0 not in {self.timeline, approved.timeline} and self.timeline != approved.timeline:
            return (
                f"its server is on timeline {self.timeline}, and was on {approved.timeline}: it has failed over, or "
                "was restored"
            )
        return ""

    @property
    def without_timeline(self) -> "DatabaseIdentity":
        """The same, on whatever timeline."""
        return replace(self, timeline=0)


@dataclass(frozen=True)
class ClusterIdentity:
    """Tells a namespace from every other one.

    Attributes:
        namespace: its name.
        uid: of the namespace; "" where our account may not read it.
        address: sha256, hex, of the API server's URL and its certificate authority as configured.
    """

    namespace: str
    uid: str = ""
    address: str = ""


NO_DATABASE, NO_CLUSTER = DatabaseIdentity("", _NO_DATABASE), ClusterIdentity("")
"""The identities of places at which nobody has looked."""


@dataclass(frozen=True, kw_only=True)
class PlannedPlace:
    """The place where a plan applies, and those who decide on it. All of it is in the digest.

    Attributes:
        bucket: endpoint and name.
        quorum, approvers, requester_votes: as of `ApprovalPolicy`; the approvers are sorted.
    """

    database: DatabaseIdentity
    cluster: ClusterIdentity
    bucket: str
    quorum: int
    approvers: tuple[str, ...]
    requester_votes: bool

    def approved_facts(self) -> dict[str, object]:
        """Return what the digest covers, in JSON's types."""
        return {
            "database": list(astuple(self.database)),
            "cluster": list(astuple(self.cluster)),
            "bucket": self.bucket,
            "policy": [self.quorum, list(self.approvers), self.requester_votes],
        }

    @property
    def policy(self) -> str:
        """Name those who decide, as a phrase."""
        excluded = "the requester's vote counts" if self.requester_votes else "the requester's vote does not count"
        return f"{self.quorum} of {', '.join(self.approvers) or 'nobody'}, {excluded}"


def name_bucket(target: BackupTarget) -> str:
    """Write a bucket with its endpoint: two endpoints may have buckets of the same name."""
    return f"{target.endpoint_url.rstrip('/')}/{target.bucket}" if target.endpoint_url else target.bucket


def place_of(
    database: DatabaseIdentity, cluster: ClusterIdentity, bucket: BackupTarget, policy: ApprovalPolicy
) -> PlannedPlace:
    """Put together where a plan applies."""
    return PlannedPlace(
        database=database,
        cluster=cluster,
        bucket=name_bucket(bucket),
        quorum=policy.quorum,
        approvers=tuple(sorted(policy.approvers)),
        requester_votes=policy.allow_requester,
    )


def place_differences(then: PlannedPlace | None, now: PlannedPlace | None) -> tuple[str, ...]:
    """Name what is another one between two plans, one line each; empty where nothing is."""
    if then is None or now is None:
        return () if then is now else ("The plan did not say where it applies, and does now.",)
    return tuple(_differences(then, now))


def _differences(then: PlannedPlace, now: PlannedPlace) -> Iterator[str]:
    if then.database != now.database:
        yield _other_database(then.database, now.database)
    if then.cluster != now.cluster:
        yield _other_namespace(then.cluster, now.cluster)
    if then.bucket != now.bucket:
        yield f"The bucket is another one: {then.bucket}, now {now.bucket}."
    if then.policy != now.policy:
        yield f"Other people decide: {then.policy}; now {now.policy}."


def _other_database(then: DatabaseIdentity, now: DatabaseIdentity) -> str:
    if then.name != now.name:
        return f"The database is another one: it was {then.name}, and is {now.name} now."
    why = now.other_than(then) or (
        "its DSN leads to another address" if then.address != now.address else "its server says more or less of itself"
    )
    return f"The database is another one: {why}."


def _other_namespace(then: ClusterIdentity, now: ClusterIdentity) -> str:
    if then.namespace != now.namespace:
        return f"The namespace is another one: it was {then.namespace}, and is {now.namespace} now."
    if then.address != now.address:
        return f"The cluster is another one: {now.namespace} is reached at another API server."
    return f"The namespace is another one: a namespace {now.namespace} with another UID."


def _numbered(database: DatabaseIdentity) -> str:
    return f"no {database.name}" if database.oid == _NO_DATABASE else f"{database.name} with OID {database.oid}"
