"""A restore in place, as approvers read it: what comes and goes, how long the app is down, where the old content is."""

from bot.domain.plans import Plan, PlannedRestore
from bot.views.swap import STAMP, losses
from bot.views.text import code, duration, moment, one_line


def describe(plan: Plan, come: PlannedRestore) -> list[str]:
    """Describe it in sections of mrkdwn: about 4,000 characters at the very most."""
    return [_coming(plan, come), losses(come), _downtime(plan), _kept(plan)]


def saved(backup: str, run_id: str) -> str:
    """Say where the old content is, once it has been replaced."""
    return f"*The old content* – is in {code(backup, 160)}; {code(f'/rollback undo {run_id}', 60)} restores it."


def unreplaced(backup: str, *, sure: bool) -> str:
    """Say of a run that did not come so far what the content is; `sure`: that the replacement did not commit."""
    taken = f" The emergency backup {code(backup, 160)} was taken." if backup else " No emergency backup was taken."
    if not sure:
        return f"*Whether the content was replaced is not known* – look at the database before anything else.{taken}"
    return f"*Nothing was replaced* – the old content is as it was.{taken}"


def _coming(plan: Plan, come: PlannedRestore) -> str:
    proven = (
        f"verified: {one_line(come.verified, 100)}" if come.verified else "never verified; this run reads it through"
    )
    undone = f", the emergency backup of run {code(plan.undoes, 40)}, which is undone" if plan.undoes else ""
    return (
        f"*What comes* – {code(come.backup, 160)}{undone}, taken {moment(come.created_at, STAMP)}, {proven}.\n"
        "*In place*: no second database is allowed here, so nothing can be tried beside the live one. In one "
        "transaction everything in the database goes, the bundle is loaded and compared with its manifest; "
        "unless all of it is equal, the old content stays."
    )


def _downtime(plan: Plan) -> str:
    return (
        f"*The app is down for the whole load*, about {duration(plan.estimate.downtime_s)}: for a full backup, "
        "the load and the comparison. It grows with the database."
    )


def _kept(plan: Plan) -> str:
    return (
        f"*Nothing is lost* – a full backup of the old content is taken into {code(plan.saves_to, 200)} once the app "
        "is stopped, and nothing is dropped that is not in it. No database is kept: undo restores that backup, in "
        "place."
    )
