"""Defines one dataclass per request, and writes requests to the journal and reads them back.

A kind's name and its fields' names are on disk: a request that was persisted before an upgrade is handled after it.
`bot.engine.operations` has the handler of each.
"""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, ClassVar, Generic, TypeVar, get_type_hints

from bot.domain.approvals import Choice
from bot.domain.drills import DrillKind
from bot.ports import Audience, Queue, Request

VERSION = 2
"""Version of the payloads that are written. Version 1 has the same keys and no number."""
REQUEST_TYPES: dict[str, type["TypedRequest"]] = {}
"""Every request, by its kind's name."""


@dataclass(frozen=True)
class TypedRequest:
    """Base of all requests.

    Attributes:
        kind: its name in the journal.
        reads_only: whether every full member of the workspace may make it; all others check permissions further.
        is_job: whether it may take an hour, and must not keep votes waiting.
    """

    kind: ClassVar[str]
    reads_only: ClassVar[bool]
    is_job: ClassVar[bool]

    def __init_subclass__(cls, *, kind: str, reads_only: bool = False, is_job: bool = False) -> None:
        """Register the class.

        Raises:
            TypeError: another class has that kind.
        """
        super().__init_subclass__()
        if kind in REQUEST_TYPES:
            raise TypeError(f"Two requests are of kind {kind}.")
        cls.kind, cls.reads_only, cls.is_job = kind, reads_only, is_job
        REQUEST_TYPES[kind] = cls


R = TypeVar("R", bound=TypedRequest)
R_co = TypeVar("R_co", bound=TypedRequest, covariant=True)


@dataclass(frozen=True)
class Submission(Generic[R_co]):
    """A request, and the person who made it; the schedule's requests have an audience without a user."""

    audience: Audience
    request: R_co

    @property
    def id(self) -> str:
        """Deduplication key: the same key is handled once."""
        return self.audience.request_id


@dataclass(frozen=True)
class OpenRollback(TypedRequest, kind="rollback"):
    """Undo `migration` (``027``) and everything newer.

    `app` is "" or ``v1.2.3``; `asked_for` the command; `named` the migration's whole name where one was typed.
    """

    environment: str
    migration: str
    app: str
    reason: str
    asked_for: str
    named: str = ""


@dataclass(frozen=True)
class OpenRestore(TypedRequest, kind="restore"):
    """Restore `backup`, a name or ``latest``."""

    environment: str
    backup: str
    app: str
    reason: str
    asked_for: str


@dataclass(frozen=True)
class OpenUndo(TypedRequest, kind="undo"):
    """Undo a run."""

    run_id: str
    reason: str = ""
    asked_for: str = ""


@dataclass(frozen=True)
class CastVote(TypedRequest, kind="vote"):
    """Vote by reaction or button, or withdraw that vote.

    Attributes:
        ts: of the message.
        how: ``reaction`` or ``button``.
        run_id, digest: what a button says of itself, the digest's first 12 characters; "" for a reaction.
        event_ts: when Slack saw it; "" if unknown.
    """

    ts: str
    choice: Choice
    how: str
    withdraw: bool
    run_id: str = ""
    digest: str = ""
    event_ts: str = ""


@dataclass(frozen=True)
class CancelRun(TypedRequest, kind="cancel"):
    """Stop a run."""

    run_id: str


@dataclass(frozen=True)
class RetryRun(TypedRequest, kind="resume"):
    """Retry a parked run."""

    run_id: str


@dataclass(frozen=True)
class EscalateRun(TypedRequest, kind="escalate"):
    """Post what people need to take a run over."""

    run_id: str


@dataclass(frozen=True)
class RecoverRows(TypedRequest, kind="salvage", is_job=True):
    """Compare the database that a run put aside with the live one."""

    run_id: str


@dataclass(frozen=True)
class CloseFollowUp(TypedRequest, kind="close"):
    """Close a run's open follow-up with a link."""

    run_id: str
    link: str


@dataclass(frozen=True)
class DocumentRun(TypedRequest, kind="document"):
    """Add to a run's report what went `wrong`, and what will `change` ("" for nothing)."""

    run_id: str
    wrong: str
    change: str


@dataclass(frozen=True)
class ShowStatus(TypedRequest, kind="status", reads_only=True):
    """Show runs, freezes and kept databases; `environment` "" for all."""

    environment: str


@dataclass(frozen=True)
class ShowMigrations(TypedRequest, kind="migrations", reads_only=True):
    """Show an environment's migrations."""

    environment: str


@dataclass(frozen=True)
class Freeze(TypedRequest, kind="freeze"):
    """Keep runs from starting in an environment."""

    environment: str
    reason: str


