"""Previews a restore and its undo: finds the database that comes, and counts the difference to the live one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from bot.domain.backups import Backup
from bot.domain.catalogue import Catalogue, DatabaseFacts, TableSize
from bot.domain.plans import RestorePlan, UndoSwapPlan
from bot.domain.runs import Run
from bot.engine.backups.queries import find_backup
from bot.engine.context import EnvironmentServices, Services
from bot.engine.preview.facts import inspect, unheard, with_history
from bot.errors import PermanentError
from bot.planning.drill_evidence import check_restore_drilled
from bot.planning.facts import Exchange, Facts, RestoreRequest, UndoRequest
from bot.planning.refusals import check_environment
from bot.planning.restore import LATEST, check_restorable, newest_restorable, plan_restore
from bot.planning.swap import check_kept, check_undoable, plan_undo
from bot.ports import SideFacts, Sides

LOOK_AMONG = 50
T = TypeVar("T")


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
    seen = _look(env, facts, count=backup.contents is not None)
    exchange = Exchange(
        incoming=env.sides.name("side", run_id),
        outgoing=env.sides.name("kept", run_id) if facts.database.exists else "",
        created_at=backup.name.created_at,
        tables=backup.contents,
        live=seen.catalogue,
        sizes=seen.sizes,
        unseen=seen.unseen,
        keep_s=env.keep_old_s,
        restored=restored,
        newest=tuple(env.store.list_backups(LOOK_AMONG)),
    )
    return plan_restore(request, facts, backup, exchange)


@dataclass(frozen=True)
class _Seen:
    """The live database, as far as it can be looked at."""

    catalogue: Catalogue | None = None
    sizes: tuple[TableSize, ...] = ()
    unseen: tuple[str, ...] = ()


def _look(env: EnvironmentServices, facts: Facts, *, count: bool) -> _Seen:
    """Look at what is to be replaced. What cannot be looked at is named: it must not keep it from being replaced.

    Raises:
        TemporaryError: it may be looked at in a moment.
    """
    # decision 43
    unread = facts.database.unread
    if unread is not None and (not facts.database.exists or not facts.database.accepts_connections):
        return _Seen(unseen=(unread.message,))
    problems = [unread.message] if unread is not None else []
    catalogue = _or_note(problems, "its schema", env.database.catalogue)
    sizes = _or_note(problems, "its rows", lambda: env.database.measure(env.database.stored_tables())) if count else ()
    return _Seen(catalogue, tuple(sizes or ()), tuple(problems))


def _or_note(problems: list[str], what: str, look: Callable[[], T]) -> T | None:
    try:
        return look()
    except PermanentError as error:
        problems.append(f"{what}: {error.message}")
        return None


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
    kept, seen = _kept(env.sides, undone, name), _look(env, facts, count=True)
    exchange = Exchange(
        incoming=name,
        outgoing=env.sides.name("undone", run_id) if facts.database.exists else "",
        created_at=kept.noted_at,
        tables=tuple(env.sides.contents(name, unheard)),
        live=seen.catalogue,
        sizes=seen.sizes,
        unseen=seen.unseen,
        keep_s=env.keep_old_s,
    )
    return plan_undo(request, facts, undone, env.sides.inspect(name).schema, exchange)


def _kept(sides: Sides, undone: Run, name: str) -> SideFacts:
    kept = next((side for side in sides.list() if side.name == name), None)
    check_kept(undone, name, there=kept is not None)
    if kept is None:  # pragma: no cover -- refused above
        raise AssertionError(name)
    return kept
