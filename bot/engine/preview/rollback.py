"""Previews a rollback: inspects, rehearses the chain on a shadow, plans."""

from bot.domain.plans import ChainPlan
from bot.engine.context import EnvironmentServices, Services
from bot.engine.preview.facts import inspect, with_history
from bot.planning import impact
from bot.planning.facts import Evidence, RollbackRequest, Target
from bot.planning.rollback import choose_target, plan_rollback


def preview_chain(services: Services, request: RollbackRequest, run_id: str, *, drill: bool = False) -> ChainPlan:
    """Plan a chain that was rehearsed on a shadow.

    Raises:
        BotError: a refusal, or an observation failed.
    """
    env = services.env(request.environment)
    facts = inspect(services, env, own_run=run_id, undoing=request.migration)
    facts = with_history(services, facts, run_id, drill=drill)
    target = choose_target(request, facts)
    return plan_rollback(request, facts, target, rehearse(env, target, run_id))


def rehearse(env: EnvironmentServices, target: Target, run_id: str) -> Evidence:
    """Run the chain on a shadow (a dry run on a schema-only copy), and count on the live database what it takes.

    Raises:
        BotError: ``rehearsal-failed``, ``no-replica-identity``, ``shadow-failed``, ``table-locked``.
    """
    live = env.database.catalogue()
    with env.database.shadow(run_id) as shadow:
        rehearsal = shadow.rehearse(target.chain, target.expected)
    relations = {*impact.dropped_relations(rehearsal), *impact.changed_relations(rehearsal, target.chain)}
    relations |= set(impact.renamed_tables(rehearsal))
    # What the chain itself creates on the way is not there yet, and has no rows to count.
    existing = relations & live.relations((*impact.TABLES, *impact.DERIVED))
    return Evidence(
        live=live,
        rehearsal=rehearsal,
        sizes=tuple(env.database.measure(sorted(existing))),
        column_sizes=tuple(env.database.count_values(impact.dropped_columns(rehearsal))),
    )
