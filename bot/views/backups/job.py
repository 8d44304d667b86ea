"""A chore's message in the incident channel, or a run's thread: one, from its begin to its outcome."""

from bot.domain.jobs import Chore, ChoreKind, ChoreState
from bot.views.backups import row_recovery as salvage
from bot.views.backups.backups import LEVELS, NAME_MOST
from bot.views.kit.blocks import View, context, page, section
from bot.views.kit.text import code, count, duration, moment, one_line, person, progress, prose, size


def render(chore: Chore) -> View:
    """Render who does what, how far it is, and how it ended."""
    text = f"{_mark(chore)} {_headline(chore)}"
    lines = [text, *_lines(chore)]
    small = f"asked for by {person(chore.user_id)} · begun {moment(chore.begun_at, '{time_secs}')}"
    if chore.ended_at:
        small += f" · took {duration(chore.took_s)}"
    if chore.attempt > 1:
        small += f" · attempt {chore.attempt}, after a restart in the middle of it"
    return page(text, [section("\n".join(lines)), context(small)])


def _mark(chore: Chore) -> str:
    if chore.state is ChoreState.RUNNING:
        return "▶️"
    return "❌" if chore.problem or chore.state is ChoreState.FAILED else "✅"


def _headline(chore: Chore) -> str:
    where, who = f"*{one_line(chore.environment, 40)}*", person(chore.user_id)
    subject = code(chore.subject, NAME_MOST)
    if chore.kind is ChoreKind.SALVAGE:
        return {
            ChoreState.RUNNING: f"{who} compares {where} with what run {subject} put aside",
            ChoreState.DONE: f"{where} compared with what run {subject} put aside",
            ChoreState.FAILED: f"{where} could not be compared with what run {subject} put aside",
        }[chore.state]
    if chore.kind is ChoreKind.TAKE:
        return {
            ChoreState.RUNNING: f"{who} takes a backup of {where} ({subject})",
            ChoreState.DONE: f"Backup of {where} taken: {subject}",
            ChoreState.FAILED: f"No backup of {where} was taken ({subject})",
        }[chore.state]
    level = f"level {chore.level}, {LEVELS.get(chore.level, 'unknown')}"
    if chore.state is ChoreState.RUNNING:
        return f"{who} verifies {subject} of {where} ({level})"
    if chore.state is ChoreState.FAILED:
        return f"{subject} of {where} could not be verified ({level})"
    return f"{subject} of {where} " + (f"did *not* pass {level}" if chore.problem else f"passed {level}")


def _lines(chore: Chore) -> list[str]:
    lines = [progress(chore.progress)] if chore.progress else []
    if chore.backup is not None:
        tables = chore.backup.manifest.tables if chore.backup.manifest else ()
        rows = sum(table.rows for table in tables)
        lines.append(
            f"{size(chore.backup.stored.size_bytes)} · {count(len(tables), 'table')} · {count(rows, 'row')} · "
            f"not verified yet"
        )
    lines += salvage.lines(chore.salvage) if chore.salvage else []
    lines += [prose(chore.problem, 900)] if chore.problem else []
    lines += [prose(chore.note, 300)] if chore.note else []
    return lines
