"""Shows restores in place of old releases: what they have replaced, and where the old content is."""

from bot.domain.plans import RetiredPlan
from bot.domain.runs import Run
from bot.planning.kinds import is_past_return, may_be_past_return
from bot.planning.retired import saved_in_place
from bot.views.kit.text import code, moment
from bot.views.plans.swap import STAMP, losses


def describe(plan: RetiredPlan, *app: str) -> list[str]:
    """Describe the plan in sections of mrkdwn, the app's last."""
    come = plan.restore
    what = f"*What comes* – {code(come.backup, 160)}, taken {moment(come.created_at, STAMP)}, loaded in place."
    return [what, losses(come), *app]


def outcome(plan: RetiredPlan, run: Run) -> list[str]:
    """Describe what such a run replaced, and where the old content is."""
    return [*(describe(plan) if is_past_return(run) else []), _old_content(run)]


def _old_content(run: Run) -> str:
    saved = saved_in_place(run)
    if is_past_return(run):
        again = code(f"/rollback {run.environment} {saved}", 200)
        return f"*The old content* – is in the emergency backup; {again} restores it."
    taken = f" The emergency backup {code(saved, 160)} was taken." if saved else " No emergency backup was taken."
    if may_be_past_return(run):
        return f"*Whether the content was replaced is not known* – look at the database before anything else.{taken}"
    return f"*Nothing was replaced* – the old content is as it was.{taken}"
