"""Loads a backup into a side database and verifies it, while the app serves."""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bot.domain.backups import Backup
from bot.domain.planned import PlannedRecreation, PlannedRestore
from bot.domain.plans import SwapPlan, UndoRollbackPlan, narrow
from bot.domain.signing import explain_signature
from bot.domain.versions import label
from bot.engine.backups.compare import compare
from bot.engine.backups.compare_live import check_shape, prove_likeness
from bot.engine.preview.undo_rollback import check_room
from bot.engine.runs.execution import Execution
from bot.engine.runs.steps.step import Action, Outcome
from bot.errors import PermanentError
from bot.planning import checklist
from bot.planning.bundle_doubts import signature_doubt
from bot.ports import FetchedBundle

_MAX_FINDINGS = 10


class _LongStep(Action):
    """A step that may take as long as any long step may stand still (decision 20)."""

    def patience(self, execution: Execution) -> float:
        """Return the environment's `stall_s`."""
        return execution.env.environment.timing.stall_s


class FetchBundle(_LongStep):
    """Download and unpack the bundle; every checksum and size is checked on the way."""

    key = checklist.FETCH
    undoes = "what was downloaded is deleted"

    def act(self, execution: Execution) -> Outcome:
        """Fetch the very object that was approved.

        Raises:
            BotError: see `BackupStore.fetch`; ``scratch-full``, ``backup-changed``.
        """
        bundle = fetch_bundle(execution, self.key)
        proven = "digests as in its manifest" if bundle.manifest else "no manifest to compare it with"
        return Outcome(f"{bundle.size_bytes / 1e6:.1f} MB unpacked, {proven}")

    def undo(self, execution: Execution) -> str:
        """Delete it."""
        clear_fetched(execution)
        return "deleted"


def planned(execution: Execution) -> PlannedRestore:
    """Return what the run's plan swaps in.

    Raises:
        TypeError: it swaps nothing.
    """
    return narrow(execution.run.plan, SwapPlan).restore


def approved_backup(execution: Execution) -> Backup:
    """Find the bundle again, as it was approved.

    Raises:
        PermanentError: ``backup-changed``.
    """
    come = _source(execution)
    found = execution.env.store.find(come.backup)
    if found is None or not _is_approved(found, come):
        raise PermanentError(
            "backup-changed",
            f"{come.backup} is no longer the object that was approved{'' if found else ': it is gone'}.",
            f"The database is unchanged. /backups {execution.run.environment} lists what there is.",
        )
    return found


def _is_approved(found: Backup, come: PlannedRestore | PlannedRecreation) -> bool:
    stored, etag = found.stored, come.etag if isinstance(come, PlannedRestore) else ""
    same = (stored.key, stored.version_id, stored.sha256) == (come.key, come.version_id, come.sha256)
    return same and etag in ("", stored.etag) and _is_signed_as_approved(found, come)


def _is_signed_as_approved(found: Backup, come: PlannedRestore | PlannedRecreation) -> bool:
    """Tell if nothing more speaks against its signature than people have approved."""
    doubts = come.doubts if isinstance(come, PlannedRestore) else ()
    return found.is_signed or signature_doubt(found) in doubts


def _source(execution: Execution) -> PlannedRestore | PlannedRecreation:
    plan = execution.run.plan
    return plan.source if isinstance(plan, UndoRollbackPlan) else planned(execution)


def fetch_bundle(execution: Execution, key: str) -> FetchedBundle:
    """Download the plan's bundle into a directory of this process's own, and remember it.

    Raises:
        BotError: see `BackupStore.fetch`; ``scratch-full``, ``backup-changed``.
    """
    backup, scratch = approved_backup(execution), execution.services.scratch_dir
    clear_fetched(execution)
    check_room(execution.services, backup)
    # A directory of this process's own: a predecessor that only seems dead writes into another one.
    directory = Path(tempfile.mkdtemp(dir=scratch, prefix=_prefix(execution)))
    execution.bundle = execution.env.store.fetch(backup, directory, execution.reporter(key))
    return execution.bundle


def _prefix(execution: Execution) -> str:
    return f"backstop-fetch-{execution.run.id}-"


def clear_fetched(execution: Execution) -> None:
    """Delete what this run has downloaded, whichever process did."""
    execution.bundle = None
    for left in execution.services.scratch_dir.glob(f"{_prefix(execution)}*"):
        shutil.rmtree(left, ignore_errors=True)


