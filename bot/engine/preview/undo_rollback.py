"""Previews the undo of a rollback: finds what was saved before it, and rehearses its way back on a shadow."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from bot.domain.backups import Backup, Export
from bot.domain.changes import How
from bot.domain.effects import ChainTrace
from bot.domain.plans import ChainPlan, UndoRollbackPlan, narrow
from bot.domain.runs import Run
from bot.engine.backups.create import check_scratch
from bot.engine.context import EnvironmentServices, Services
from bot.engine.preview.facts import inspect, unheard
from bot.planning import checklist
from bot.planning.facts import UndoRequest
from bot.planning.kinds import saved_backup
from bot.planning.refusals import check_environment
from bot.planning.undo_rollback import (
    TRACE,
    check_recreatable,
    check_saved,
    completed_tables,
    lost_constraints,
    plan_recreation,
    refilled_columns,
    reloaded_relations,
    written_since,
)
from bot.ports import FetchedBundle, RecreationSpec

UNPACKED_SHARE = 4
"""Assumed size of a bundle's content as a multiple of its archive, where no manifest knows it."""


def preview_undo_rollback(services: Services, request: UndoRequest, undone: Run, run_id: str) -> UndoRollbackPlan:
    """Plan the undo of a chain, rehearsed without the rows.

    Raises:
        BotError: a refusal, or an observation failed.
    """
    env = services.env(request.environment)
    facts = inspect(services, env, own_run=run_id)
    check_environment(facts, UndoRollbackPlan.kind)
    live = env.database.catalogue()
    check_recreatable(undone, facts, live)
    exports = env.store.open_export(undone.id)
    export = exports.existing()
    backup = check_saved(undone, env.store.find(saved_backup(undone)), export)
    plan = plan_recreation(request, facts, undone, live, backup, export)
    with _fetched(services, env, backup, run_id) as bundle:
        rehearsed = env.database.rehearse_recreation(run_id, bundle, build_spec(undone, export), exports.read)
    return replace(plan, warnings=(*written_since(rehearsed.since), *plan.warnings))


def build_spec(undone: Run, export: Export | None) -> RecreationSpec:
    """Build the specification of what comes back after a chain that has run."""
    spec = spec_of(narrow(undone.plan, ChainPlan), export)
    chain = next((step.data for step in undone.steps if step.key == checklist.CHAIN), {})
    return replace(spec, trace=ChainTrace.from_json(chain.get(TRACE)))


def spec_of(plan: ChainPlan, export: Export | None) -> RecreationSpec:
    """Build the specification of what comes back after a chain, from its plan and what was saved."""
    return RecreationSpec(
        versions=plan.versions,
        expected=plan.applied_before,
        export=export,
        reloaded=reloaded_relations(plan),
        refilled=refilled_columns(plan),
        completed=completed_tables(plan),
        constraints=lost_constraints(plan),
        objects=frozenset((drop.kind, drop.identity) for drop in plan.drops),
        changed=frozenset((item.kind, item.identity) for item in plan.changes or () if item.how != How.FOLLOWS),
        renames=tuple((item.kind, item.identity, item.to) for item in plan.renames),
        fingerprint=plan.schema_fingerprint,
    )


@contextmanager
def _fetched(services: Services, env: EnvironmentServices, backup: Backup, run_id: str) -> Iterator[FetchedBundle]:
    """Fetch the bundle to disk, for as long as the context lasts."""
    check_room(services, backup)
    directory = Path(tempfile.mkdtemp(dir=services.scratch_dir, prefix=f"backstop-rehearse-{run_id}-"))
    try:
        yield env.store.fetch(backup, directory, unheard)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def check_room(services: Services, backup: Backup) -> None:
    """Refuse a bundle that may be too large for the scratch directory.

    Raises:
        PermanentError: ``scratch-full``.
    """
    files = backup.manifest.files if backup.manifest else ()
    size_bytes = sum(file.size_bytes for file in files) or backup.stored.size_bytes * UNPACKED_SHARE
    check_scratch(services.scratch_dir, size_bytes)
