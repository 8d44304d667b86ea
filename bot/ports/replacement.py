"""Replacing a database's content in place."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.domain.backups import TableContent
from bot.ports.progress import Report


@dataclass(frozen=True)
class ReplacementOrder:
    """What may go: only what the emergency backup holds.

    Attributes:
        saved: every table's content in the emergency backup.
        uncounted: `Database.uncounted` from before that backup was begun.
        fingerprint: of the catalogue when the plan was made.
    """

    saved: tuple[TableContent, ...]
    uncounted: str
    fingerprint: str


@dataclass(frozen=True)
class Supervision:
    """Who is asked while it goes on. Whatever one of them raises rolls everything back.

    Attributes:
        began: told the transaction's number before anything is dropped; see `Database.was_committed`.
        judge: given what was loaded, by table, and the newest migration in it, before COMMIT.
        report: told how far it is.
        may_commit: called just before COMMIT; raises when this process no longer owns the run.
        lacking: told, before COMMIT, which of the bundle's privileges could not be given, one line each; not asked
            where all could. The rest is as it was.
    """

    began: Callable[[str], None]
    judge: Callable[[Sequence[TableContent], int], None]
    report: Report
    may_commit: Callable[[], None]
    lacking: Callable[[Sequence[str]], None]


@dataclass(frozen=True)
class Replaced:
    """What was loaded: how many statements, rows in how many tables, in how many seconds."""

    statements: int
    rows: int
    tables: int
    elapsed_s: float
