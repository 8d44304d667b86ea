"""Every step by its key."""

from collections.abc import Mapping

from bot.engine.steps.action import Action
from bot.engine.steps.recheck import Recheck
from bot.engine.steps.regrowing import RegrowDropped, VerifyRegrown
from bot.engine.steps.restoring import FetchBundle, LoadSide, VerifySide
from bot.engine.steps.saving import EmergencyBackup, ExportRows
from bot.engine.steps.schema import FenceDatabase, RunChain, VerifySchema
from bot.engine.steps.smoke import SmokeTests
from bot.engine.steps.starting import StartApp
from bot.engine.steps.swapping import SwapDatabases, VerifySwapped
from bot.engine.steps.traffic import RestoreTraffic, StopTraffic
from bot.engine.steps.words import Document, FollowUp, Notify

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
        FenceDatabase(),
        ExportRows(),
        RunChain(),
        VerifySchema(),
        SwapDatabases(),
        VerifySwapped(),
        RegrowDropped(),
        VerifyRegrown(),
        StartApp(),
        SmokeTests(),
        RestoreTraffic(),
        Document(),
        FollowUp(),
    )
}