class LoadSide(_LongStep):
    """Load the bundle into a side database."""

    key = checklist.LOAD
    undoes = "the side database is dropped"

    def act(self, execution: Execution) -> Outcome:
        """Load it. What was downloaded stays: the handover reads in it who owns what.

        Raises:
            BotError: see `Sides.load` and `FetchBundle.act`.
        """
        # A process that took over has nothing on its disk.
        bundle = execution.bundle or fetch_bundle(execution, self.key)
        check_shape(execution.services.reader, bundle)
        name = execution.env.sides.load(execution.run.id, bundle, execution.reporter(self.key))
        return Outcome(f"{name}; the app went on serving")

    def undo(self, execution: Execution) -> str:
        """Drop it. Idempotent."""
        execution.env.sides.drop(planned(execution).incoming)
        return "the side database is dropped"


_PROVEN = "proven"
"""Key of what `VerifySide` remembers between the proof and the handover."""


class VerifySide(Action):
    """Compare the side database with the manifest, hand it over, then copy to it what a dump does not carry."""

    key = checklist.VERIFY_SIDE
    patience_s = 120.0

    def act(self, execution: Execution) -> Outcome:
        """Compare rows, content and schema, look for what is not sound, hand over, copy the database-level state.

        Raises:
            PermanentError: ``bundle-differs``, ``bundle-partial``, ``verification-failed``, ``backup-changed``,
                ``bundle-unsafe-statement``.
        """
        sides, name, report = execution.env.sides, planned(execution).incoming, execution.reporter(self.key)
        # Once it is being handed over, the loader no longer reads it, and our own role must not run what is in it.
        proven = execution.data(self.key).get(_PROVEN)
        if proven is None:
            proven = self._prove(execution)
            execution.remember(self.key, {**execution.data(self.key), _PROVEN: proven})
        # A process that took over has nothing on its disk.
        bundle = execution.bundle or fetch_bundle(execution, self.key)
        sides.hand_over(name, bundle, report)
        clear_fetched(execution)
        # After the comparison: what is copied now is not in the manifest.
        noted = bundle.manifest.database if bundle.manifest else None
        damaged, missing = list(proven["damaged"]), list(sides.copy_settings(name, noted))
        if damaged or missing:
            execution.note("side-database", _describe(damaged, missing))
        found = [
            f"; {len(lines)} {what}" for lines, what in ((damaged, "to look at"), (missing, "not copied")) if lines
        ]
        data = {"odd": damaged[:_MAX_FINDINGS], "not_copied": missing[:_MAX_FINDINGS], "rows": proven["rows"]}
        return Outcome(f"{proven['detail']}{''.join(found)}", data)

    def _prove(self, execution: Execution) -> Mapping[str, Any]:
        """Compare it, as the loader."""
        sides, name, report = execution.env.sides, planned(execution).incoming, execution.reporter(self.key)
        tables = sides.contents(name, report)
        backup = approved_backup(execution)
        compare(backup, tables)
        likeness = prove_likeness(execution.env, name, backup, tables)
        self._check_schema(execution, sides.inspect(name).schema)
        rows = sum(table.rows for table in tables)
        detail = f"{rows:,} rows of {len(tables)} tables {_say_proven(backup, likeness)}, schema as planned"
        return {"detail": detail, "rows": rows, "damaged": list(sides.problems(name))}

    @staticmethod
    def _check_schema(execution: Execution, schema: int) -> None:
        wanted = execution.run.plan.to_schema
        if schema != wanted:
            raise PermanentError(
                "verification-failed",
                f"The side database has schema {label(schema)}, planned was {label(wanted)}.",
                "The live database is unchanged. Verify the bundle: its manifest may be wrong.",
            )


def _say_proven(backup: Backup, likeness: str) -> str:
    if backup.is_signed:
        return "equal to the signed manifest"
    if backup.manifest is not None:
        return f"equal to its manifest, which {explain_signature(backup.signature)}; {likeness}"
    return f"{'as level 3 found them' if backup.contents else 'counted'}; {likeness}"


def _describe(damaged: list[str], missing: list[str]) -> str:
    strange = (
        f"To look at in the side database, perhaps the same in the source: {' '.join(damaged[:_MAX_FINDINGS])} "
        if damaged
        else ""
    )
    lacking = f"Could not be copied from the live database: {'; '.join(missing[:_MAX_FINDINGS])}." if missing else ""
    return f"{strange}{lacking}".strip()
