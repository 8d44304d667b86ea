"""Facts for a restore in place, and for its undoing: the restore of its emergency backup."""

from dataclasses import replace

from bot.domain.environments import RestoreMode
from bot.domain.plans import Plan, PlanKind
from bot.domain.runs import Run
from bot.engine.inspection import inspect
from bot.engine.lookback import with_history
from bot.engine.swapping import LOOK_AMONG, choose_backup, preview_restore
from bot.engine.workplace import Workplace
from bot.planning.facts import Exchange, RestoreRequest, UndoRequest
from bot.planning.inplace import (
    check_comparable,
    check_replaceable,
    check_still_saved,
    emergency_backup_of,
    saved_by,
    saved_in_place,
)
from bot.planning.proofs import check_restore_drilled
from bot.planning.refusals import check_environment
from bot.planning.restore import check_restorable, plan_restore, schema_of
from bot.planning.undo import app_before


def preview_either(workplace: Workplace, request: RestoreRequest, run_id: str, *, drill: bool = False) -> Plan:
    """Plan a restore as the environment wants it. `drill`: no proof is demanded of it; see `with_history`.

    Raises:
        BotError: a refusal, or what an observation raised.
    """
    mode = workplace.site(request.environment).environment.restore
    how = preview_in_place if mode is RestoreMode.IN_PLACE else preview_restore
    return how(workplace, request, run_id, drill=drill or _is_way_back(workplace, request.backup))


def _is_way_back(workplace: Workplace, name: str) -> bool:
    """Whether it is what a run has saved before it replaced the content in place: the way back stays open.

    Asked of the name alone, so that the plan of an undo that is a swap by now is judged the same when it is re-checked.
    """
    saver = workplace.journal.run(saved_by(name)) if saved_by(name) else None
    return saver is not None and saved_in_place(saver) == name


def preview_in_place(workplace: Workplace, request: RestoreRequest, run_id: str, *, drill: bool = False) -> Plan:
    """Plan a restore in place: find the bundle, look for what could not be made again, count what will go.

    Raises:
        BotError: a refusal, or what an observation raised.
    """
    site = workplace.site(request.environment)
    facts = inspect(workplace, site, own_run=run_id)
    check_environment(facts, creates=False)
    backup = choose_backup(site, request.backup)
    check_comparable(backup)
    check_restorable(facts, backup)
    facts = with_history(workplace, facts, run_id, drill=drill)
    restored = workplace.drills.restored(str(backup.name))
    check_restore_drilled(facts, backup, restored)
    check_replaceable(facts, site.database.obstacles())
    exchange = Exchange(
        incoming="",
        outgoing="",
        created_at=backup.name.created_at,
        tables=backup.manifest.tables if backup.manifest else None,
        live=site.database.catalogue(),
        sizes=tuple(site.database.measure(site.database.stored_tables())),
        keep_s=0.0,
        restored=restored,
        newest=tuple(site.store.list_backups(LOOK_AMONG)),
    )
    return plan_restore(request, facts, backup, exchange)


def preview_undo_in_place(workplace: Workplace, request: UndoRequest, undone: Run, run_id: str) -> Plan:
    """Plan the undoing of a restore in place. The app goes back to what served before, where that fits.

    Raises:
        BotError: a refusal, or what an observation raised.
    """
    site = workplace.site(request.environment)
    name = emergency_backup_of(undone)
    backup = site.store.find(name)
    check_still_saved(undone, name, backup)
    facts = inspect(workplace, site, own_run=run_id)
    app = app_before(undone, facts, schema_of(backup)) if backup else None
    wanted = RestoreRequest(request.environment, name, app, request.asked_for)
    plan = preview_either(workplace, wanted, run_id)
    # Where the environment swaps by now, it is a restore like any other.
    return replace(plan, undoes=undone.id) if plan.kind is PlanKind.RESTORE_IN_PLACE else plan
