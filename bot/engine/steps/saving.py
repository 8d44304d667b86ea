"""Save before anything is dropped: the whole database, then the very rows that go."""

import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path

from bot.domain.backups import Backup, BackupName, Manifest
from bot.domain.versions import label
from bot.engine.execution import Execution
from bot.engine.steps.action import Action, Outcome
from bot.errors import PermanentError
from bot.planning import checklist
from bot.ports import Dump

SCRATCH_SHARE = 1.0
"""Free scratch space wanted, as a share of the database's size on disk; a dump is always smaller."""


class EmergencyBackup(Action):
    """Take a real bundle while the app still serves."""

    key = checklist.BACKUP
    patience_s = 300.0

    def probe(self, execution: Execution) -> Outcome | None:
        """Find this run's finished bundle in the bucket."""
        label_ = backup_label(execution)
        found = [b for b in execution.site.store.list_backups() if b.manifest is not None and b.name.label == label_]
        return _outcome(found[0]) if found else None

    def act(self, execution: Execution) -> Outcome:
        """Dump, bundle, upload; the manifest beside it last.

        Raises:
            PermanentError: ``scratch-full``, and what the dump and the store raise.
        """
        database = execution.site.database
        _check_scratch(execution.workplace.scratch_dir, database.inspect().size_bytes)
        report = execution.reporter(self.key)
        with tempfile.TemporaryDirectory(dir=execution.workplace.scratch_dir, prefix="backstop-dump-") as scratch:
            directory = Path(scratch) / "dump"
            dump = database.dump(directory, report)
            backup = execution.site.store.put_bundle(directory, _manifest(execution, dump), report)
        return _outcome(backup)


def backup_label(execution: Execution) -> str:
    """The label of a run's emergency backup, e.g. ``pre-rollback-027-rk3f9a``."""
    oldest = min(script.version for script in execution.run.plan.scripts)
    return f"pre-rollback-{label(oldest)}-{execution.run.id}"


def _manifest(execution: Execution, dump: Dump) -> Manifest:
    environment = execution.site.environment.name
    facts = execution.site.database.inspect()
    name = BackupName(environment, backup_label(execution), dump.taken_at)
    return Manifest(
        format=1,
        name=str(name),
        environment=environment,
        label=name.label,
        created_at=dump.taken_at,
        app_version=execution.run.plan.from_app,
        schema_version=facts.schema,
        server_version=facts.server_version,
        tool_version=dump.tool_version,
        files=(),
        tables=tuple(dump.tables),
    )


def _outcome(backup: Backup) -> Outcome:
    size = f"{backup.stored.size_bytes / 1e6:.1f} MB"
    return Outcome(f"{backup.name}, {size}", {"backup": str(backup.name), "key": backup.stored.key})


def _check_scratch(directory: Path, size_bytes: int) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(directory).free
    if free < size_bytes * SCRATCH_SHARE:
        raise PermanentError(
            "scratch-full",
            f"The dump may need {size_bytes / 1e6:.0f} MB and the scratch directory has {free / 1e6:.0f} MB free.",
            "Free space there, or point scratch_dir at a larger disk.",
        )


class ExportRows(Action):
    """Save every row the chain drops, with the database fenced, so that nothing can be written in between."""

    key = checklist.EXPORT
    patience_s = 120.0

    def probe(self, execution: Execution) -> Outcome | None:
        """A finished export counts only if this step was finished: rows may have changed since an older try."""
        del execution
        return None

    def act(self, execution: Execution) -> Outcome:
        """Copy out, read back, compare counts.

        Raises:
            PermanentError: ``export-incomplete`` when what is stored is not what the server sent.
        """
        tables = exported_tables(execution)
        store = execution.site.store.open_export(execution.run.id)
        with execution.fenced() as session:
            sequences, sent = session.export(tables, store.sink(), execution.reporter(self.key))
        export = store.finish(sequences)
        stored = {table.table: table.rows for table in export.tables}
        if stored != dict(sent):
            wrong = sorted(name for name in {*stored, *sent} if stored.get(name) != sent.get(name))
            raise PermanentError(
                "export-incomplete",
                f"What the bucket holds of {', '.join(wrong)[:200]} is not what the server sent.",
                "Nothing has been dropped. Check the bucket, then start the rollback again.",
            )
        data = {"prefix": export.prefix, "rows": dict(sent), "tables": [asdict(table) for table in export.tables]}
        return Outcome(f"{export.rows:,} rows of {len(export.tables)} tables, read back and counted", data)


def exported_tables(execution: Execution) -> list[str]:
    """Relations whose rows are saved: those that go, those that change, and the tables of columns that go."""
    names = {row.table.rpartition(".")[0] if row.reason == "column" else row.table for row in execution.run.plan.rows}
    return sorted(names)
