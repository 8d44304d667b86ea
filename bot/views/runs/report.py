"""Renders a run's report as a Slack message."""

from collections.abc import Sequence

from bot.domain.backups import SavedTable
from bot.domain.plans import PlanKind
from bot.domain.runs import Run, RunState
from bot.planning.retired import is_retired
from bot.views import retired
from bot.views.buttons import for_report
from bot.views.kit.blocks import Block, View, actions, context, header, listing, page, section
from bot.views.kit.text import code, count, duration, moment, one_line, people, person, prose, size
from bot.views.plans import drops, swap, undo_rollback
from bot.views.plans import plan as plan_view
from bot.views.runs.report_model import BOT, Account, Change, RunReport, TimelineEntry

_MAX_TIMELINE = 2800
_MAX_ACCOUNTS = 1400
_MAX_SAVED = 1800
_MAX_DETAIL = 160
_GOOD = {
    PlanKind.CHAIN: "✅ Rolled back",
    PlanKind.RESTORE: "✅ Restored",
    PlanKind.UNDO: "✅ Undone",
    PlanKind.RECREATE: "✅ Undone",
    PlanKind.RESTORE_IN_PLACE: "✅ Restored in place",
}
_STEP_SIGNS = {"step": "✓", "step-failed": "✗", "step-undone": "↩"}


def render(report: RunReport) -> View:
    """Render the report as a message; long lists are cut, the HTML file has them whole."""
    run = report.run
    title = f"Report: {plan_view.noun(run.plan)} of {run.environment} to schema {run.plan.to_schema:03d}"
    text = f"Report of run {one_line(run.id, 20)}: {one_line(run.environment, 40)}, {plan_view.headline(run.plan)}"
    return page(
        text,
        [
            header(title),
            section(_outcome(report)),
            *(section(part) for part in _changed(report)),
            section(_people(run, report.approvers)),
            section(listing("*Timeline*", [_line(entry) for entry in report.timeline], _MAX_TIMELINE)),
            *_accounts(report.accounts),
            *actions(for_report(run)),
            context(f"Run {code(run.id, 40)} · plan `{run.plan.short_digest}` · the audit log holds every event."),
        ],
    )


def _accounts(accounts: Sequence[Account]) -> list[Block]:
    lines = [f"{person(account.author)}: {_account(account)}" for account in accounts]
    return [section(listing("*What went wrong*", lines, _MAX_ACCOUNTS))] if lines else []


def _account(account: Account) -> str:
    change = one_line(account.change, 400)
    return one_line(account.wrong, 400) + (f" _To change:_ {change}" if change else "")


def _changed(report: RunReport) -> list[str]:
    run = report.run
    if report.change is not Change.MADE:
        return _unchanged(report)
    if run.plan.regrowth is not None:
        return undo_rollback.describe(run.plan, run.plan.regrowth)
    if run.plan.restore is None:
        return [drops.describe(run.plan.drops, "What was dropped"), _saved(report)]
    if is_retired(run):
        return [*retired.describe(run.plan.restore), retired.outcome(run)]
    return [*swap.describe(run.plan, run.plan.restore), *_findings(report)]


def _unchanged(report: RunReport) -> list[str]:
    """Describe what a run would have changed or may have changed; what it saved is there even so."""
    run, sure = report.run, report.change is Change.NONE
    restore = run.plan.restore
    if is_retired(run):
        return [retired.outcome(run)]
    if restore is not None:
        return [swap.unswapped(run.plan, restore, sure=sure), *_findings(report)]
    if run.plan.regrowth is not None:
        title = "What would have come back – nothing did" if sure else "What may have come back – look first"
        return [drops.describe(run.plan.drops, title)]
    title = "What would have been dropped – nothing was" if sure else "What may have been dropped – look first"
    return [drops.describe(run.plan.drops, title), _saved(report)]


def _findings(report: RunReport) -> list[str]:
    lines = [f"• {one_line(line, 300)}" for line in report.findings]
    lines += [f"• not copied: {one_line(line, 300)}" for line in report.not_copied]
    return [listing("*Look at this*", lines, _MAX_SAVED)] if lines else []


def _outcome(report: RunReport) -> str:
    run, down = report.run, report.downtime_s
    good = run.state in {RunState.RUNNING, RunState.SUCCEEDED} and not run.problem
    lines = [f"*{_GOOD[run.plan.kind] if good else '⚠️ Not completed'}* – {plan_view.headline(run.plan)}"]
    if run.problem:
        lines.append(f"What stopped it: {prose(run.problem, 600)}")
    if down is not None:
        lines.append(f"The app was down for {duration(down)}; planned were {duration(run.plan.estimate.downtime_s)}.")
    return "\n".join(lines)


def _saved(report: RunReport) -> str:
    run, export = report.run, report.export
    if export is None:
        if report.exported:  # the bucket does not answer just now
            return f"*Saved rows* – {one_line(report.exported, 200)}, in {code(run.plan.saves_to, 120)}."
        return "*Saved rows* – none were exported." if run.plan.rows else "*Saved rows* – none had to be."
    title = (
        f"*Saved rows* – {count(export.rows, 'row')} of {count(len(export.tables), 'relation')} "
        f"in {code(run.plan.saves_to, 120)}, under {code(export.prefix, 200)}"
    )
    return listing(title, [_table(table) for table in export.tables], _MAX_SAVED + len(title))


def _table(table: SavedTable) -> str:
    return f"• {code(table.table, 120)} {count(table.rows, 'row')}, {size(table.size_bytes)}: {code(table.key, 200)}"


def _people(run: Run, approved: Sequence[str]) -> str:
    lines = [f"Asked for by {person(run.requester)}, {moment(run.created_at, '{date_short_pretty} {time}')}."]
    if approved:
        lines.append(f"Approved by {people(approved)}.")
    return "*People*\n" + " ".join(lines) + (f"\nReason: {one_line(run.reason, 500)}" if run.reason else "")


def _line(entry: TimelineEntry) -> str:
    at = moment(entry.at, "{time_secs}")
    if entry.step:
        outcome = f": {one_line(entry.outcome, _MAX_DETAIL)}" if entry.outcome else ""
        return f"{at} {_STEP_SIGNS[entry.event]} {entry.step}{outcome}"
    who = "" if entry.actor == BOT else f"{person(entry.actor)} "
    details = one_line(", ".join(f"{key} {' '.join(words)}" for key, words in entry.details), _MAX_DETAIL)
    return f"{at} {who}{one_line(entry.event.replace('-', ' '), 60)}" + (f": {details}" if details else "")
