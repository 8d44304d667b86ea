"""A chore's message in the incident channel, or a run's thread: one, from its begin to its outcome."""

from bot.domain.jobs import Job, JobKind, JobState
from bot.domain.kinds import rows_of_every_kind
from bot.views.backups import row_recovery
from bot.views.backups.backups import LEVELS, NAME_MOST
from bot.views.kit.blocks import View, context, page, section
from bot.views.kit.text import code, count, duration, moment, one_line, person, progress, prose, size

_HEADLINES = rows_of_every_kind(
    JobKind,
    {
        JobKind.SALVAGE: {
            JobState.RUNNING: "{who} compares {where} with what run {subject} put aside",
            JobState.DONE: "{where} compared with what run {subject} put aside",
            JobState.FAILED: "{where} could not be compared with what run {subject} put aside",
        },
        JobKind.TAKE: {
            JobState.RUNNING: "{who} takes a backup of {where} ({subject})",
            JobState.DONE: "Backup of {where} taken: {subject}",
            JobState.FAILED: "No backup of {where} was taken ({subject})",
        },
        JobKind.VERIFY: {
            JobState.RUNNING: "{who} verifies {subject} of {where} ({level})",
            JobState.DONE: "{subject} of {where} {passed} {level}",
            JobState.FAILED: "{subject} of {where} could not be verified ({level})",
        },
    },
)
"""A job's first line, by its kind and state."""


def render(job: Job) -> View:
    """Render who does what, how far it is, and how it ended."""
    text = f"{_mark(job)} {_headline(job)}"
    lines = [text, *_lines(job)]
    small = f"asked for by {person(job.user_id)} · begun {moment(job.begun_at, '{time_secs}')}"
    if job.ended_at:
        small += f" · took {duration(job.took_s)}"
    if job.attempt > 1:
        small += f" · attempt {job.attempt}, after a restart in the middle of it"
    return page(text, [section("\n".join(lines)), context(small)])


def _mark(job: Job) -> str:
    if job.state is JobState.RUNNING:
        return "▶️"
    return "❌" if job.problem or job.state is JobState.FAILED else "✅"


def _headline(job: Job) -> str:
    return _HEADLINES[job.kind][job.state].format(
        who=person(job.user_id),
        where=f"*{one_line(job.environment, 40)}*",
        subject=code(job.subject, NAME_MOST),
        level=f"level {job.level}, {LEVELS.get(job.level, 'unknown')}",
        passed="did *not* pass" if job.problem else "passed",
    )


def _lines(job: Job) -> list[str]:
    lines = [progress(job.progress)] if job.progress else []
    if job.backup is not None:
        tables = job.backup.manifest.tables if job.backup.manifest else ()
        rows = sum(table.rows for table in tables)
        lines.append(
            f"{size(job.backup.stored.size_bytes)} · {count(len(tables), 'table')} · {count(rows, 'row')} · "
            f"not verified yet"
        )
    lines += row_recovery.lines(job.salvage) if job.salvage else []
    lines += [prose(job.problem, 900)] if job.problem else []
    lines += [prose(job.note, 300)] if job.note else []
    return lines
