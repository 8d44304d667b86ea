"""Defines one dataclass per request, and writes requests to the journal and reads them back.

A kind's name and its fields' names are on disk: a request that was persisted before an upgrade is handled after it.
`bot.engine.operations` has the handler of each.
"""

from dataclasses import MISSING, dataclass, fields
from typing import Any, ClassVar, get_type_hints

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

    def __init_subclass__(cls, *, kind: str = "", reads_only: bool = False, is_job: bool = False) -> None:
        """Register the class, unless it has no kind and is a base itself.

        Raises:
            TypeError: another class has that kind.
        """
        super().__init_subclass__()
        if kind in REQUEST_TYPES:
            raise TypeError(f"Two requests are of kind {kind}.")
        if kind:
            cls.kind, cls.reads_only, cls.is_job = kind, reads_only, is_job
            REQUEST_TYPES[kind] = cls


@dataclass(frozen=True)
class Submission:
    """A request, and the person who made it; the schedule's requests have an audience without a user."""

    audience: Audience
    request: TypedRequest


@dataclass(frozen=True)
class _OfEnvironment(TypedRequest):
    """Base of requests about one environment; where a request may be about all, `environment` is "" for that."""

    environment: str


@dataclass(frozen=True)
class _OfRun(TypedRequest):
    """Base of requests about one run."""

    run_id: str


@dataclass(frozen=True)
class _OfDrill(TypedRequest):
    """Base of requests about one drill."""

    drill_id: str


@dataclass(frozen=True)
class OpenRollback(_OfEnvironment, kind="rollback"):
    """Undo `migration` (``027``) and everything newer.

    `app` is "" or ``v1.2.3``; `asked_for` the command; `named` the migration's whole name where one was typed.
    """

    migration: str
    app: str
    reason: str
    asked_for: str
    named: str = ""


@dataclass(frozen=True)
class OpenRestore(_OfEnvironment, kind="restore"):
    """Restore `backup`, a name or ``latest``."""

    backup: str
    app: str
    reason: str
    asked_for: str


@dataclass(frozen=True)
class OpenUndo(_OfRun, kind="undo"):
    """Undo a run."""

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


class CancelRun(_OfRun, kind="cancel"):
    """Stop a run."""


class RetryRun(_OfRun, kind="resume"):
    """Retry a parked run."""


class EscalateRun(_OfRun, kind="escalate"):
    """Post what people need to take a run over."""


class RecoverRows(_OfRun, kind="salvage", is_job=True):
    """Compare the database that a run put aside with the live one."""


@dataclass(frozen=True)
class CloseFollowUp(_OfRun, kind="close"):
    """Close a run's open follow-up with a link."""

    link: str


@dataclass(frozen=True)
class DocumentRun(_OfRun, kind="document"):
    """Add to a run's report what went `wrong`, and what will `change` ("" for nothing)."""

    wrong: str
    change: str


class ShowStatus(_OfEnvironment, kind="status", reads_only=True):
    """Show runs, freezes and kept databases."""


class ShowMigrations(_OfEnvironment, kind="migrations", reads_only=True):
    """Show an environment's migrations."""


@dataclass(frozen=True)
class Freeze(_OfEnvironment, kind="freeze"):
    """Keep runs from starting in an environment."""

    reason: str


class Unfreeze(_OfEnvironment, kind="unfreeze"):
    """Allow runs in an environment again."""


@dataclass(frozen=True)
class ListBackups(_OfEnvironment, kind="backups", reads_only=True):
    """List backups whose name contains `text`, from `offset`, or the newest of all environments.

    `replace` puts the page in the place of the one that was clicked on.
    """

    text: str
    offset: int
    replace: bool


@dataclass(frozen=True)
class ShowBackup(_OfEnvironment, kind="show", reads_only=True):
    """Show the manifest of a backup, by its name or ``latest``."""

    name: str


@dataclass(frozen=True)
class TakeBackup(_OfEnvironment, kind="take", is_job=True):
    """Take a backup."""

    label: str


@dataclass(frozen=True)
class VerifyBackup(_OfEnvironment, kind="verify", is_job=True):
    """Verify a backup, by its name or ``latest``, up to a level."""

    name: str
    level: int


class OpenHome(TypedRequest, kind="home"):
    """Show the Home tab to the person who has opened it."""


class ListDrills(_OfEnvironment, kind="drill-list", reads_only=True):
    """List schedules and drills."""


class ShowDrill(_OfDrill, kind="drill-show", reads_only=True):
    """Show one drill."""


class SkipDrill(_OfDrill, kind="drill-skip"):
    """Leave a planned drill out."""


@dataclass(frozen=True)
class PostponeDrill(_OfDrill, kind="drill-postpone"):
    """Start a drill later: at `start_at` (ISO 8601), or where that is "", `by_s` seconds after its due time."""

    start_at: str
    by_s: int


@dataclass(frozen=True)
class StartDrill(_OfEnvironment, kind="drill-now"):
    """Start a drill of that kind now."""

    drill: DrillKind


class ReportDrills(_OfEnvironment, kind="drill-report", reads_only=True):
    """Report what drills have measured."""


@dataclass(frozen=True)
class PerformDrill(_OfDrill, kind="drill", is_job=True):
    """Perform a drill that is due; the schedule's own request. `start_at` is ISO 8601."""

    start_at: str


def arguments(request: TypedRequest) -> dict[str, Any]:
    """Write a request's fields in JSON's types. Optional ones are left out, as the previous version did and expects."""
    written = ((field, getattr(request, field.name)) for field in fields(request))
    return {field.name: value for field, value in written if field.default is MISSING or value != field.default}


def write(submission: Submission) -> Request:
    """Write a submission as it is persisted."""
    audience, request = submission.audience, submission.request
    who = {"user_id": audience.user_id, "channel": audience.channel, "response_url": audience.response_url}
    # The schedule's requests have no person, so their rows have none of the three keys.
    payload = {**(who if audience.user_id else {}), **arguments(request), "version": VERSION}
    return Request(audience.request_id, request.kind, payload)


def read(stored: Request) -> TypedRequest:
    """Read the request out of what was persisted, by this version or an earlier one, and convert its values.

    Raises:
        KeyError, ValueError: a later version of Backstop wrote it.
    """
    payload, request_type = stored.payload, REQUEST_TYPES[stored.kind]
    if int(payload.get("version", 1)) > VERSION:
        raise ValueError(f"{stored.kind} is of version {payload['version']}")
    types = get_type_hints(request_type)
    given = [field.name for field in fields(request_type) if field.name in payload or field.default is MISSING]
    return request_type(**{name: types[name](payload[name]) for name in given})


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
