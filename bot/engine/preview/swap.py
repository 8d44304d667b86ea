"""Previews a restore and its undo: finds the database that comes, and counts the difference to the live one."""

from bot.domain.backups import Backup
from bot.domain.catalogue import DatabaseFacts
from bot.domain.plans import RestorePlan, UndoSwapPlan
from bot.domain.runs import Run
from bot.engine.backups.queries import find_backup
from bot.engine.context import EnvironmentServices, Services
from bot.engine.preview.facts import inspect, unheard, with_history
from bot.planning.drill_evidence import check_restore_drilled
from bot.planning.facts import Exchange, RestoreRequest, UndoRequest
from bot.planning.refusals import check_environment
from bot.planning.restore import LATEST, check_restorable, newest_restorable, plan_restore
from bot.planning.swap import check_kept, check_undoable, plan_undo
from bot.ports import SideFacts, Sides

LOOK_AMONG = 50


def preview_restore(services: Services, request: RestoreRequest, run_id: str, *, drill: bool = False) -> RestorePlan:
    """Plan a restore: find the bundle, and count on the live database what its manifest counted.

    Raises:
        BotError: a refusal, or an observation failed.
    """
    env = services.env(request.environment)
    facts = inspect(services, env, own_run=run_id)
    # Before the bucket is asked: a refusal that needs no bundle comes at once.
    check_environment(facts, RestorePlan.kind)
    backup = choose_backup(env, request.backup, facts.database)
    check_restorable(facts, backup)
    facts = with_history(services, facts, run_id, drill=drill)
    restored = services.drills.restored(str(backup.name))
    check_restore_drilled(facts, backup, restored)
    exchange = Exchange(
        incoming=env.sides.name("side", run_id),
        outgoing=env.sides.name("kept", run_id),
        created_at=backup.name.created_at,
        tables=backup.contents,
        live=env.database.catalogue(),
        sizes=tuple(env.database.measure(env.database.stored_tables())) if backup.contents is not None else (),
        keep_s=env.keep_old_s,
        restored=restored,
        newest=tuple(env.store.list_backups(LOOK_AMONG)),
    )
    return plan_restore(request, facts, backup, exchange)


def choose_backup(env: EnvironmentServices, name: str, database: DatabaseFacts | None = None) -> Backup:
    """Find the requested bundle; ``latest`` is the newest restorable one that Backstop made, of that `database`.

    Raises:
        PermanentError: ``unknown-backup`` with the nearest names, ``no-restorable-backup``.
    """
    if name == LATEST:
        return newest_restorable(env.store.list_backups(LOOK_AMONG), env.environment.name, database)
    return find_backup(env, name)


def preview_undo_swap(services: Services, request: UndoRequest, undone: Run, run_id: str) -> UndoSwapPlan:
    """Plan the undo of a swap: look into the kept database, and count on both sides.

    Raises:
        BotError: a refusal, or an observation failed.
    """
    env = services.env(request.environment)
    name = check_undoable(undone)
    facts = inspect(services, env, own_run=run_id)
    check_environment(facts, UndoSwapPlan.kind)
    kept = _kept(env.sides, undone, name)
    exchange = Exchange(
        incoming=name,
        outgoing=env.sides.name("undone", run_id),
        created_at=kept.noted_at,
        tables=tuple(env.sides.contents(name, unheard)),
        live=env.database.catalogue(),
        sizes=tuple(env.database.measure(env.database.stored_tables())),
        keep_s=env.keep_old_s,
    )
    return plan_undo(request, facts, undone, env.sides.inspect(name).schema, exchange)


def _kept(sides: Sides, undone: Run, name: str) -> SideFacts:
    kept = next((side for side in sides.list() if side.name == name), None)
    check_kept(undone, name, there=kept is not None)
    if kept is None:  # pragma: no cover -- refused above
        raise AssertionError(name)
    return kept
