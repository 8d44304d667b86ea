"""Restores a backup by a real run, undoes it, and proves equality on the way."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple
from typing import Any

from bot.domain.backups import TableContent, Verification
from bot.domain.catalogue import Catalogue
from bot.domain.planned import PlannedRestore
from bot.domain.plans import SwapPlan, narrow
from bot.domain.runs import Run
from bot.engine.backups.compare import differences, in_short
from bot.engine.backups.verdict import note
from bot.engine.drills.execution import DrillExecution, DrillStep
from bot.engine.drills.steps import keys
from bot.engine.drills.steps.run_rollback import carry_out
from bot.engine.runs.steps import swap
from bot.engine.runs.steps.step import Outcome
from bot.errors import PermanentError
from bot.planning import checklist
from bot.planning.facts import RestoreRequest, UndoRequest

_RESTORED = 3


class RestoreBackup(DrillStep):
    """Fetch, load aside, verify, stop traffic, swap, start, smoke-test, serve: a real run."""

    key = keys.RESTORE
    title = "Restore it by the executor of real restores"

    def act(self, execution: DrillExecution) -> Outcome:
        """Have it done, and wait.

        Raises:
            BotError: see `carry_out`.
        """
        environment, name = execution.drill.environment, str(execution.backup().name)
        request = RestoreRequest(environment, name, None, f"/rollback {environment} {name}")
        run = carry_out(execution, self.key, request)
        return _outcome(execution, self.key, run)


def _outcome(execution: DrillExecution, key: str, run: Run) -> Outcome:
    return Outcome(f"run {run.id} succeeded", {**execution.data(key), keys.RUN: run.id})


def run_done(execution: DrillExecution, key: str) -> Run:
    """The run that a step has had done."""
    run_id = str(execution.data(key)[keys.RUN])
    run = execution.insist(lambda: execution.services.journal.runs.find(run_id))
    if run is None:  # pragma: no cover -- runs are never deleted
        raise AssertionError(run_id)
    return run


def planned(run: Run) -> PlannedRestore:
    """Return what a run has swapped."""
    return narrow(run.plan, SwapPlan).restore


def found_after(run: Run) -> list[TableContent]:
    """Every table as it was right after the swap, with traffic still held."""
    return [TableContent(*row) for row in run.step(checklist.VERIFY_SWAPPED).data[swap.TABLES]]


class ProveRestored(DrillStep):
    """The run has compared with the manifest before the swap. What counts is what serves after it."""

    key = keys.PROVE
    title = "Prove equality by hashes"

    def act(self, execution: DrillExecution) -> Outcome:
        """Compare the tables as they were right after the swap with the manifest, the schema with the kept database's.

        Raises:
            PermanentError: ``drill-not-equal`` names tables or objects.
        """
        run, backup = run_done(execution, keys.RESTORE), execution.backup()
        tables = found_after(run)
        _refuse("Restored and swapped in", differences(backup.contents or (), tables))
        live, kept = execution.env.database.catalogue(), execution.sides.catalogue(planned(run).outgoing)
        _refuse("Restored and swapped in", _moved(kept, live), "objects")
        _note(execution)
        rows = sum(table.rows for table in tables)
        size_bytes = execution.env.database.inspect().size_bytes
        return Outcome(
            f"{rows:,} rows of {len(tables)} tables equal to the manifest, {len(live.objects):,} objects of the schema "
            "equal to the database from before",
            {keys.ROWS: rows, keys.DATABASE_BYTES: size_bytes},
        )


def _note(execution: DrillExecution) -> None:
    """It has been restored and compared: that is level 3."""
    schema = execution.env.database.inspect().schema
    result = Verification(_RESTORED, execution.services.clock.now(), schema_version=schema)
    note(execution.source, execution.backup(), result)


def _moved(before: Catalogue, after: Catalogue) -> list[str]:
    lost, come = before.lost_in(after), after.lost_in(before)
    changed = before.changed_in(after)
    return [
        *(f"the {item.kind} {item.identity} is missing" for item in lost),
        *(f"the {item.kind} {item.identity} is new" for item in come),
        *(f"the {item.kind} {item.identity} is another" for item in changed),
    ]


def _refuse(when: str, wrong: Sequence[str], what: str = "tables") -> None:
    if wrong:
        raise PermanentError(
            "drill-not-equal",
            f"{when}, the database is not what it should be: {in_short(wrong, what)}.",
            "A real restore would have ended like this. Find out why before one is needed.",
        )


class UndoRestore(DrillStep):
    """The environment gets back what it had, also where the restored copy was found wanting."""

    key = keys.UNDO
    title = "Undo the swap"
    needs = (keys.RESTORE,)

    def act(self, execution: DrillExecution) -> Outcome:
        """Note what is in the kept database, which is closed, then have the run undone, and wait.

        Raises:
            BotError: see `carry_out`.
        """
        restored = run_done(execution, keys.RESTORE)
        if keys.KEPT not in execution.data(self.key):
            kept = planned(restored).outgoing
            execution.remember(self.key, {**execution.data(self.key), keys.KEPT: self._look(execution, kept)})
        request = UndoRequest(execution.drill.environment, restored.id, f"/rollback undo {restored.id}")
        return _outcome(execution, self.key, carry_out(execution, self.key, request))

    def _look(self, execution: DrillExecution, kept: str) -> Mapping[str, Any]:
        tables = execution.sides.contents(kept, execution.reporter(self.key))
        return {
            keys.TABLES: [list(astuple(table)) for table in tables],
            keys.FINGERPRINT: execution.sides.catalogue(kept).fingerprint,
        }


class ProveUndone(DrillStep):
    """The database that serves again is the one that was put aside, untouched."""

    key = keys.PROVE_UNDO
    title = "Prove that the database from before is back"
    needs = (keys.UNDO,)

    def act(self, execution: DrillExecution) -> Outcome:
        """Compare the tables as they were right after the second swap, and the schema, with what was kept.

        Raises:
            PermanentError: ``drill-not-equal``.
        """
        kept, tables = execution.data(keys.UNDO)[keys.KEPT], found_after(run_done(execution, keys.UNDO))
        _refuse("Swapped back", differences([TableContent(*row) for row in kept[keys.TABLES]], tables))
        if execution.env.database.catalogue().fingerprint != kept[keys.FINGERPRINT]:
            _refuse("Swapped back", ["its schema is another than before"], "objects")
        rows = sum(table.rows for table in tables)
        return Outcome(f"{rows:,} rows of {len(tables)} tables and the schema as they were put aside")
