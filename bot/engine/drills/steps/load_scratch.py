"""Loads a bundle into a scratch database, and compares it with its manifest: level 3, by a drill."""

from collections.abc import Iterator
from contextlib import contextmanager

from bot.domain.backups import Verification
from bot.domain.jobs import LEVELS
from bot.engine.backups.compare import compare
from bot.engine.backups.verdict import FaultError, note, verdict_on
from bot.engine.drills.execution import DrillExecution, DrillStep
from bot.engine.drills.steps import keys
from bot.engine.preview.undo_rollback import check_room
from bot.engine.runs.steps.step import Outcome
from bot.planning.refusals import check_loader, check_second_database
from bot.ports import FetchedBundle

_NAMES, _READABLE, _RESTORED = LEVELS
_HERE = frozenset({"load-failed", "bundle-foreign-object"})
"""What may speak against this server, and not against the bundle."""


class FetchBundle(DrillStep):
    """Download, unpack, read to its end."""

    key = keys.FETCH
    title = "Fetch the bundle and read it to its end"

    def act(self, execution: DrillExecution) -> Outcome:
        """Fetch it as a restore does.

        Raises:
            BotError: see `BackupStore.fetch` and `BundleReader.read_through`; ``scratch-full``.
        """
        bundle = _fetched(execution, self.key)
        proven = "digests as in its manifest" if bundle.manifest else "no manifest to compare it with"
        return Outcome(f"{bundle.size_bytes / 1e6:.1f} MB unpacked, {proven}")


def _fetched(execution: DrillExecution, key: str) -> FetchedBundle:
    backup = execution.backup()
    execution.clear_scratch()
    check_room(execution.services, backup)
    with _kept(execution, _NAMES):
        bundle = execution.source.store.fetch(backup, execution.scratch(), execution.reporter(key))
    with _kept(execution, _READABLE):
        execution.services.reader.read_through(bundle)
    execution.bundle = bundle
    return bundle


class LoadScratch(DrillStep):
    """Load it into a database that nobody else knows."""

    key = keys.LOAD
    title = "Load it into a scratch database"

    def act(self, execution: DrillExecution) -> Outcome:
        """Load, then delete what was downloaded. A process that took over downloads it again first.

        Raises:
            BotError: see `Sides.load` and `FetchBundle.act`; ``no-second-database``, ``no-loader-role``,
                ``loader-too-powerful``.
        """
        facts = execution.env.database.inspect()
        check_second_database(execution.drill.environment, facts)
        check_loader(execution.drill.environment, facts.loader)
        bundle = execution.bundle or _fetched(execution, self.key)
        with _kept(execution, _RESTORED):
            name = execution.sides.load(execution.drill.id, bundle, execution.reporter(self.key))
        execution.clear_scratch()
        size_bytes = execution.sides.inspect(name).size_bytes
        return Outcome(f"{name}, {size_bytes / 1e6:.1f} MB on disk", {keys.DATABASE_BYTES: size_bytes})


class CompareLoaded(DrillStep):
    """Rows and content of every table; what was proven is kept with the bundle."""

    key = keys.COMPARE
    title = "Compare every table with its manifest"

    def act(self, execution: DrillExecution) -> Outcome:
        """Count, hash, compare.

        Raises:
            PermanentError: ``bundle-differs``.
        """
        backup, name = execution.backup(), execution.sides.name("side", execution.drill.id)
        tables = execution.sides.contents(name, execution.reporter(self.key))
        with _kept(execution, _RESTORED):
            compare(backup, tables)
        schema = execution.sides.inspect(name).schema
        note(execution.source, backup, Verification(_RESTORED, execution.services.clock.now(), schema_version=schema))
        rows = sum(table.rows for table in tables)
        proven = "equal to its manifest" if backup.manifest else "counted; no manifest to compare with"
        return Outcome(f"{rows:,} rows of {len(tables)} tables {proven}", {keys.ROWS: rows})


@contextmanager
def _kept(execution: DrillExecution, level: int) -> Iterator[None]:
    """Note with the bundle what speaks against it, so that nobody restores it.

    What another environment's server cannot load (a role, an extension, a setting that it lacks) speaks against that
    server as well, so it is not noted.
    """
    try:
        with verdict_on(level):
            yield
    except FaultError as fault:
        execution.check_again()  # an owner that was replaced may have met what its successor does to the same database
        elsewhere = execution.drill.bundle_of != execution.drill.environment
        if not (elsewhere and fault.error.reference in _HERE):
            result = Verification(fault.level, execution.services.clock.now(), fault.problem)
            note(execution.source, execution.backup(), result)
        raise fault.error from fault
