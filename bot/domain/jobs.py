"""Defines jobs: long work on backups and kept databases that needs no approval and changes nothing that serves."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.domain.backups import Backup
from bot.domain.row_recovery import Salvage
from bot.domain.runs import Progress

MAX_LABEL = 60
DEFAULT_LABEL = "manual"
LEVELS = (1, 2, 3)
DEFAULT_LEVEL = 2
_LABEL = re.compile(rf"[A-Za-z0-9][A-Za-z0-9.\-]{{0,{MAX_LABEL - 1}}}")
_RESERVED = ("pre-rollback-", "pre-restore-", "pre-undo-", "drill-", "test-rollback-")
"""A run finds its own bundle again by such a label; nobody else may make one that looks like it."""


def is_label(text: str) -> bool:
    """Tell if a text can be a backup's label: letters, digits, dots and dashes, 60 at the most."""
    return _LABEL.fullmatch(text) is not None


def is_reserved(label: str) -> bool:
    """Tell if only runs may use that label."""
    return label.lower().startswith(_RESERVED)


class JobKind(StrEnum):
    """Kinds of jobs."""

    TAKE = "take"
    VERIFY = "verify"
    SALVAGE = "salvage"


class JobState(StrEnum):
    """State of a job. Another process takes over when its owner dies, so none is left running."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class Job:
    """A job as it is shown.

    Attributes:
        id: of the request that asked for it.
        subject: a backup's name; for `TAKE`, its label until it is done; for `SALVAGE`, the run's id.
        user_id: who asked.
        begun_at: of this attempt, UTC.
        level: of a verification; 0 for anything else.
        attempt: 1, or more after a restart in the middle of it.
        progress: of what is being done now.
        ended_at: UTC; None while it runs.
        backup: what came of `TAKE`.
        problem: why it failed, ready to show; what was proven wrong for a `VERIFY` that ended well but said no.
        note: one more line on how it ended.
        salvage: what came of `SALVAGE`.
    """

    id: str
    kind: JobKind
    environment: str
    subject: str
    user_id: str
    begun_at: datetime
    level: int = 0
    attempt: int = 1
    state: JobState = JobState.RUNNING
    progress: Progress | None = None
    ended_at: datetime | None = None
    backup: Backup | None = None
    problem: str = ""
    note: str = ""
    salvage: Salvage | None = None

    @property
    def took_s(self) -> float:
        """Seconds it took; 0 while it runs."""
        return (self.ended_at - self.begun_at).total_seconds() if self.ended_at else 0.0


@dataclass(frozen=True)
class JobHolder:
    """Holder of a kind of job in an environment, and since when."""

    request_id: str
    user_id: str
    since: datetime
