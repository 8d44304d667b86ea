"""Renders a run's report as a Slack message."""

from collections.abc import Sequence

from bot.domain.backups import SavedTable
from bot.domain.plans import ChainPlan
from bot.domain.runs import Run, RunState
from bot.views.buttons import for_report
from bot.views.kit.blocks import Block, View, actions, context, header, listing, page, section
from bot.views.kit.text import code, count, duration, moment, one_line, people, person, prose, size
from bot.views.plans import plan as plan_view
from bot.views.plans.kinds import KINDS
from bot.views.runs.report_model import BOT, Account, RunReport, TimelineEntry

_MAX_TIMELINE = 2800
_MAX_ACCOUNTS = 1400
_MAX_SAVED = 1800
_MAX_DETAIL = 160
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
            context(f"Run {code(run.id, 40)} · plan `{run.plan.short_digest}` · {_log(report)}"),
        ],
    )


def _log(report: RunReport) -> str:
    """Name the place in the audit log up to which it tells of the run."""
    if report.last_event is None:
        return "the audit log holds every event."
    return f"log `{one_line(report.last_event.short, 40)}`; the audit log holds every event."


def _accounts(accounts: Sequence[Account]) -> list[Block]:
    lines = [f"{person(account.author)}: {_account(account)}" for account in accounts]
    return [section(listing("*What went wrong*", lines, _MAX_ACCOUNTS))] if lines else []


def _account(account: Account) -> str:
    change = one_line(account.change, 400)
    return one_line(account.wrong, 400) + (f" _To change:_ {change}" if change else "")


def _changed(report: RunReport) -> list[str]:
    """Describe what changed, or would have; what was saved before is there even where nothing changed."""
    run = report.run
    return [*KINDS[run.plan.kind].outcome(run.plan, run), *_saved(report), *_findings(report)]


def _findings(report: RunReport) -> list[str]:
    lines = [f"• {one_line(line, 300)}" for line in report.findings]
    lines += [f"• not copied: {one_line(line, 300)}" for line in report.not_copied]
    return [listing("*Look at this*", lines, _MAX_SAVED)] if lines else []


def _outcome(report: RunReport) -> str:
    run, down = report.run, report.downtime_s
    good = run.state in {RunState.RUNNING, RunState.SUCCEEDED} and not run.problem
    lines = [f"*{KINDS[run.plan.kind].done if good else '⚠️ Not completed'}* – {plan_view.headline(run.plan)}"]
    if run.problem:
        lines.append(f"What stopped it: {prose(run.problem, 600)}")
    if down is not None:
        lines.append(f"The app was down for {duration(down)}; planned were {duration(run.plan.estimate.downtime_s)}.")
    return "\n".join(lines)


def _saved(report: RunReport) -> list[str]:
    run, export = report.run, report.export
    if not isinstance(run.plan, ChainPlan):
        return []
    if export is None:
        if report.exported:  # the bucket does not answer just now
            return [f"*Saved rows* – {one_line(report.exported, 200)}, in {code(run.plan.saves_to, 120)}."]
        return ["*Saved rows* – none were exported." if run.plan.rows else "*Saved rows* – none had to be."]
    title = (
        f"*Saved rows* – {count(export.rows, 'row')} of {count(len(export.tables), 'relation')} "
        f"in {code(run.plan.saves_to, 120)}, under {code(export.prefix, 200)}"
    )
    return [listing(title, [_table(table) for table in export.tables], _MAX_SAVED + len(title))]


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
