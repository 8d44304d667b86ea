"""Every kind's stages, in order."""

from collections.abc import Mapping

from bot.domain.drills import DrillKind
from bot.engine.exercises.choosing import ChooseBundle, TakeBackup
from bot.engine.exercises.clearing import ClearUp
from bot.engine.exercises.control import NegativeControl
from bot.engine.exercises.loading import CompareLoaded, FetchBundle, LoadScratch
from bot.engine.exercises.restoring import ProveRestored, ProveUndone, RestoreBackup, UndoRestore
from bot.engine.exercises.scripts import RunAlone, RunChain
from bot.engine.exercises.stage import Stage

_LOADED = (ChooseBundle(), NegativeControl(), FetchBundle(), LoadScratch(), CompareLoaded())

STAGES: Mapping[DrillKind, tuple[Stage, ...]] = {
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
