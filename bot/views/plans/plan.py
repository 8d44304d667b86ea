"""The whole plan, as approvers read it."""

from bot.domain.plans import Plan, PlanKind, PlannedRows, PlannedWorkload
from bot.domain.versions import label
from bot.views import retired
from bot.views.kit.blocks import Block, context, listing, section
from bot.views.kit.text import code, count, duration, one_line, paragraph, size
from bot.views.plans import drill_evidence, drops, swap, undo_rollback

_SCRIPTS_MOST = 1700
_ROWS_MOST = 1700
_WORKLOADS_MOST = 700
_LOCKS_MOST = 500
_WARNINGS_MOST = 1200
_REASONS = {
    "dropped": "",
    "column": " (a column's values; the table stays)",
    "changed": ", of which scripts change or delete some or all",
    "derived": " (derived: it can be computed again)",
}


_NOUNS = {
    PlanKind.CHAIN: "rollback",
    PlanKind.RESTORE: "restore",
    PlanKind.UNDO: "undo",
    PlanKind.RECREATE: "undo",
    PlanKind.RESTORE_IN_PLACE: "restore",
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


def blocks(plan: Plan) -> list[Block]:
    """Render every part of a plan: about 9,500 characters at the very most."""
    parts = [_headline_section(plan), *_body(plan), _warnings(plan), drill_evidence.describe(plan), _time(plan)]
    return [*(section(part) for part in parts if part), context(_digest(plan))]


def _body(plan: Plan) -> list[str]:
    if plan.regrowth is not None:
        return [*undo_rollback.describe(plan, plan.regrowth), _app(plan)]
    if plan.restore is not None and plan.kind is PlanKind.RESTORE_IN_PLACE:
        return [*retired.describe(plan.restore), _app(plan)]
    if plan.restore is not None:
        return [*swap.describe(plan, plan.restore), _app(plan)]
    return _chain(plan)


def _chain(plan: Plan) -> list[str]:
    return [_scripts(plan), drops.describe(plan.drops), _rows(plan), _saved(plan), _app(plan), _locks(plan)]


def headline(plan: Plan) -> str:
    """``schema 027 → 026, app v1.3.0 → v1.2.3``; an app that stays is said to stay."""
    schema = f"schema {label(plan.from_schema)} → {label(plan.to_schema)}"
    before, after = one_line(plan.from_app, 40), one_line(plan.to_app, 40)
    return f"{schema}, app {before} → {after}" if plan.changes_app else f"{schema}, app stays {before}"


def impact(plan: Plan) -> str:
    """The blast radius in one line, plain: for the card and for dialogs."""
    if plan.restore is not None:
        what = swap.impact(plan.restore)
    elif plan.regrowth is not None:
        what = undo_rollback.impact(plan)
    else:
        rows, changed = sum(row.rows for row in plan.rows if row.all_go), [r for r in plan.rows if not r.all_go]
        some = f", and scripts change or delete rows of {count(len(changed), 'table')}" if changed else ""
        what = f"{count(drops.wholes_in(plan.drops), 'object')} and {count(rows, 'row')} go{some}"
    return f"{what}; the app is down for about {duration(plan.estimate.downtime_s)}"


def noun(plan: Plan) -> str:
    """What such a run is called in a title."""
    return _NOUNS[plan.kind]


def _headline_section(plan: Plan) -> str:
    return f"*{one_line(plan.environment, 40)}: {headline(plan)}*\nAsked for as {code(plan.asked_for, 120)}."


def _scripts(plan: Plan) -> str:
    lines = [
        f"• {code(script.name, 80)} ({count(script.statements, 'statement')}): {paragraph(script.impact, 300)}"
        for script in plan.scripts
    ]
    return listing("*What is undone, in one transaction, newest first*", lines, _SCRIPTS_MOST)


def _rows(plan: Plan) -> str:
    if not plan.rows:
        return "*Rows that go* – none."
    gone = [row for row in plan.rows if row.all_go]
    total = f"{sum(row.rows for row in gone):,} in all, {size(sum(row.size_bytes for row in gone))}" if gone else ""
    some = "what scripts change or delete" if len(gone) < len(plan.rows) else ""
    title = f"*Rows that go* – {'; and '.join(part for part in (total, some) if part)}"
    ranked = sorted(plan.rows, key=lambda row: (row.reason == "derived", -row.rows, row.table))
    return listing(title, [_row(row) for row in ranked], _ROWS_MOST)


def _row(row: PlannedRows) -> str:
    noun = "value" if row.reason == "column" else "row"
    rows = count(row.rows, noun) if row.all_go else f"a table with {count(row.rows, noun)}"
    return f"• {code(row.table)} {rows}, {size(row.size_bytes)}{_REASONS.get(row.reason, '')}"


def _saved(plan: Plan) -> str:
    rows = " and every row above, counted again; both" if plan.rows else ","
    return f"*Saved first* – a full backup of the database{rows} in {code(plan.saves_to, 200)}."


def _app(plan: Plan) -> str:
    held = ", ".join(code(service.service, 80) for service in plan.services[:5])
    more = f" and {len(plan.services) - 5} more" if len(plan.services) > 5 else ""  # noqa: PLR2004 -- the slice's length
    title = "*The app*" + (f" – traffic of {held}{more} is held until the smoke tests pass" if held else "")
    return listing(title, [_workload(work) for work in plan.workloads], _WORKLOADS_MOST + len(title))


def _workload(work: PlannedWorkload) -> str:
    before, after = _image(work.image), _image(work.target_image)
    change = (
        f"{code(before, 80)} → {code(after, 80)}" if work.image != work.target_image else f"stays {code(before, 80)}"
    )
    return f"• {code(work.deployment, 80)} {count(work.replicas, 'replica')}, {change}"


def _image(image: str) -> str:
    return image.split("@", 1)[0].rsplit("/", 1)[-1]


def _locks(plan: Plan) -> str:
    if not plan.locks:
        return ""
    lines = [f"• {code(lock.relation, 120)} {_LOCKS.get(lock.mode, one_line(lock.mode, 40))}" for lock in plan.locks]
    return listing("*Tables that stay and are locked meanwhile*", lines, _LOCKS_MOST)


def _warnings(plan: Plan) -> str:
    if not plan.warnings:
        return ""
    return listing("*⚠ Know this first*", [f"• {paragraph(line, 400)}" for line in plan.warnings], _WARNINGS_MOST)


def _time(plan: Plan) -> str:
    whole, down = duration(plan.estimate.total_s), duration(plan.estimate.downtime_s)
    history = drill_evidence.forecast_line(plan)
    return f"*How long* – about {whole} in all; the app is down for about {down} of it.{history}"


def _digest(plan: Plan) -> str:
    return f"Plan `{plan.short_digest}`. A vote is for exactly this plan; if anything in it moves, the votes are void."
