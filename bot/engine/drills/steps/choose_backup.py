"""The bundle a drill practises on: taken for it, or the newest there is."""

from bot.domain.backups import Backup
from bot.engine.backups.create import take_bundle
from bot.engine.backups.jobs import serving
from bot.engine.context import Site
from bot.engine.drills.execution import BACKUP, OBJECT, Exercise, object_of
from bot.engine.drills.steps import keys
from bot.engine.drills.steps.step import Stage
from bot.engine.runs.steps.backup_and_export import LOOK_AMONG
from bot.engine.runs.steps.step import Outcome
from bot.errors import PermanentError
from bot.planning.refusals import another_run
from bot.planning.restore import check_server, newest_restorable

LABEL = "test-rollback"
"""The procedure's own word for a backup that is made to be restored."""
_AMONG = 50


class TakeBackup(Stage):
    """Take one as anybody would, by the one way there is."""

    key = keys.TAKE
    title = "Take a test-rollback backup"

    def act(self, exercise: Exercise) -> Outcome:
        """Dump, bundle, upload. Where a predecessor has finished that, its bundle is used.

        Raises:
            BotError: see `bot.engine.backups.create.take_bundle`; ``another-run-active``.
        """
        _check_free(exercise)
        before_s, label = _data_loss_s(exercise), f"{LABEL}-{exercise.drill.id}"
        found = _finished(exercise.site, label)
        if found is not None:
            return _outcome(found, {keys.DATA_LOSS_S: before_s})
        clock = exercise.workplace.clock
        begun_s = clock.monotonic()
        app, report = serving(exercise.site), exercise.reporter(self.key)
        backup = take_bundle(exercise.site, exercise.workplace, label, app, report)
        return _outcome(backup, {keys.DATA_LOSS_S: before_s, keys.TOOK_S: clock.monotonic() - begun_s})


def _check_free(exercise: Exercise) -> None:
    """Whoever rolls back for real goes first."""
    active = exercise.workplace.journal.active_run(exercise.drill.environment)
    if active is not None:
        raise another_run(active)


def _finished(site: Site, label: str) -> Backup | None:
    newest = site.store.list_backups(LOOK_AMONG)
    return next((b for b in newest if b.manifest is not None and b.name.label == label), None)


class ChooseBundle(Stage):
    """What a disaster now would be recovered from."""

    key = keys.CHOOSE
    title = "Find the newest bundle that can be restored"

    def act(self, exercise: Exercise) -> Outcome:
        """Look into the bucket of the environment whose bundle it is.

        Raises:
            PermanentError: ``no-restorable-backup``, ``server-too-old``.
        """
        environment = exercise.drill.environment
        backup = newest_restorable(exercise.source.store.list_backups(_AMONG), exercise.drill.bundle_of)
        check_server(backup, environment, exercise.site.database.inspect().server_version)
        return _outcome(backup, {keys.DATA_LOSS_S: _data_loss_s(exercise)})


def _data_loss_s(exercise: Exercise) -> float | None:
    """Age of the newest restorable bundle when the drill began; its own, and whatever came later, do not count."""
    begun_at = exercise.drill.started_at or exercise.workplace.clock.now()
    before = [b for b in exercise.source.store.list_backups(_AMONG) if b.name.created_at <= begun_at]
    others = [b for b in before if not b.name.label.endswith(exercise.drill.id)]
    try:
        newest = newest_restorable(others, exercise.drill.bundle_of)
    except PermanentError:
        return None
    return (begun_at - newest.name.created_at).total_seconds()


def _outcome(backup: Backup, data: dict[str, float | None]) -> Outcome:
    size = f"{backup.stored.size_bytes / 1e6:.1f} MB"
    known = {BACKUP: str(backup.name), OBJECT: object_of(backup), keys.BUNDLE_BYTES: backup.stored.size_bytes}
    return Outcome(f"{backup.name}, {size}", {**data, **known})
