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
    """A line of `/migrations`: a migration, whether it is applied, and its down script (None: it has none).

    `applied`: None where the database does not say.
    `proof`: the newest of that very script; None when no drill has ever run it.
    """

    version: int
    name: str
    applied: bool | None
    script: DownScript | None
    proof: ScriptProof | None = None


@dataclass(frozen=True)
class Overview:
    """What `/migrations ENV` shows, looked up at `at`; None where nobody looked for proofs.

    `schema`: None while the database is closed; `closed_by` is then the run that holds the environment, "" for none.
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


@dataclass(frozen=True)
class KeptDatabase:
    """A replaced database that is still there: undo run `run_id` to have it back, until it is dropped."""

    environment: str
    name: str
    run_id: str
    size_bytes: int
    until: datetime


@dataclass(frozen=True)
class BackupListing:
    """What `/backups ENV` shows: a page, what was looked for, where the page begins, and when it was looked up."""

    environment: str
    page: BackupPage
    text: str
    offset: int
    at: datetime


@dataclass(frozen=True)
class BackupDetails:
    """What `/backups ENV show NAME` shows, looked up at `at`; `restored`: the newest drill that passed with it."""

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
    """What is posted when a run needs people: each part is ready to show, secrets and rows taken out.

    `database_logs` is by pod, as `bot.domain.server_log` leaves them.
    """

    problem: str
    database_logs: Mapping[str, str]
    backup: str
    recovery: Sequence[str]
    contacts: Sequence[str]


@dataclass(frozen=True)
class Choices:
    """What an environment can be rolled back to, narrowed by what somebody typed, looked up at `at`.

    Attributes:
        environment, text: what was asked.
        undoable: applied migrations that a chain of down scripts reaches, newest first.
        latest: the newest backup that can be restored, if `text` leaves it in; None where there is none or it is not
            known.
        backups: newest first, no more than are worth showing.
        problems: a sentence for each list that could not be had.
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
        frozen: who froze it and why; None when it is not.
        follow_ups: runs whose fix is still to be planned.
        kept: replaced databases that are still there.
        last_drill: the newest drill that was tried here, or with backups of here; None where there was none.
        problems: a sentence for everything that could not be looked up.
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
    """What the Home tab shows, looked up at `at`."""

    environments: tuple[EnvironmentSummary, ...]
    at: datetime
