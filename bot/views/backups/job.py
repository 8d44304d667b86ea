"""Renders a job's message in the incident channel or a run's thread, from its begin to its outcome."""

from bot.domain.jobs import Job, JobKind, JobState
from bot.domain.kinds import rows_of_every_kind
from bot.domain.row_recovery import Salvage
from bot.views.backups.backups import LEVELS, MAX_NAME
from bot.views.kit.blocks import View, context, listing, page, section
from bot.views.kit.text import code, count, duration, moment, one_line, person, progress, prose, size

_MAX_TABLES = 1200
_MAX_SKIPPED = 900
_MAX_TABLE = 140

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
    """Render the person, the work, its progress, and its outcome."""
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
        subject=code(job.subject, MAX_NAME),
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
    lines += _recovered(job.salvage) if job.salvage else []
    lines += [prose(job.problem, 900)] if job.problem else []
    lines += [prose(job.note, 900)] if job.note else []
    return lines


def _recovered(found: Salvage) -> list[str]:
    """List the contents of the file and what it lacks: counts and a key, never rows (decision 11)."""
    offered = [table for table in found.tables if table.inserts or table.updates]
    elsewhere = sum(table.only_live for table in found.tables)
    texts = [f"{count(found.compared, 'table')} compared: {_sum(found)}."]
    if offered:
        each = [
            f"• {code(table.table, _MAX_TABLE)}: {count(table.inserts, 'row')} to bring back, {table.updates:,} changed"
            for table in offered
        ]
        texts.append(listing("*In the file*", each, _MAX_TABLES))
    if found.skipped:
        each = [f"• {code(table.table, _MAX_TABLE)}: {one_line(table.reason, 200)}" for table in found.skipped]
        texts.append(listing("*Not in the file*", each, _MAX_SKIPPED))
    if elsewhere:
        texts.append(f"{count(elsewhere, 'row')} only in the live database; nothing is offered for them.")
    texts.append(f"The SQL is in the environment's bucket as {code(found.key)}: patients' rows, so not in this thread.")
    texts.append("Nothing was applied. Review it, then have the owner of the tables run it.")
    return texts


def _sum(found: Salvage) -> str:
    inserts = sum(table.inserts for table in found.tables)
    updates = sum(table.updates for table in found.tables)
    if not inserts and not updates:
        return "no row is missing"
    return f"{count(inserts, 'row')} missing, {count(updates, 'row')} with other values"
