"""Describes every kind of job: one row per kind."""

from collections.abc import Mapping
from dataclasses import dataclass

from bot.domain.jobs import JobKind


@dataclass(frozen=True)
class JobWords:
    """Names a kind of job.

    Attributes:
        noun: in a sentence.
        title: of its step.
        audited: event in the audit log when it ends.
    """

    noun: str
    title: str
    audited: str


JOB_WORDS: Mapping[JobKind, JobWords] = {
    JobKind.TAKE: JobWords("backup", "Dump, bundle and upload", "backup-take"),
    JobKind.VERIFY: JobWords("verification", "Verify the bundle", "backup-verify"),
    JobKind.SALVAGE: JobWords("comparison", "Compare, and write the rows as SQL", "rows-salvaged"),
}

if set(JOB_WORDS) != set(JobKind):  # pragma: no cover -- a kind without its row fails the import, not a user
    raise TypeError(f"no row for jobs of kind {set(JobKind) - set(JOB_WORDS)}")
