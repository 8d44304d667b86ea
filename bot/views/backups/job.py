"""A chore's message in the incident channel, or a run's thread: one, from its begin to its outcome."""

from bot.domain.jobs import Job, JobKind, JobState
from bot.views.backups import row_recovery
from bot.views.backups.backups import LEVELS, NAME_MOST
from bot.views.kit.blocks import View, context, page, section
from bot.views.kit.text import code, count, duration, moment, one_line, person, progress, prose, size


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
    where, who = f"*{one_line(job.environment, 40)}*", person(job.user_id)
    subject = code(job.subject, NAME_MOST)
    if job.kind is JobKind.SALVAGE:
        return {
            JobState.RUNNING: f"{who} compares {where} with what run {subject} put aside",
            JobState.DONE: f"{where} compared with what run {subject} put aside",
            JobState.FAILED: f"{where} could not be compared with what run {subject} put aside",
        }[job.state]
    if job.kind is JobKind.TAKE:
        return {
            JobState.RUNNING: f"{who} takes a backup of {where} ({subject})",
            JobState.DONE: f"Backup of {where} taken: {subject}",
            JobState.FAILED: f"No backup of {where} was taken ({subject})",
        }[job.state]
    level = f"level {job.level}, {LEVELS.get(job.level, 'unknown')}"
    if job.state is JobState.RUNNING:
        return f"{who} verifies {subject} of {where} ({level})"
    if job.state is JobState.FAILED:
        return f"{subject} of {where} could not be verified ({level})"
    return f"{subject} of {where} " + (f"did *not* pass {level}" if job.problem else f"passed {level}")


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
