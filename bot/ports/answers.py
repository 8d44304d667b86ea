"""What people are answered with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.domain.backups import Backup, BackupPage
from bot.domain.drills import Drill, ScriptProof
from bot.domain.migrations import DownScript


@dataclass(frozen=True)
class Audience:
    """Who asked, and how to answer them: by `response_url` where there is one, else as an ephemeral in `channel`."""

    user_id: str
    channel: str
    response_url: str = ""


@dataclass(frozen=True)
class MigrationRow:
    """A line of `/migrations`: a migration, whether it is applied, and its down script (None: it has none).

    `proof`: the newest of that very script; None when no drill has ever run it.
    """

    version: int
    name: str
    applied: bool
    script: DownScript | None
    proof: ScriptProof | None = None


@dataclass(frozen=True)
class Overview:
    """What `/migrations ENV` shows, looked up at `at`; None where nobody looked for proofs."""

    environment: str
    schema: int
    app_version: str
    serving: bool
    matrix: Sequence[str]
    rows: Sequence[MigrationRow]
    frozen: str | None = None
    at: datetime | None = None


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
    """What is posted when a run needs people: each part is ready to show, secrets and rows taken out."""

    problem: str
    database_logs: Mapping[str, str]
    backup: str
    recovery: Sequence[str]
    contacts: Sequence[str]