@dataclass(frozen=True)
class Unfreeze(TypedRequest, kind="unfreeze"):
    """Allow runs in an environment again."""

    environment: str


@dataclass(frozen=True)
class ListBackups(TypedRequest, kind="backups", reads_only=True):
    """List backups whose name contains `text`, from `offset`; `environment` "" lists the newest of each.

    `replace` puts the page in the place of the one that was clicked on.
    """

    environment: str
    text: str
    offset: int
    replace: bool


@dataclass(frozen=True)
class ShowBackup(TypedRequest, kind="show", reads_only=True):
    """Show the manifest of a backup, by its name or ``latest``."""

    environment: str
    name: str


@dataclass(frozen=True)
class TakeBackup(TypedRequest, kind="take", is_job=True):
    """Take a backup."""

    environment: str
    label: str


@dataclass(frozen=True)
class VerifyBackup(TypedRequest, kind="verify", is_job=True):
    """Verify a backup, by its name or ``latest``, up to a level."""

    environment: str
    name: str
    level: int


@dataclass(frozen=True)
class OpenHome(TypedRequest, kind="home"):
    """Show the Home tab to the person who has opened it."""


@dataclass(frozen=True)
class ListDrills(TypedRequest, kind="drill-list", reads_only=True):
    """List schedules and drills; `environment` "" for all."""

    environment: str


@dataclass(frozen=True)
class ShowDrill(TypedRequest, kind="drill-show", reads_only=True):
    """Show one drill."""

    drill_id: str


@dataclass(frozen=True)
class SkipDrill(TypedRequest, kind="drill-skip"):
    """Leave a planned drill out."""

    drill_id: str


@dataclass(frozen=True)
class PostponeDrill(TypedRequest, kind="drill-postpone"):
    """Start a drill later: at `start_at` (ISO 8601), or where that is "", `by_s` seconds after its due time."""

    drill_id: str
    start_at: str
    by_s: int


@dataclass(frozen=True)
class StartDrill(TypedRequest, kind="drill-now"):
    """Start a drill of that kind now."""

    environment: str
    drill: DrillKind


@dataclass(frozen=True)
class ReportDrills(TypedRequest, kind="drill-report", reads_only=True):
    """Report what drills have measured; `environment` "" for all."""

    environment: str


@dataclass(frozen=True)
class PerformDrill(TypedRequest, kind="drill", is_job=True):
    """Perform a drill that is due; the schedule's own request. `start_at` is ISO 8601."""

    drill_id: str
    start_at: str


def arguments(request: TypedRequest) -> dict[str, Any]:
    """Write a request's fields in JSON's types. Optional ones are left out, as the previous version did and expects."""
    written = ((field, getattr(request, field.name)) for field in fields(request))
    return {field.name: value for field, value in written if field.default is MISSING or value != field.default}


def write(submission: Submission[TypedRequest]) -> Request:
    """Write a submission as it is persisted."""
    audience, request = submission.audience, submission.request
    who = {"user_id": audience.user_id, "channel": audience.channel, "response_url": audience.response_url}
    return Request(
        submission.id, request.kind, {**(who if audience.user_id else {}), **arguments(request), "version": VERSION}
    )


def read(stored: Request) -> TypedRequest:
    """Read the request out of what was persisted, by this version or an earlier one.

    Raises:
        KeyError, ValueError: a later version of Backstop wrote it.
    """
    payload, request_type = stored.payload, REQUEST_TYPES[stored.kind]
    if int(payload.get("version", 1)) > VERSION:
        raise ValueError(f"{stored.kind} is of version {payload['version']}")
    return request_type(**_values(request_type, payload))


def read_audience(stored: Request) -> Audience:
    """Read who made the request."""
    user_id, channel, url = (str(stored.payload.get(key, "")) for key in ("user_id", "channel", "response_url"))
    return Audience(user_id, channel, url, stored.id)


def defer(queue: Queue, stored: Request) -> None:
    """Queue a persisted request; jobs have a queue of their own.

    Raises:
        TemporaryError: ``queue-unreachable``.
    """
    request_type = REQUEST_TYPES.get(stored.kind)
    if request_type is not None and request_type.is_job:
        queue.defer_job(stored.id)
    else:
        queue.defer_request(stored.id)


def _values(request_type: type[TypedRequest], payload: Mapping[str, Any]) -> dict[str, Any]:
    """Convert the payload's values to the fields' types: text, numbers, flags and enums."""
    types = get_type_hints(request_type)
    wanted = [field for field in fields(request_type) if field.name in payload or field.default is MISSING]
    return {field.name: types[field.name](payload[field.name]) for field in wanted}
