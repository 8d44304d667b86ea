"""A restore from its plan to its undoing, by the executor of real ones, and what is proven on the way."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple
from typing import Any

from bot.domain.backups import TableContent, Verification
from bot.domain.catalogue import Catalogue
from bot.domain.plans import PlannedRestore
from bot.domain.runs import Run
from bot.engine.backups.compare import differences, in_short
from bot.engine.backups.verdict import note
from bot.engine.drills.execution import Exercise
from bot.engine.drills.steps import keys
from bot.engine.drills.steps.run_rollback import carry_out
from bot.engine.drills.steps.step import Stage
from bot.engine.runs.steps import swap as swapping
from bot.engine.runs.steps.step import Outcome
from bot.errors import PermanentError
from bot.planning import checklist
from bot.planning.facts import RestoreRequest, UndoRequest

_RESTORED = 3


class RestoreBackup(Stage):
    """Fetch, load aside, verify, stop traffic, swap, start, smoke-test, serve: a real run."""

    key = keys.RESTORE
    title = "Restore it by the executor of real restores"

    def act(self, exercise: Exercise) -> Outcome:
        """Have it done, and wait.

        Raises:
            BotError: see `carry_out`.
        """
        environment, name = exercise.drill.environment, str(exercise.backup().name)
        wish = RestoreRequest(environment, name, None, f"/rollback {environment} {name}")
        run = carry_out(exercise, self.key, wish)
        return _outcome(exercise, self.key, run)


def _outcome(exercise: Exercise, key: str, run: Run) -> Outcome:
    return Outcome(f"run {run.id} succeeded", {**exercise.data(key), keys.RUN: run.id})


def run_done(exercise: Exercise, key: str) -> Run:
    """The run that a step has had done."""
    run_id = str(exercise.data(key)[keys.RUN])
    run = exercise.insist(lambda: exercise.workplace.journal.run(run_id))
    if run is None:  # pragma: no cover -- runs are never deleted
        raise AssertionError(run_id)
    return run


def planned(run: Run) -> PlannedRestore:
    """What a run has swapped."""
    if run.plan.restore is None:  # pragma: no cover -- a drill's runs are swaps
        raise AssertionError(run.id)
    return run.plan.restore


def found_after(run: Run) -> list[TableContent]:
    """Every table as it was right after the swap, with traffic still held."""
    return [TableContent(*row) for row in run.step(checklist.VERIFY_SWAPPED).data[swapping.TABLES]]


class ProveRestored(Stage):
    """The run has compared with the manifest before the swap. What counts is what serves after it."""

    key = keys.PROVE
    title = "Prove equality by hashes"

    def act(self, exercise: Exercise) -> Outcome:
        """Compare the tables as they were right after the swap with the manifest, the schema with the kept database's.

        Raises:
            PermanentError: ``drill-not-equal`` names tables or objects.
        """
        run, backup = run_done(exercise, keys.RESTORE), exercise.backup()
        tables = found_after(run)
        _refuse("Restored and swapped in", differences(backup.manifest.tables if backup.manifest else (), tables))
        live, kept = exercise.site.database.catalogue(), exercise.sides.catalogue(planned(run).outgoing)
        _refuse("Restored and swapped in", _moved(kept, live), "objects")
        _note(exercise)
        rows = sum(table.rows for table in tables)
        size_bytes = exercise.site.database.inspect().size_bytes
        return Outcome(
            f"{rows:,} rows of {len(tables)} tables equal to the manifest, {len(live.objects):,} objects of the schema "
            "equal to the database from before",
            {keys.ROWS: rows, keys.DATABASE_BYTES: size_bytes},
        )


def _note(exercise: Exercise) -> None:
    """It has been restored and compared: that is level 3."""
    schema = exercise.site.database.inspect().schema
    result = Verification(_RESTORED, exercise.workplace.clock.now(), schema_version=schema)
    note(exercise.source, exercise.backup(), result)


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


class UndoRestore(Stage):
    """The environment gets back what it had, also where the restored copy was found wanting."""

    key = keys.UNDO
    title = "Undo the swap"
    needs = (keys.RESTORE,)

    def act(self, exercise: Exercise) -> Outcome:
        """Note what is in the kept database, which is closed, then have the run undone, and wait.

        Raises:
            BotError: see `carry_out`.
        """
        restored = run_done(exercise, keys.RESTORE)
        if keys.KEPT not in exercise.data(self.key):
            kept = planned(restored).outgoing
            exercise.remember(self.key, {**exercise.data(self.key), keys.KEPT: self._look(exercise, kept)})
        wish = UndoRequest(exercise.drill.environment, restored.id, f"/rollback undo {restored.id}")
        return _outcome(exercise, self.key, carry_out(exercise, self.key, wish))

    def _look(self, exercise: Exercise, kept: str) -> Mapping[str, Any]:
        tables = exercise.sides.contents(kept, exercise.reporter(self.key))
        return {
            keys.TABLES: [list(astuple(table)) for table in tables],
            keys.FINGERPRINT: exercise.sides.catalogue(kept).fingerprint,
        }


class ProveUndone(Stage):
    """The database that serves again is the one that was put aside, untouched."""

    key = keys.PROVE_UNDO
    title = "Prove that the database from before is back"
    needs = (keys.UNDO,)

    def act(self, exercise: Exercise) -> Outcome:
        """Compare the tables as they were right after the second swap, and the schema, with what was kept.

        Raises:
            PermanentError: ``drill-not-equal``.
        """
        kept, tables = exercise.data(keys.UNDO)[keys.KEPT], found_after(run_done(exercise, keys.UNDO))
        _refuse("Swapped back", differences([TableContent(*row) for row in kept[keys.TABLES]], tables))
        if exercise.site.database.catalogue().fingerprint != kept[keys.FINGERPRINT]:
            _refuse("Swapped back", ["its schema is another than before"], "objects")
        rows = sum(table.rows for table in tables)
        return Outcome(f"{rows:,} rows of {len(tables)} tables and the schema as they were put aside")
