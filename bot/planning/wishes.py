"""What was asked for, read back from a plan, to plan it anew."""

from bot.domain.plans import Plan
from bot.domain.versions import AppVersion
from bot.planning import rollback
from bot.planning.facts import RestoreRequest, UndoRequest, Wish


def wish_of(plan: Plan) -> Wish:
    """Read it. A restore is of the very bundle that was planned, even where ``latest`` would be another by now."""
    if plan.undoes:
        return UndoRequest(plan.environment, plan.undoes, plan.asked_for)
    if plan.restore is not None:
        return RestoreRequest(plan.environment, plan.restore.backup, AppVersion.parse(plan.wished_app), plan.asked_for)
    return rollback.request_of(plan)
