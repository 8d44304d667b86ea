"""A bundle's way into a scratch database, and whether it is what its manifest says: level 3, by a drill."""

from collections.abc import Iterator
from contextlib import contextmanager

from bot.domain.backups import Verification
from bot.domain.jobs import LEVELS
from bot.engine.backups.compare import compare
from bot.engine.backups.verdict import FaultError, judging, note
from bot.engine.drills.execution import Exercise
from bot.engine.drills.steps import keys
from bot.engine.drills.steps.step import Stage
from bot.engine.preview.undo_rollback import check_room
from bot.engine.runs.steps.step import Outcome
from bot.planning.refusals import check_second_database
from bot.ports import FetchedBundle

_NAMES, _READABLE, _RESTORED = LEVELS


class FetchBundle(Stage):
    """Download, unpack, read to its end."""

    key = keys.FETCH
    title = "Fetch the bundle and read it to its end"

    def act(self, exercise: Exercise) -> Outcome:
        """Fetch it as a restore does.

        Raises:
            BotError: see `BackupStore.fetch` and `BundleReader.read_through`; ``scratch-full``.
        """
        bundle = _fetched(exercise, self.key)
        proven = "digests as in its manifest" if bundle.manifest else "no manifest to compare it with"
        return Outcome(f"{bundle.size_bytes / 1e6:.1f} MB unpacked, {proven}")


def _fetched(exercise: Exercise, key: str) -> FetchedBundle:
    backup = exercise.backup()
    exercise.clear_scratch()
    check_room(exercise.workplace, backup)
    with _kept(exercise, _NAMES):
        bundle = exercise.source.store.fetch(backup, exercise.scratch(), exercise.reporter(key))
    with _kept(exercise, _READABLE):
        exercise.workplace.reader.read_through(bundle)
    exercise.bundle = bundle
    return bundle


class LoadScratch(Stage):
    """Load it into a database that nobody else knows."""

    key = keys.LOAD
    title = "Load it into a scratch database"

    def act(self, exercise: Exercise) -> Outcome:
        """Load, then delete what was downloaded. A process that took over downloads it again first.

        Raises:
            BotError: see `Sides.load` and `FetchBundle.act`; ``no-second-database``.
        """
        check_second_database(exercise.drill.environment, exercise.site.database.inspect())
        bundle = exercise.bundle or _fetched(exercise, self.key)
        with _kept(exercise, _RESTORED):
            name = exercise.sides.load(exercise.drill.id, bundle, exercise.reporter(self.key))
        exercise.clear_scratch()
        size_bytes = exercise.sides.inspect(name).size_bytes
        return Outcome(f"{name}, {size_bytes / 1e6:.1f} MB on disk", {keys.DATABASE_BYTES: size_bytes})


class CompareLoaded(Stage):
    """Rows and content of every table; what was proven is kept with the bundle."""

    key = keys.COMPARE
    title = "Compare every table with its manifest"

    def act(self, exercise: Exercise) -> Outcome:
        """Count, hash, compare.

        Raises:
            PermanentError: ``bundle-differs``.
        """
        backup, name = exercise.backup(), exercise.sides.name("side", exercise.drill.id)
        tables = exercise.sides.contents(name, exercise.reporter(self.key))
        with _kept(exercise, _RESTORED):
            compare(backup, tables if backup.manifest else ())
        schema = exercise.sides.inspect(name).schema
        note(exercise.source, backup, Verification(_RESTORED, exercise.workplace.clock.now(), schema_version=schema))
        rows = sum(table.rows for table in tables)
        proven = "equal to its manifest" if backup.manifest else "counted; no manifest to compare with"
        return Outcome(f"{rows:,} rows of {len(tables)} tables {proven}", {keys.ROWS: rows})


@contextmanager
def _kept(exercise: Exercise, level: int) -> Iterator[None]:
    """Note with the bundle what speaks against it, so that nobody restores it.

    What another environment's server cannot load (a role, an extension, a setting that it lacks) speaks against that
    server as well, so it is not noted.
    """
    try:
        with judging(level):
            yield
    except FaultError as fault:
        elsewhere = exercise.drill.bundle_of != exercise.drill.environment
        if not (elsewhere and fault.error.reference == "load-failed"):
            result = Verification(fault.level, exercise.workplace.clock.now(), fault.problem)
            note(exercise.source, exercise.backup(), result)
        raise fault.error from fault
