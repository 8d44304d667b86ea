"""Shows a restore or its undo as approvers read it: what comes, what goes, where the old database is kept."""

from bot.domain.planned import PlannedLoss, PlannedRestore
from bot.domain.plans import RetiredPlan, SwapPlan
from bot.domain.runs import Run
from bot.planning.kinds import is_past_return, may_be_past_return, saved_backup
from bot.views.kit.blocks import listing
from bot.views.kit.text import code, count, moment, one_line, prose, span

_MAX_LOST_ROWS = 2400
_STAMP = "{date_short_pretty} {time}"


def describe(plan: SwapPlan, *app: str) -> list[str]:
    """Describe the swap in sections of mrkdwn, the app's last: about 4,000 characters at the very most."""
    return [_coming(plan), _lost_rows(plan.restore), _kept(plan.restore), *app]


def outcome(plan: SwapPlan, run: Run) -> list[str]:
    """Describe what such a run swapped, or which database is the live one where it did not come so far."""
    return describe(plan) if is_past_return(run) else [_unswapped(plan, run)]


def _unswapped(plan: SwapPlan, run: Run) -> str:
    come = plan.restore
    if may_be_past_return(run):
        return (
            "*Whether the databases were swapped is not known* – look at the names (psql -l) before anything else: "
            f"{_sign(come)}. No database has been dropped."
        )
    was = f"the database that run {code(plan.undoes, 40)} put aside" if plan.undoes else code(come.backup, 160)
    return f"*Nothing was swapped* – the live database is the one from before; {was} was to take its place."


def _sign(come: PlannedRestore) -> str:
    """Say by what people see that the databases were swapped."""
    if come.outgoing:
        return f"{code(come.outgoing, 80)} is there only if they were"
    return f"{code(come.incoming, 80)} is there only if they were not"


def impact(plan: SwapPlan) -> str:
    """Describe what is lost in one plain line, without a full stop."""
    come = plan.restore
    if not come.outgoing:
        return "there is no database now, so no row goes that is not gone already"
    if not come.compared:
        return "rows written since the backup go; how many is unknown"
    losing = [loss for loss in come.losses if loss.rows_now > loss.rows_then or loss.gone]
    if not losing:
        return "rows written since go, though no table has fewer rows afterwards"
    return f"at least {count(come.rows_lost, 'row')} of {count(len(losing), 'table')} go"


def _coming(plan: SwapPlan) -> str:
    come = plan.restore
    at = moment(come.created_at, _STAMP)
    if plan.undoes:
        return (
            f"*What comes back* – the database that run {code(plan.undoes, 40)} put aside at {at}, "
            f"kept as {code(come.incoming, 80)}. Nothing is loaded: the two only change names."
        )
    proven = f"verified: {one_line(come.verified, 100)}" if come.verified else "never verified; this run verifies it"
    return (
        f"*What comes* – {code(come.backup, 160)}, taken {at}, {proven}.\n"
        f"It is loaded into {code(come.incoming, 80)} and {_compared(come)} while the app serves; "
        "only then the app stops and the two databases change names, in one transaction."
    )


def _compared(come: PlannedRestore) -> str:
    if come.proof:
        return f"compared with {prose(come.proof, 200)}"
    # A plan of an old release.
    return "compared with its manifest" if come.compared else "its rows are counted, with no manifest to compare with,"


def _lost_rows(come: PlannedRestore) -> str:
    """List the tables that lose rows. Numbers are net: of 100 rows written and 40 deleted, 60 show, and 100 go."""
    if not come.outgoing:
        return "*Rows that vanish* – none that are not gone already: there is no database now."
    if not come.compared:
        return "*Rows that vanish* – all that were written since; how many is unknown."
    since = f"since {moment(come.created_at, _STAMP)}"
    net = f"Rows written and rows deleted {since} offset each other in such numbers; rows changed since go back, too."
    if not come.losses:
        return f"*Rows that vanish* – those written since; every table has as many rows as then. {net}"
    title = f"*Rows that vanish* – at least {come.rows_lost:,} in all. {net}"
    return listing(title, [_loss(loss, since) for loss in come.losses], _MAX_LOST_ROWS)


def _loss(loss: PlannedLoss, since: str) -> str:
    table = code(loss.table)
    if loss.gone:
        return f"⚠ {count(loss.rows_now, 'row')} of {table}: the whole table will vanish"
    if loss.rows_now >= loss.rows_then:
        least = count(loss.rows_now - loss.rows_then, "row")
        return f"• at least {least} of {table} {since} will vanish ({loss.rows_now:,} now)"
    return f"• {table} gets at least {count(loss.rows_then - loss.rows_now, 'row')} back ({loss.rows_now:,} now)"


def _kept(come: PlannedRestore) -> str:
    if not come.outgoing:
        return "*Nothing is kept* – there is no database to put aside, so this run cannot be undone."
    name, long = code(come.outgoing, 80), span(come.keep_s)
    return f"*Nothing is lost* – the live database is kept whole as {name} for {long}; undo brings it back."


def describe_retired(plan: RetiredPlan, *app: str) -> list[str]:
    """Describe a restore in place of an old release in sections of mrkdwn, the app's last."""
    come = plan.restore
    what = f"*What comes* – {code(come.backup, 160)}, taken {moment(come.created_at, _STAMP)}, loaded in place."
    return [what, _lost_rows(come), *app]


def retired_outcome(plan: RetiredPlan, run: Run) -> list[str]:
    """Describe what a restore in place replaced, and where the old content is."""
    return [*(describe_retired(plan) if is_past_return(run) else []), _old_content(run)]


def _old_content(run: Run) -> str:
    saved = saved_backup(run)
    if is_past_return(run):
        again = code(f"/rollback {run.environment} {saved}", 200)
        return f"*The old content* – is in the emergency backup; {again} restores it."
    taken = f" The emergency backup {code(saved, 160)} was taken." if saved else " No emergency backup was taken."
    if may_be_past_return(run):
        return f"*Whether the content was replaced is not known* – look at the database before anything else.{taken}"
    return f"*Nothing was replaced* – the old content is as it was.{taken}"
