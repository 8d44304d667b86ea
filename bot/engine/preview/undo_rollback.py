"""Facts for the undoing of a chain: what was saved before it, and whether it leads back, rehearsed on a shadow."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bot.domain.backups import Backup, Export
from bot.domain.plans import Plan
from bot.domain.runs import Progress, Run
from bot.engine.backups.create import check_scratch
from bot.engine.context import Site, Workplace
from bot.engine.preview.facts import inspect
from bot.planning.facts import UndoRequest
from bot.planning.refusals import check_environment
from bot.planning.undo_rollback import (
    check_regrowable,
    check_saved,
    completed_tables,
    lost_constraints,
    plan_regrowth,
    refilled_columns,
    reloaded_relations,
    saved_backup,
)
from bot.ports import FetchedBundle, RegrowthOrder

UNPACKED_SHARE = 4
"""How many times larger than the archive its content may be, where no manifest says how large it is."""


def preview_regrowth(workplace: Workplace, request: UndoRequest, undone: Run, run_id: str) -> Plan:
    """Plan the undoing of a chain, rehearsed without the rows.

    Raises:
        BotError: a refusal, or what an observation raised.
    """
    site = workplace.site(request.environment)
    facts = inspect(workplace, site, own_run=run_id)
    check_environment(facts)
    live = site.database.catalogue()
    check_regrowable(undone, facts, live)
    exports = site.store.open_export(undone.id)
    export = exports.existing()
    backup = check_saved(undone, site.store.find(saved_backup(undone)), export)
    plan = plan_regrowth(request, facts, undone, live, backup, export)
    with _fetched(workplace, site, backup, run_id) as bundle:
        site.database.rehearse_regrowth(run_id, bundle, order_of(undone, export), exports.read)
    return plan


def order_of(undone: Run, export: Export | None) -> RegrowthOrder:
    """What is to come back after a chain."""
    plan = undone.plan
    versions = frozenset(script.version for script in plan.scripts)
    return RegrowthOrder(
        versions=versions,
        expected=versions | frozenset(plan.remaining),
        export=export,
        reloaded=reloaded_relations(plan),
        refilled=refilled_columns(plan),
        completed=completed_tables(plan),
        constraints=lost_constraints(plan),
        objects=frozenset((drop.kind, drop.identity) for drop in plan.drops),
        fingerprint=plan.schema_fingerprint,
    )


@contextmanager
def _fetched(workplace: Workplace, site: Site, backup: Backup, run_id: str) -> Iterator[FetchedBundle]:
    """The bundle on disk, for as long as it is looked at."""
    check_room(workplace, backup)
    directory = Path(tempfile.mkdtemp(dir=workplace.scratch_dir, prefix=f"backstop-rehearse-{run_id}-"))
    try:
        yield site.store.fetch(backup, directory, _unheard)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def check_room(workplace: Workplace, backup: Backup) -> None:
    """Refuse when a bundle may not fit.

    Raises:
        PermanentError: ``scratch-full``.
    """
    files = backup.manifest.files if backup.manifest else ()
    size_bytes = sum(file.size_bytes for file in files) or backup.stored.size_bytes * UNPACKED_SHARE
    check_scratch(workplace.scratch_dir, size_bytes)


def _unheard(progress: Progress) -> None:
    """Nobody watches a preview."""
    del progress
