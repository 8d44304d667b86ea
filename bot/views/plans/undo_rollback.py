"""Shows the undo of a rollback as approvers read it: what comes back, and from where."""

from bot.domain.plans import UndoRollbackPlan
from bot.domain.runs import Run
from bot.planning.kinds import is_past_return, may_be_past_return
from bot.views.kit.text import code, count, moment, one_line
from bot.views.plans import drops

_STAMP = "{date_short_pretty} {time}"
_HOW = {
    "dropped": "",
    "column": " (a column's values, by primary key; what was written since keeps the column's default)",
    "changed": ", of which those that are missing come back, by primary key",
    "derived": " (computed again)",
}


def describe(plan: UndoRollbackPlan, *app: str) -> list[str]:
    """Describe it in sections of mrkdwn, the app's last: about 5,500 characters at the very most."""
    return [_source(plan), drops.describe(plan.drops, "What comes back"), _rows(plan), _kept(plan), *app]


def impact(plan: UndoRollbackPlan) -> str:
    """Describe what comes back in one plain line, without a full stop."""
    rows, changed = drops.sum_up_rows(plan.rows)
    some = f", and what is missing of {count(changed, 'table')}" if changed else ""
    return f"{count(drops.wholes_in(plan.drops), 'object')} and {rows} come back{some}"


def outcome(plan: UndoRollbackPlan, run: Run) -> list[str]:
    """Describe what such a run brought back, or would have."""
    if is_past_return(run):
        return describe(plan)
    if may_be_past_return(run):
        return [drops.describe(plan.drops, "What may have come back – look first")]
    return [drops.describe(plan.drops, "What would have come back – nothing did")]


def _source(plan: UndoRollbackPlan) -> str:
    source = plan.source
    names = ", ".join(one_line(script.name, 60) for script in plan.scripts[:10])
    more = f" and {len(plan.scripts) - 10} more" if len(plan.scripts) > 10 else ""  # noqa: PLR2004 -- the slice's length
    rows = f", and its rows under {code(source.export, 120)}" if source.export else ""
    return (
        f"*What is taken back* – run {code(plan.undoes, 40)}, which undid {names}{more}.\n"
        f"It is created again as it was in {code(source.backup, 160)}, "
        f"taken {moment(source.created_at, _STAMP)}{rows}. "
        "One transaction; rehearsed without the rows: the schema is then exactly what it was."
    )


def _rows(plan: UndoRollbackPlan) -> str:
    if not plan.rows:
        return "*Rows that come back* – none had gone."
    return drops.list_rows(plan.rows, "Rows that come back", "what is missing of tables that stayed", _HOW)


def _kept(plan: UndoRollbackPlan) -> str:
    return (
        "*Nothing is lost* – rows written since the chain stay. "
        f"A full backup is taken first, into {code(plan.saves_to, 200)}."
    )
