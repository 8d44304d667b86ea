"""Registers every step by its key."""

from collections.abc import Mapping

from bot.engine.runs.steps.backup_and_export import EmergencyBackup, ExportRows
from bot.engine.runs.steps.load_side import FetchBundle, LoadSide, VerifySide
from bot.engine.runs.steps.notify import Document, FollowUp, Notify
from bot.engine.runs.steps.recheck import Recheck
from bot.engine.runs.steps.run_chain import RunChain, TakeExclusiveAccess, VerifySchema
from bot.engine.runs.steps.smoke import SmokeTests
from bot.engine.runs.steps.start_app import StartApp
from bot.engine.runs.steps.step import Action
from bot.engine.runs.steps.swap import SwapDatabases, VerifySwapped
from bot.engine.runs.steps.traffic import RestoreTraffic, StopTraffic
from bot.engine.runs.steps.undo_rollback import RecreateDropped, VerifyRecreated

ACTIONS: Mapping[str, Action] = {
    action.key: action
    for action in (
        Notify(),
        Recheck(),
        EmergencyBackup(),
        FetchBundle(),
        LoadSide(),
        VerifySide(),
        StopTraffic(),
        TakeExclusiveAccess(),
        ExportRows(),
        RunChain(),
        VerifySchema(),
        SwapDatabases(),
        VerifySwapped(),
        RecreateDropped(),
        VerifyRecreated(),
        StartApp(),
        SmokeTests(),
        RestoreTraffic(),
        Document(),
        FollowUp(),
    )
}
