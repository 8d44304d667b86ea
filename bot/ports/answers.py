"""Defines the values that people's requests are answered with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.domain.approvals import Vote
from bot.domain.backups import Backup, BackupPage
from bot.domain.drills import Drill, ScriptProof
from bot.domain.migrations import DownScript
from bot.domain.runs import Run


@dataclass(frozen=True)
class Audience:
    """A person who made a request, and how to answer them: by `response_url` if set, else as an ephemeral in `channel`.

    `request_id`: the request that is answered; one answer per request.
    """

    user_id: str
    channel: str
    response_url: str = ""
    request_id: str = ""


@dataclass(frozen=True)
class MigrationRow:
    """A line of `/migrations`: a migration and its down script (None if it has none).

    `applied`: None while the database is closed.
    `proof`: the newest drill that ran this very script; None for none.
    """

    version: int
    name: str
    applied: bool | None
    script: DownScript | None
    proof: ScriptProof | None = None


@dataclass(frozen=True)
class Overview:
    """The answer to `/migrations ENV`, looked up at `at`; None without drill evidence.

    `schema`: None while the database is closed; `closed_by` is then the run that holds the environment, "" for none.
    `faults`: why scripts cannot be run, one line each.
    """

    environment: str
    schema: int | None
    app_version: str
    serving: bool
    matrix: Sequence[str]
    rows: Sequence[MigrationRow]
    frozen: str | None = None
    at: datetime | None = None
    closed_by: str = ""
    faults: Sequence[str] = ()


@dataclass(frozen=True)
class KeptDatabase:
    """A kept database: undoing run `run_id` swaps it back, until it is dropped."""

    environment: str
    name: str
    run_id: str
    size_bytes: int
    until: datetime


@dataclass(frozen=True)
class BackupListing:
    """The answer to `/backups ENV`: a page, the text searched for, the page's offset, and the time of the look-up."""

    environment: str
    page: BackupPage
    text: str
    offset: int
    at: datetime


@dataclass(frozen=True)
class BackupDetails:
    """The answer to `/backups ENV show NAME`, looked up at `at`; `restored`: the newest drill that passed with it."""

    environment: str
    backup: Backup
    at: datetime
    restored: Drill | None = None


@dataclass(frozen=True)
class NewestBackups:
    """An environment's line of `/backups`: its newest few and how many there are, or why they cannot be listed."""

    environment: str
    page: BackupPage | None
    problem: str = ""


@dataclass(frozen=True)
class Escalation:
    """The content of an escalation: each part is ready to show, secrets and rows redacted.

    `database_logs` is by pod, as `bot.domain.server_log` leaves them.
    """

    problem: str
    database_logs: Mapping[str, str]
    backup: str
    recovery: Sequence[str]
    contacts: Sequence[str]


@dataclass(frozen=True)
class Choices:
    """The migrations and backups an environment can be rolled back to, narrowed by `text`, looked up at `at`.

    Attributes:
        environment, text: the search.
        undoable: applied migrations that a chain of down scripts reaches, newest first.
        latest: the newest backup that can be restored, if `text` matches it; None if there is none or it is unknown.
        backups: newest first, at most as many as are shown.
        problems: a sentence per list that could not be read.
    """

    environment: str
    text: str
    at: datetime
    undoable: tuple[DownScript, ...] = ()
    latest: Backup | None = None
    backups: tuple[Backup, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class EnvironmentSummary:
    """An environment on the Home tab.

    Attributes:
        environment, production, channel, quorum: as configured; `channel` is the incident channel.
        schema: None while the database does not answer or is closed.
        app_version: "" while the cluster does not answer.
        serving: whether traffic reaches ready pods; None while the cluster does not answer.
        newest: the newest backup.
        proven: the newest backup that was restored and compared with its manifest.
        run, votes: the run that holds the environment, and the votes on it.
        frozen: person and reason; None if it is not frozen.
        follow_ups: runs with an open follow-up.
        kept: kept databases.
        last_drill: the newest drill that was tried here, or with its backups; None for none.
        problems: a sentence per look-up that failed.
    """

    environment: str
    production: bool
    channel: str
    quorum: int
    schema: int | None = None
    app_version: str = ""
    serving: bool | None = None
    newest: Backup | None = None
    proven: Backup | None = None
    run: Run | None = None
    votes: tuple[Vote, ...] = ()
    frozen: str | None = None
    follow_ups: tuple[Run, ...] = ()
    kept: tuple[KeptDatabase, ...] = ()
    last_drill: Drill | None = None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class HomeFacts:
    """The content of the Home tab, looked up at `at`."""

    environments: tuple[EnvironmentSummary, ...]
    at: datetime
