"""Chooses the bundle a drill practises on: one taken for it, or the newest there is."""

from bot.domain.backups import Backup
from bot.engine.backups.create import serving, take_bundle
from bot.engine.context import EnvironmentServices
from bot.engine.drills.execution import BACKUP, OBJECT, DrillExecution, DrillStep, identify
from bot.engine.drills.steps import keys
from bot.engine.runs.steps.backup_and_export import LOOK_AMONG
from bot.engine.runs.steps.step import Outcome
from bot.errors import PermanentError
from bot.planning.refusals import another_run
from bot.planning.restore import check_server, newest_restorable

LABEL = "test-rollback"
"""The procedure's own word for a backup that is made to be restored."""
_AMONG = 50


class TakeBackup(DrillStep):
    """Take one as anybody would, by the one way there is."""

    key = keys.TAKE
    title = "Take a test-rollback backup"

    def act(self, execution: DrillExecution) -> Outcome:
        """Dump, bundle, upload. Where a predecessor has finished that, its bundle is used.

        Raises:
            BotError: see `bot.engine.backups.create.take_bundle`; ``another-run-active``.
        """
        _check_free(execution)
        before_s, label = _data_loss_s(execution), f"{LABEL}-{execution.drill.id}"
        found = _finished(execution.env, label)
        if found is not None:
            return _outcome(found, {keys.DATA_LOSS_S: before_s})
        clock = execution.services.clock
        begun_s = clock.monotonic()
        app, report = serving(execution.env), execution.reporter(self.key)
        backup = take_bundle(execution.env, execution.services, label, app, report)
        return _outcome(backup, {keys.DATA_LOSS_S: before_s, keys.TOOK_S: clock.monotonic() - begun_s})


def _check_free(execution: DrillExecution) -> None:
    """Let a real rollback go first."""
    active = execution.services.journal.runs.active(execution.drill.environment)
    if active is not None:
        raise another_run(active)


def _finished(env: EnvironmentServices, label: str) -> Backup | None:
    newest = env.store.list_backups(LOOK_AMONG)
    return next((b for b in newest if b.is_signed and b.name.label == label), None)


class ChooseBundle(DrillStep):
    """Chooses the bundle that a disaster now would be recovered from."""

    key = keys.CHOOSE
    title = "Find the newest bundle that can be restored"

    def act(self, execution: DrillExecution) -> Outcome:
        """Look into the bucket of the environment whose bundle it is.

        Raises:
            PermanentError: ``no-restorable-backup``, ``server-too-old``.
        """
        environment = execution.drill.environment
        backup = newest_restorable(execution.source.store.list_backups(_AMONG), execution.drill.bundle_of)
        check_server(backup, environment, execution.env.database.inspect().server_version)
        return _outcome(backup, {keys.DATA_LOSS_S: _data_loss_s(execution)})


def _data_loss_s(execution: DrillExecution) -> float | None:
    """Age of the newest restorable bundle when the drill began; its own, and whatever came later, do not count."""
    begun_at = execution.drill.started_at or execution.services.clock.now()
    before = [b for b in execution.source.store.list_backups(_AMONG) if b.name.created_at <= begun_at]
    others = [b for b in before if not b.name.label.endswith(execution.drill.id)]
    try:
        newest = newest_restorable(others, execution.drill.bundle_of)
    except PermanentError:
        return None
    return (begun_at - newest.name.created_at).total_seconds()


def _outcome(backup: Backup, data: dict[str, float | None]) -> Outcome:
    size = f"{backup.stored.size_bytes / 1e6:.1f} MB"
    known = {BACKUP: str(backup.name), OBJECT: identify(backup), keys.BUNDLE_BYTES: backup.stored.size_bytes}
    return Outcome(f"{backup.name}, {size}", {**data, **known})
