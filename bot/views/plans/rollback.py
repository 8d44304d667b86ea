"""Shows a rollback as approvers read it: what is undone, dropped, saved and locked."""

from bot.domain.plans import ChainPlan
from bot.domain.runs import Run
from bot.planning.kinds import is_past_return, may_be_past_return
from bot.views.kit.blocks import listing
from bot.views.kit.text import code, count, one_line, paragraph
from bot.views.plans import changes, drops

_MAX_SCRIPTS = 1200
_MAX_LOCKS = 400
_REASONS = {
    "dropped": "",
    "column": " (a column's values; the table stays)",
    "changed": ", of which scripts change or delete some or all",
    "derived": " (derived: it can be computed again)",
}
_LOCKS = {
    "AccessExclusiveLock": "nobody can read or write it",
    "ExclusiveLock": "nobody can write it",
    "ShareRowExclusiveLock": "nobody can write it",
    "ShareLock": "nobody can write it",
    "ShareUpdateExclusiveLock": "reads and writes go on",
    "RowExclusiveLock": "reads and writes go on",
    "RowShareLock": "reads and writes go on",
    "AccessShareLock": "reads and writes go on",
}


def describe(plan: ChainPlan, app: str) -> list[str]:
    """Describe it in sections of mrkdwn; `app` is the section on the app."""
    return [
        _scripts(plan),
        drops.describe(plan.drops),
        changes.describe_renames(plan.renames),
        changes.describe(plan.changes),
        _rows(plan),
        _saved(plan),
        app,
        _locks(plan),
    ]


def impact(plan: ChainPlan) -> str:
    """Describe what goes in one plain line, without a full stop."""
    rows, changed = drops.sum_up_rows(plan.rows)
    some = f", and scripts change or delete rows of {count(changed, 'table')}" if changed else ""
    others = changes.impact(plan.changes, plan.renames)
    return f"{count(drops.wholes_in(plan.drops), 'object')} and {rows} go{some}{others}"


def outcome(plan: ChainPlan, run: Run) -> list[str]:
    """Describe what such a run dropped, or would have."""
    if is_past_return(run):
        return _listed(plan, "was dropped", "came and what changed", "got another name", "")
    if may_be_past_return(run):
        doubt = " – look first"
        return _listed(plan, "may have been dropped", "may have come or changed", "may have another name", doubt)
    nothing = " – nothing was"
    return _listed(plan, "would have been dropped", "would have come or changed", "would have another name", nothing)


def _listed(plan: ChainPlan, gone: str, changed: str, renamed: str, doubt: str) -> list[str]:
    """List everything that differs, each section under its own words; what has nothing to list is left out."""
    sections = [drops.describe(plan.drops, f"What {gone}{doubt}")]
    if plan.renames:
        sections.append(changes.describe_renames(plan.renames, f"What {renamed}{doubt}"))
    if changes.wholes(plan.changes or ()):
        sections.append(changes.describe(plan.changes, f"What {changed}{doubt}"))
    return [section for section in sections if section]


def _scripts(plan: ChainPlan) -> str:
    lines = [
        f"• {code(script.name, 80)} ({count(script.statements, 'statement')}): {paragraph(script.impact, 300)}"
        for script in plan.scripts
    ]
    return listing("*What is undone, in one transaction, newest first*", lines, _MAX_SCRIPTS)


def _rows(plan: ChainPlan) -> str:
    if not plan.rows:
        return "*Rows that go* – none."
    return drops.list_rows(plan.rows, "Rows that go", "what scripts change or delete", _REASONS, sized=True)


def _saved(plan: ChainPlan) -> str:
    rows = " and every row above, counted again; both" if plan.rows else ","
    return f"*Saved first* – a full backup of the database{rows} in {code(plan.saves_to, 200)}."


def _locks(plan: ChainPlan) -> str:
    if not plan.locks:
        return ""
    lines = [f"• {code(lock.relation, 120)} {_LOCKS.get(lock.mode, one_line(lock.mode, 40))}" for lock in plan.locks]
    return listing("*Tables that stay and are locked meanwhile*", lines, _MAX_LOCKS)
