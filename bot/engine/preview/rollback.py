"""Make a plan: inspect, rehearse or compare, plan. Used before people are asked, and again before the start."""

from bot.domain.plans import Plan, PlanKind
from bot.engine.context import EnvironmentServices, Services
from bot.engine.preview.facts import inspect
from bot.engine.preview.history import with_history
from bot.engine.preview.swap import preview_restore, preview_undo
from bot.engine.preview.undo_rollback import preview_recreation
from bot.planning import affected_rows, impact
from bot.planning.facts import Evidence, RestoreRequest, RollbackRequest, Target, UndoRequest, Wish
from bot.planning.retired import check_not_retired
from bot.planning.rollback import choose_target, plan_rollback


def preview(services: Services, request: Wish, run_id: str, *, drill: bool = False) -> Plan:
    """Plan what was asked for from what is so now.

    Args:
        services: the ports.
        request: what was asked for.
        run_id: the run it is for; names the databases it makes, and does not stand in its own way.
        drill: whether it is a drill's own run, of which no earlier drill is demanded.

    Raises:
        BotError: a refusal, or what an observation raised.
    """
    if isinstance(request, UndoRequest):
        undone = services.run(request.run_id)
        if undone.plan.kind is PlanKind.CHAIN:
            return preview_recreation(services, request, undone, run_id)
        check_not_retired(undone)
        return preview_undo(services, request, run_id)
    if isinstance(request, RestoreRequest):
        return preview_restore(services, request, run_id, drill=drill)
    return preview_chain(services, request, run_id, drill=drill)


def preview_chain(services: Services, request: RollbackRequest, run_id: str, *, drill: bool = False) -> Plan:
    """Plan a chain, rehearsed.

    Raises:
        BotError: a refusal, or what an observation raised.
    """
    env = services.env(request.environment)
    facts = inspect(services, env, own_run=run_id, undoing=request.migration)
    facts = with_history(services, facts, run_id, drill=drill)
    target = choose_target(request, facts)
    return plan_rollback(request, facts, target, rehearse(env, target, run_id))


def rehearse(env: EnvironmentServices, target: Target, run_id: str) -> Evidence:
    """Run the chain on a schema-only shadow, and count on the live database what it takes.

    Raises:
        BotError: ``rehearsal-failed``, ``no-replica-identity``, ``shadow-failed``, ``table-locked``.
    """
    live = env.database.catalogue()
    with env.database.shadow(run_id) as shadow:
        rehearsal = shadow.rehearse(target.chain, target.expected)
    relations = {*impact.dropped_relations(rehearsal), *affected_rows.changed_relations(rehearsal, target.chain)}
    existing = relations & live.relations((*affected_rows.TABLES, *affected_rows.DERIVED))
    return Evidence(
        live=live,
        rehearsal=rehearsal,
        sizes=tuple(env.database.measure(sorted(existing))),
        column_sizes=tuple(env.database.count_values(impact.dropped_columns(rehearsal))),
    )
