"""Presents damaged bundles that must be refused (negative control): a drill that could not fail would prove nothing."""

import shutil
from collections.abc import Iterable

from bot.domain.backups import Backup
from bot.domain.drills import Corruption
from bot.engine.backups.verdict import DAMAGED
from bot.engine.drills.execution import DrillExecution, DrillStep
from bot.engine.drills.steps import keys
from bot.engine.preview.undo_rollback import check_room
from bot.engine.runs.steps.step import Outcome
from bot.errors import PermanentError

_COPIES = {
    Corruption.CUT: "a copy that ends in the middle",
    Corruption.SHORTENED: "a copy repacked without its last members",
    Corruption.FLIPPED: "a copy with one bit changed",
    Corruption.EDITED: "a copy repacked with one byte of a member changed",
}
_TELLS_ITSELF = (Corruption.CUT, Corruption.FLIPPED)
"""What gzip alone finds. Of a bundle without a manifest nothing else can be known."""


class NegativeControl(DrillStep):
    """Truncated and tampered copies go the way of every bundle, and must not arrive."""

    key = keys.CONTROL
    title = "Present truncated and tampered copies: each must be refused"

    def act(self, execution: DrillExecution) -> Outcome:
        """Present them one after the other.

        Raises:
            PermanentError: ``control-passed`` names the copy that was accepted.
            BotError: something else went wrong: that refuses nothing and proves nothing.
        """
        backup = execution.backup()
        check_room(execution.services, backup)
        corruptions: Iterable[Corruption] = Corruption if backup.manifest else _TELLS_ITSELF
        refused = {corrupt.value: _present(execution, backup, corrupt) for corrupt in corruptions}
        said = ", ".join(f"{corrupt} {reference}" for corrupt, reference in refused.items())
        lacking = "" if backup.manifest else "; it has no manifest, so a repacked copy could not be found out"
        return Outcome(f"refused as they should be: {said}{lacking}", {"refused": refused})


def _present(execution: DrillExecution, backup: Backup, corrupt: Corruption) -> str:
    """Present one; returns the reference it was refused with."""
    directory = execution.scratch()
    try:
        execution.source.store.fetch_corrupted(backup, directory, corrupt, execution.reporter(keys.CONTROL))
    except PermanentError as error:
        if error.reference not in DAMAGED:
            raise
        return error.reference
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    raise PermanentError(
        "control-passed",
        f"{_COPIES[corrupt].capitalize()} of {backup.name} was accepted as if it were whole.",
        "No backup's digests can be relied on until that is fixed: a damaged one would be restored as well.",
    )
