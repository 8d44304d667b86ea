"""Previews a rollback: inspects, rehearses the chain and its undo on a shadow, plans."""

from dataclasses import replace

from bot.domain.catalogue import Catalogue, Rehearsal
from bot.domain.planned import PlannedUndo
from bot.domain.plans import ChainPlan
from bot.engine.context import EnvironmentServices, Services
from bot.engine.preview.facts import inspect, with_history
from bot.engine.preview.undo_rollback import spec_of
from bot.errors import PermanentError
from bot.planning import impact
from bot.planning.facts import Evidence, RollbackRequest, Target
from bot.planning.rollback import choose_target, plan_rollback
from bot.planning.undo_rollback import check_not_remade, plan_undo_of, saved_tables
from bot.ports import Shadow


def preview_chain(services: Services, request: RollbackRequest, run_id: str, *, drill: bool = False) -> ChainPlan:
    """Plan a chain that was rehearsed on a shadow.

    Raises:
        BotError: a refusal, or an observation failed.
    """
    env = services.env(request.environment)
    facts = inspect(services, env, own_run=run_id, undoing=request.migration)
    facts = with_history(services, facts, run_id, drill=drill)
    target = choose_target(request, facts)
    live = env.database.catalogue()
    with env.database.shadow(run_id) as shadow:
        rehearsal = shadow.rehearse(target.chain, target.expected)
        plan = plan_rollback(request, facts, target, count_rows(env, target, live, rehearsal))
        return replace(plan, undo=rehearse_undo(shadow, target, plan, rehearsal))


def rehearse_undo(shadow: Shadow, target: Target, plan: ChainPlan, rehearsal: Rehearsal) -> PlannedUndo:
    """Take the chain back on the same shadow, and plan its undo, or the reason for which there is none.

    Raises:
        TemporaryError: the server does not answer.
    """
    # decision 42: a way back that does not lead back is found before anybody votes, not when it is needed.
    try:
        check_not_remade(plan, "")
        spec = replace(spec_of(plan, None), fingerprint=rehearsal.before.fingerprint)
        rehearsed = shadow.rehearse_undo(target.chain, target.expected, spec, saved_tables(plan, target.chain))
    except PermanentError as error:
        return PlannedUndo(reason=error.message)
    return plan_undo_of(plan, rehearsed.elapsed_s, rehearsed.without_key, rehearsed.made)


def count_rows(env: EnvironmentServices, target: Target, live: Catalogue, rehearsal: Rehearsal) -> Evidence:
    """Count on the live database what a rehearsed chain takes.

    Raises:
        BotError: ``table-locked``, ``relation-missing``.
    """
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
