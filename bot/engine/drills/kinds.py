"""Lists the steps of every kind of drill, in order."""

from collections.abc import Mapping

from bot.domain.drills import DrillKind
from bot.engine.drills.execution import DrillStep
from bot.engine.drills.steps.choose_backup import ChooseBundle, TakeBackup
from bot.engine.drills.steps.cleanup import ClearUp
from bot.engine.drills.steps.down_scripts import RunAlone, RunChain
from bot.engine.drills.steps.load_scratch import CompareLoaded, FetchBundle, LoadScratch
from bot.engine.drills.steps.negative_control import NegativeControl
from bot.engine.drills.steps.restore import ProveRestored, ProveUndone, RestoreBackup, UndoRestore

_LOADED = (ChooseBundle(), NegativeControl(), FetchBundle(), LoadScratch(), CompareLoaded())

STEPS: Mapping[DrillKind, tuple[DrillStep, ...]] = {
    DrillKind.RESTORE: (
        TakeBackup(),
        NegativeControl(),
        RestoreBackup(),
        ProveRestored(),
        UndoRestore(),
        ProveUndone(),
        ClearUp(),
    ),
    DrillKind.MIGRATION: (*_LOADED, RunAlone(), RunChain(), ClearUp()),
    DrillKind.BUNDLE: (*_LOADED, ClearUp()),
}


if set(STEPS) != set(DrillKind):  # pragma: no cover -- a kind without its row fails the import, not a user
    raise TypeError(f"no steps for drills of kind {set(DrillKind) - set(STEPS)}")
