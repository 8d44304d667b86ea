"""Saves what may be needed again: the whole database as an emergency backup, then the very rows that go."""

from dataclasses import asdict
from datetime import UTC, datetime

from bot.domain.backups import Backup
from bot.domain.plans import ChainPlan, SchemaPlan, narrow
from bot.domain.versions import label
from bot.engine.backups.create import take_bundle
from bot.engine.runs.execution import Execution
from bot.engine.runs.steps.step import Action, Outcome
from bot.errors import PermanentError
from bot.planning import checklist
from bot.planning.kinds import KINDS

LOOK_AMONG = 20
"""Newest backups among which a run's own is looked for; fewer are taken during a run."""


class EmergencyBackup(Action):
    """Take a real bundle while the app still serves."""

    key = checklist.BACKUP
    patience_s = 300.0

    def probe(self, execution: Execution) -> Outcome | None:
        """Find this run's finished bundle in the bucket, taken since the plan was last checked."""
        label_ = backup_label(execution)
        checked = execution.run.step(checklist.RECHECK).ended_at
        # A bundle from before the re-check may lack rows written since. Names of backups have whole seconds.
        since = checked.replace(microsecond=0) if checked else datetime.min.replace(tzinfo=UTC)
        newest = execution.env.store.list_backups(LOOK_AMONG)
        ours = (b for b in newest if b.is_signed and b.name.label == label_)
        found = next((b for b in ours if b.name.created_at >= since), None)
        return _outcome(found) if found else None

    def act(self, execution: Execution) -> Outcome:
        """Take it.

        Raises:
            BotError: see `bot.engine.backups.create.take_bundle`.
        """
        env, report = execution.env, execution.reporter(self.key)
        app_version = execution.run.plan.from_app
        return _outcome(take_bundle(env, execution.services, backup_label(execution), app_version, report))


def backup_label(execution: Execution) -> str:
    """Build the label of a run's emergency backup, e.g. ``pre-rollback-027-rk3f9a``."""
    plan = narrow(execution.run.plan, SchemaPlan)
    return f"pre-{KINDS[plan.kind].backup_before}-{label(min(plan.versions))}-{execution.run.id}"


def _outcome(backup: Backup) -> Outcome:
    size = f"{backup.stored.size_bytes / 1e6:.1f} MB"
    return Outcome(f"{backup.name}, {size}", {"backup": str(backup.name), "key": backup.stored.key})


class ExportRows(Action):
    """Save every row the chain drops, with exclusive access, so that nothing can be written in between."""

    key = checklist.EXPORT
    patience_s = 120.0

    def probe(self, execution: Execution) -> Outcome | None:
        """Never take an older export for this one: rows may have changed since an older try."""
        del execution
        return None

    def act(self, execution: Execution) -> Outcome:
        """Copy out, read back, compare counts.

        Raises:
            PermanentError: ``export-incomplete`` when what is stored is not what the server sent.
        """
        tables = exported_tables(execution)
        store = execution.env.store.open_export(execution.run.id)
        with execution.exclusive_session() as session:
            sequences, sent = session.export(tables, store.sink(), execution.reporter(self.key))
        export = store.finish(sequences, sent)
        # What counts is what can be read back, not what was sent.
        stored = {table.table: table.rows for table in export.tables}
        rows = {content.table: content.rows for content in sent}
        if stored != rows:
            wrong = sorted(name for name in {*stored, *rows} if stored.get(name) != rows.get(name))
            raise PermanentError(
                "export-incomplete",
                f"What the bucket holds of {', '.join(wrong)[:200]} is not what the server sent.",
                "Nothing has been dropped. Check the bucket, then start the rollback again.",
            )
        data = {"prefix": export.prefix, "rows": rows, "tables": [asdict(table) for table in export.tables]}
        return Outcome(f"{export.rows:,} rows of {len(export.tables)} tables, read back and counted", data)


def exported_tables(execution: Execution) -> list[str]:
    """List the relations whose rows are saved: those that go, those that change, and the tables of dropped columns."""
    rows = narrow(execution.run.plan, ChainPlan).rows
    names = {row.table.rpartition(".")[0] if row.reason == "column" else row.table for row in rows}
    return sorted(names)
